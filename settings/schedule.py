"""Scheduled actions of a stage: other bounds of a count, by the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar
from zoneinfo import available_timezones

from pydantic import Field

from settings.errors import Problem
from settings.table import Cfn, Settings

_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"

# Application Auto Scaling API reference, PutScheduledAction, and its user guide, "Schedule
# recurring scaling actions": six fields, of which one of the two for days is "?".
_RATE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_CRON = re.compile(r"cron\((\S+(?: \S+){5})\)")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


class ScheduledAction(Settings):
    """Set other bounds at a time, once or again and again."""

    cloudformation: ClassVar[str] = f"{_TARGET}/ScheduledActions"

    name: Annotated[str, Cfn("ScheduledActionName")] = Field(
        pattern=r"^[^:/|\s]([^:/|]*[^:/|\s])?$", max_length=256, examples=["office hours"]
    )
    """The action's name."""
    schedule: str
    """When: "cron(0 8 ? * MON-FRI *)", "rate(12 hours)" or, once, "at(2027-01-31T08:00:00)"."""
    timezone: str = "UTC"
    """Whose time the schedule means, such as "Europe/Berlin", with its summer time.

    A rate has none: it counts from when it starts.
    """
    start_time: datetime | None = None
    """From when on a repeated schedule counts, such as 2027-01-31T08:00:00Z."""
    end_time: datetime | None = None
    """Until when it does."""
    min_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MinCapacity")] = Field(
        default=None, ge=0
    )
    """The fewest from then on.

    Raise it before the load comes, by as long as instances take to start.
    """
    max_capacity: Annotated[int | None, Cfn("ScalableTargetAction/MaxCapacity")] = Field(
        default=None, ge=0
    )
    """The most from then on."""

    def problems(self) -> Iterator[Problem]:
        """Yield a time that nobody understands, and bounds that exclude each other."""
        why = _why_not(self.schedule)
        if why:
            yield Problem(
                "schedule",
                self.schedule,
                why,
                'write like "cron(0 8 ? * MON-FRI *)", "rate(12 hours)", "at(2027-01-31T08:00:00)"',
            )
        yield from self._time_problems()
        low, high = self.min_capacity, self.max_capacity
        if low is None and high is None:
            yield Problem(
                "min_capacity", "missing", "the action would change nothing", "add a bound"
            )
        elif low is not None and high is not None and low > high:
            yield Problem(
                "min_capacity",
                low,
                f"it is above max_capacity, {high}",
                f"lower it to {high} or raise max_capacity",
            )

    def _time_problems(self) -> Iterator[Problem]:
        zones = available_timezones()
        if zones and self.timezone not in zones:
            yield Problem(
                "timezone",
                self.timezone,
                "there is no such time zone",
                'write like "Europe/Berlin"',
            )
        elif self.schedule.startswith("rate") and self.timezone != "UTC":
            yield Problem("timezone", self.timezone, "a rate has no time of day", "remove it")
        given = {"start_time": self.start_time, "end_time": self.end_time}
        for key, time in given.items():
            if time is not None and self.schedule.startswith("at"):
                why = "what happens once has neither beginning nor end"
                yield Problem(key, time, why, "remove it")
            elif time is not None and time.tzinfo is None:
                # Of the action's own time zone, or UTC? AWS means UTC, readers either.
                yield Problem(
                    key, time, "it does not say in which time zone", f"write {time.isoformat()}Z"
                )
        start, end = given.values()
        if start and end and start.tzinfo and end.tzinfo and start >= end:
            yield Problem("end_time", end, "it is not after start_time", "raise it")


def _why_not(schedule: str) -> str:
    """Say why Application Auto Scaling does not take a schedule; "" if it does."""
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
        return "Application Auto Scaling knows cron expressions of six fields, rates and times"
    fields = cron[1].split(" ")
    for field, (name, low, high, names, special) in zip(fields, _FIELDS, strict=True):
        if why := _why_no_field(field, low, high, names, special):
            return f"{field} is no {name}: {why}"
    if (fields[2], fields[4]).count("?") != 1:
        return "either the day of the month or the day of the week is ?, and the other is not"
    return ""


# Name, least and greatest number, names of the numbers, and what else a value may be.
_FIELDS: tuple[tuple[str, int, int, list[str], str], ...] = (
    ("minute", 0, 59, [], r"(?!)"),
    ("hour", 0, 23, [], r"(?!)"),
    ("day of the month", 1, 31, [], r"\?|L|LW|\d+W"),
    ("month", 1, 12, _MONTHS, r"(?!)"),
    ("day of the week", 1, 7, _WEEKDAYS, r"\?|L|\w+L|\w+#[1-5]"),
    ("year", 1970, 2199, [], r"(?!)"),
)


def _why_no_field(field: str, low: int, high: int, names: list[str], special: str) -> str:
    """Say why a field of a cron expression is none: lists of values, ranges and steps are."""
    for part in field.split(","):
        if re.fullmatch(special, part):
            continue
        values, _, step = part.partition("/")
        if "/" in part and not re.fullmatch(r"[1-9]\d*", step):
            return "a step is a number above 0"
        if values == "*":
            continue
        for value in values.split("-"):
            number = names.index(value) + low if value in names else value
            if not (str(number).isdecimal() and low <= int(number) <= high):
                return f"it goes from {low} to {high}" + (f", or {names[0]}…" if names else "")
        if values.count("-") > 1:
            return "a range has two ends"
    return ""
