"""The sample request, sent to a loaded model: in every format, and with many rows at once."""

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
    f"the model answers {SAMPLE} with status 200, in every format that the code names",
    "Callers get a ModelError.",
)
FORMATS = rule(
    "trial-formats",
    Severity.WARNING,
    "the same rows get the same answer in every format",
    "A client that changes the format gets other predictions.",
)
NO_SAMPLE = rule(
    "trial-sample",
    Severity.INFO,
    f"the archive has a sample request: {SAMPLE}",
    "Nothing, but nobody tries the model's answers before the deployment.",
)


class Asked:
    """The requests to a loaded model, and what they showed."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self.seconds: dict[int, float] = {}
        """The median time of an answer, by the number of rows."""
        self.formats: list[str] = []
        """The content types with the same answer."""

    def sample(self, contents: ArchiveContents) -> Iterator[Finding]:
        """Send the sample request in every format that the code names."""
        sample = contents.sources.get(SAMPLE)
        if sample is None:
            yield Finding(
                NO_SAMPLE,
                SAMPLE,
                "the archive has no such file, so no request was tried",
                "write a typical request into it",
            )
            return
        try:
            rows = rows_of(sample)
        except ValueError as error:
            yield Finding(
                ANSWER, SAMPLE, f"it is not JSON: {error}", "write a typical request as JSON"
            )
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
                    f"the answer to {content_type} is {_short(answer.body)}, but the answer to "
                    f"{JSON} is {_short(first.body)}",
                    "read every format into the same type of numbers, such as float64",
                )
            else:
                self.formats.append(content_type)

    def _measure(self, rows: Rows) -> None:
        """Measure answers to one row and to many, for at most a second each."""
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
        f"the request as {content_type} fails: {status}{_short(answer.body)}",
        "correct the script or the sample",
    )


def _short(body: bytes) -> str:
    text = " ".join(re.sub(r"<[^>]*>", " ", body.decode("utf-8", "replace")).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
