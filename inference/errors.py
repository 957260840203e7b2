"""What can go wrong with an invocation.

InvocationError
├── PayloadError          the rows, or the answer, do not fit the format
├── RefusedError          SageMaker refused the request: no such endpoint, too large, ...
├── ModelFailedError      the container answered with an error
└── UnavailableError      no answer: throttled, no instance ready, no connection, no reply in time
"""

from __future__ import annotations


class InvocationError(Exception):
    """An invocation without an answer; the message is one line and says what to do."""


class PayloadError(InvocationError):
    """Rows that cannot be written in a format, or a body that cannot be read in it."""


class RefusedError(InvocationError):
    """A request that SageMaker itself refused, and would refuse again."""


class ModelFailedError(InvocationError):
    """A request that reached the container, which answered with an error.

    status is the container's: 4xx if it refuses the request, 5xx if it fails. body is its answer,
    which SageMaker cuts off if it is long. log_group is the place of its log, which may say more.
    """

    def __init__(self, message: str, *, status: int, body: str, log_group: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.log_group = log_group


class UnavailableError(InvocationError):
    """A request that may succeed later: SageMaker throttled it, or no instance was ready."""
