"""Scheduled actions of a stage: other bounds of a count at given times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar
from zoneinfo import available_timezones

from pydantic import Field

from settings.table import Cfn, Problem, Settings

_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"

# Application Auto Scaling API reference, PutScheduledAction, and its user guide, "Schedule
# recurring scaling actions": six fields, of which one of the two for days is "?".
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((\S+(?: \S+){5})\)")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


class ScheduledAction(Settings):
    """Set other bounds at a given time, once or repeatedly."""

    cloudformation: ClassVar[str] = f"{_TARGET}/ScheduledActions"

    name: Annotated[str, Cfn("ScheduledActionName")] = Field(
        pattern=r"^[^:/|\s]([^:/|]*[^:/|\s])?$", max_length=256, examples=["office hours"]
    )
    """The action's name."""
    schedule: str
    """When: "cron(0 8 ? * MON-FRI *)", "rate(12 hours)" or, once, "at(2027-01-31T08:00:00)"."""
    timezone: str = "UTC"
    """The time zone of the schedule, such as "Europe/Berlin"; its summer time counts.

    A rate has none: it counts from when it starts.
    """
    start_time: datetime | None = None
    """When a repeated schedule begins, such as 2027-01-31T08:00:00Z."""
    end_time: datetime | None = None
    """When a repeated schedule ends."""
    min_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MinCapacity")] = Field(
        default=None, ge=0
    )
    """The smallest count from then on.

    Raise it before the load comes, early enough for instances to start.
    """
    max_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MaxCapacity")] = Field(
        default=None, ge=0
    )
    """The largest count from then on."""

    def problems(self) -> Iterator[Problem]:
        """Yield schedules that AWS does not take, and bounds that contradict each other."""
        if why := _why_not(self.schedule):
            fix = (
                'write like "cron(0 8 ? * MON-FRI *)", "rate(12 hours)", "at(2027-01-31T08:00:00)"'
            )
            yield self.wrong("schedule", why, fix)
        yield from self._time_problems()
        if self.min_capacity is None and self.max_capacity is None:
            why = "the action would change nothing"
            yield self.wrong("min_capacity", why, "add min_capacity or max_capacity")
        yield from self.above_bound("min_capacity", "max_capacity")

    def _time_problems(self) -> Iterator[Problem]:
        zones = available_timezones()
        if zones and self.timezone not in zones:
            fix = 'write like "Europe/Berlin"'
            yield self.wrong("timezone", "this time zone does not exist", fix)
        elif self.schedule.startswith("rate") and self.timezone != "UTC":
            yield self.wrong("timezone", "a rate has no time of day", "remove timezone")
        given = {"start_time": self.start_time, "end_time": self.end_time}
        for key, time in given.items():
            if time is not None and self.schedule.startswith("at"):
                why = "an action that happens once has neither beginning nor end"
                yield self.wrong(key, why, "remove it")
            elif time is not None and time.tzinfo is None:
                # AWS takes it for UTC, a reader may take it for the action's own time zone.
                yield self.wrong(key, "the time zone is missing", f"write {time.isoformat()}Z")
        start, end = given.values()
        if start and end and start.tzinfo and end.tzinfo and start >= end:
            yield self.wrong("end_time", "it is not after start_time", "write a later time")


def _why_not(schedule: str) -> str:
    """Return why Application Auto Scaling does not take a schedule, or "" if it does."""
    if _RATE.fullmatch(schedule):
        return ""
    if at := _AT.fullmatch(schedule):
        try:
            datetime.fromisoformat(at[1])
        except ValueError as error:
            return str(error)
        return ""
    cron = _CRON.fullmatch(schedule)
    if not cron:
        return "Application Auto Scaling takes cron expressions of six fields, rates and times"
    fields = cron[1].split(" ")
    for field, (name, low, high, names, special) in zip(fields, _FIELDS, strict=True):
        if why := _why_no_field(field, low, high, names, special):
            return f"{field} is not a valid {name}: {why}"
    if (fields[2], fields[4]).count("?") != 1:
        return "exactly one of the day of the month and the day of the week must be ?"
    return ""


# Name, least and greatest number, names of the numbers, and what else a value may be.
_FIELDS: tuple[tuple[str, int, int, list[str], str], ...] = (
    ("minute", 0, 59, [], r"(?!)"),
    ("hour", 0, 23, [], r"(?!)"),
    ("day of the month", 1, 31, [], r"\?|L|LW|(0?[1-9]|[12]\d|3[01])W"),
    ("month", 1, 12, _MONTHS, r"(?!)"),
    ("day of the week", 1, 7, _WEEKDAYS, rf"\?|L|([1-7]|{'|'.join(_WEEKDAYS)})(L|#[1-5])"),
    ("year", 1970, 2199, [], r"(?!)"),
)


def _why_no_field(field: str, low: int, high: int, names: list[str], special: str) -> str:
    """Return why a field of a cron expression is wrong: it has values, ranges and steps."""
    for part in field.split(","):
        if re.fullmatch(special, part):
            continue
        values, _, step = part.partition("/")
        if "/" in part and not re.fullmatch(r"[1-9]\d*", step):
            return "a step is a number above 0"
        if values == "*":
            continue
        for value in values.split("-"):
            if value not in names and not (value.isdecimal() and low <= int(value) <= high):
                named = f", or {names[0]} to {names[-1]}" if names else ""
                return f"it must be from {low} to {high}{named}"
        if values.count("-") > 1:
            return "a range has two ends"
    return ""
