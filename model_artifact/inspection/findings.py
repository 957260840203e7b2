"""What inspection can find: each rule by a stable id, and one thing found by it."""

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
    """One kind of problem; docs/inspection.md is made of these."""

    id: str
    severity: Severity
    about: str
    """What is looked at."""
    why: str
    """What would happen on SageMaker."""


@dataclass(frozen=True)
class Finding:
    """One thing found in an archive."""

    rule: Rule
    member: str
    """The archive's member that it is about; empty where it is about the whole."""
    got: str
    """What was found there."""
    fix: str = ""
    """What to do about it; empty where nothing is to be done."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs, where there is more than the sentence says."""

    def __str__(self) -> str:
        parts = [self.rule.severity.name.lower(), self.member, f"{self.got} [{self.rule.id}]"]
        line = ": ".join(part for part in parts if part)
        return f"{line}; {self.fix}" if self.fix else line

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it; from_json reads it again."""
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
"""Every rule by its id, in the order in which inspection goes through an archive."""


def rule(id: str, severity: Severity, about: str, why: str) -> Rule:
    """Add a rule to RULES."""
    RULES[id] = Rule(id, severity, about, why)
    return RULES[id]
