"""What inspection can find: the rules, each with a stable id, and the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """How bad a finding is; the larger, the worse."""

    INFO = 0
    """Worth knowing."""
    WARNING = 1
    """May fail, or is not what an experienced operator would do; the deployment goes on."""
    ERROR = 2
    """Would fail on SageMaker, or is not safe to deploy; the deployment stops."""


@dataclass(frozen=True)
class Rule:
    """One kind of problem; docs/inspection.md is generated from the rules."""

    id: str
    severity: Severity
    about: str
    """What is checked."""
    why: str
    """What happens on SageMaker otherwise."""


@dataclass(frozen=True)
class Finding:
    """One thing found in an archive."""

    rule: Rule
    member: str
    """The member of the archive; empty if the finding is about the whole archive."""
    got: str
    """What was found there."""
    fix: str = ""
    """What to do about it; empty if nothing has to be done."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Figures for programs, if there are more than the sentence says."""

    def __str__(self) -> str:
        parts = [self.rule.severity.name.lower(), self.member, f"{self.got} [{self.rule.id}]"]
        line = ": ".join(part for part in parts if part)
        return f"{line}; {self.fix}" if self.fix else line

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values, which from_json reads."""
        return {
            "id": self.rule.id,
            "severity": self.rule.severity.name.lower(),
            "member": self.member,
            "got": self.got,
            "fix": self.fix,
            "figures": self.figures,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Finding:
        """Read what to_json wrote."""
        rule = RULES[found["id"]]
        return cls(rule, found["member"], found["got"], found["fix"], found["figures"])


RULES: dict[str, Rule] = {}
"""The rules by their ids, in the order in which inspection checks them."""


def rule(id: str, severity: Severity, about: str, why: str) -> Rule:
    """Add a rule to RULES."""
    RULES[id] = Rule(id, severity, about, why)
    return RULES[id]
