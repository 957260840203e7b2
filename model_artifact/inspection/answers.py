"""The sample request, asked of a model that is loaded: in every format, and many rows at once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http import HTTPStatus
from statistics import median

from model_artifact.inspection.contents import ArchiveContents
from model_artifact.inspection.findings import Finding, Severity, rule
from model_artifact.inspection.sample import ENCODERS, JSON, Rows, claimed, rows_of
from model_artifact.inspection.serving import Answer, Serving

SAMPLE = "code/sample.json"

MANY_ROWS = 1000

ANSWER = rule(
    "trial-answer",
    Severity.ERROR,
    f"{SAMPLE} is answered with status 200, in every format that the code names",
    "Callers get a ModelError.",
)
FORMATS = rule(
    "trial-formats",
    Severity.WARNING,
    "the same rows get the same answer, whichever format they are sent in",
    "A client that changes the format gets other predictions.",
)
NO_SAMPLE = rule(
    "trial-sample",
    Severity.INFO,
    f"there is a sample request to ask: {SAMPLE}",
    "Nothing; but whether the model answers is not tried before it is deployed.",
)


class Asked:
    """The questions put to a model that is loaded, and what came of them."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self.seconds: dict[int, float] = {}
        """How long an answer takes, the median, by the number of rows."""
        self.formats: list[str] = []
        """The content types that got the same answer."""

    def sample(self, contents: ArchiveContents) -> Iterator[Finding]:
        """Ask the sample request, in every format that the code names."""
        sample = contents.sources.get(SAMPLE)
        if sample is None:
            yield Finding(
                NO_SAMPLE, SAMPLE, "there is none, so nothing was asked", "write a typical request"
            )
            return
        try:
            rows = rows_of(sample)
        except ValueError as error:
            yield Finding(ANSWER, SAMPLE, f"it is not JSON: {error}", "write a typical request")
            return
        first = self._serving.ask(sample, JSON, JSON)
        if problem := _problem(first, JSON):
            yield problem
            return
        self.formats = [JSON]
        if rows:
            yield from self._in_every_format(rows, first, contents)
            self._measure(rows)

    def _in_every_format(
        self, rows: Rows, first: Answer, contents: ArchiveContents
    ) -> Iterator[Finding]:
        modules = (text for name, text in contents.sources.items() if name.endswith(".py"))
        for content_type in claimed(modules):
            if content_type == JSON:
                continue
            answer = self._serving.ask(ENCODERS[content_type](rows), content_type, JSON)
            if problem := _problem(answer, content_type):
                yield problem
            elif answer.body != first.body:
                yield Finding(
                    FORMATS,
                    SAMPLE,
                    f"as {content_type} it is answered with {_short(answer.body)}, and as {JSON} "
                    f"with {_short(first.body)}",
                    "read every format into the same type of numbers, such as float64",
                )
            else:
                self.formats.append(content_type)

    def _measure(self, rows: Rows) -> None:
        """Take the median of some answers, to one row and to many; for a second at the most."""
        for count in (1, MANY_ROWS):
            body = ENCODERS[JSON]((rows * count)[:count])
            until = time.monotonic() + 1
            taken: list[float] = []
            while not taken or (time.monotonic() < until and len(taken) < 50):
                began = time.monotonic()
                if self._serving.ask(body, JSON, JSON).status != HTTPStatus.OK:
                    return
                taken.append(time.monotonic() - began)
            self.seconds[count] = median(taken)


def _problem(answer: Answer, content_type: str) -> Finding | None:
    if answer.status == HTTPStatus.OK:
        return None
    status = f"status {answer.status}: " if answer.status else ""
    return Finding(
        ANSWER,
        SAMPLE,
        f"as {content_type} it is answered with {status}{_short(answer.body)}",
        "correct the handler, or the sample",
    )


def _short(body: bytes) -> str:
    text = " ".join(re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
