"""What can go wrong with an invocation.

InvocationError
├── PayloadError          the rows or the answer do not fit the format; nothing was sent, or read
├── RefusedError          SageMaker did not pass the request on: no such endpoint, too large, ...
├── ModelFailedError      the container answered with an error
└── UnavailableError      no answer: throttled, no instance ready, no connection, no reply in time
"""

from __future__ import annotations


class InvocationError(Exception):
    """An invocation that brought no answer; the message is one line and says what to do."""


class PayloadError(InvocationError):
    """Rows that cannot be written, or a body that cannot be read, in a format."""


class RefusedError(InvocationError):
    """A request that SageMaker itself refused; the same request would be refused again."""


class ModelFailedError(InvocationError):
    """A request that reached the container, which answered with an error.

    status is the container's own: 4xx for a request it refuses, 5xx for a failure of its own.
    body is its answer, which SageMaker cuts, and log_group is where it may have written more.
    """

    def __init__(self, message: str, *, status: int, body: str, log_group: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.log_group = log_group


class UnavailableError(InvocationError):
    """A request that may well be answered later: it was throttled, or nobody was there."""
