"""Which scheduled actions are refused, and why."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from settings.schedule import ScheduledAction


def action(toml: str = "", **values: Any) -> ScheduledAction:
    given = {"name": "Morning", "schedule": "cron(0 8 ? * MON-FRI *)", "min_capacity": 1}
    return ScheduledAction.model_validate(given | tomllib.loads(toml) | values)


def refused(toml: str = "", **values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        action(toml, **values)
    (error,) = caught.value.errors()
    problems = error["ctx"]["problems"]
    return "\n".join(f"{each.key} is {each.got}: {each.why}; {each.fix}" for each in problems)


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 8 ? * MON-FRI *)",
        "cron(30 6 ? * MON *)",
        "cron(0/15 8-17 ? * 2-6 2027-2030)",
        "cron(0 0 1,15 * ? *)",
        "cron(0 0 L JAN,JUL ? *)",
        "cron(0 0 3W */2 ? *)",
        "cron(0 0 31W * ? *)",
        "cron(0 0 LW * ? *)",
        "cron(0 18 ? * 6L *)",
        "cron(0 18 ? * FRIL *)",
        "cron(0 9 ? * MON#1 2027)",
        "cron(0 9 ? * 7#5 2027)",
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(12 hours)",
        "rate(1 day)",
        "at(2027-01-31T08:00:00)",
    ],
)
def test_schedules_that_application_auto_scaling_has_are_accepted(schedule: str) -> None:
    assert action(schedule=schedule).schedule == schedule


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("0 8 * * *", "takes cron expressions of six fields"),
        ("cron(0 8 * * MON-FRI)", "takes cron expressions of six fields"),
        (
            "cron(0 8 * * MON-FRI *)",
            "exactly one of the day of the month and the day of the week must be ?",
        ),
        (
            "cron(0 8 ? * ? *)",
            "exactly one of the day of the month and the day of the week must be ?",
        ),
        ("cron(60 8 ? * MON *)", "60 is not a valid minute: it must be from 0 to 59"),
        ("cron(0 24 ? * MON *)", "24 is not a valid hour: it must be from 0 to 23"),
        ("cron(0 8 32 * ? *)", "32 is not a valid day of the month: it must be from 1 to 31"),
        ("cron(0 8 ? 13 MON *)", "13 is not a valid month: it must be from 1 to 12, or JAN to"),
        (
            "cron(0 8 ? * 0 *)",
            "0 is not a valid day of the week: it must be from 1 to 7, or SUN to SAT",
        ),
        ("cron(0 8 ? * MO *)", "MO is not a valid day of the week"),
        ("cron(0 8 ? * 8L *)", "8L is not a valid day of the week"),
        ("cron(0 8 ? * JUL *)", "JUL is not a valid day of the week"),
        ("cron(0 8 ? * MON#6 *)", "MON#6 is not a valid day of the week"),
        ("cron(0 8 0W * ? *)", "0W is not a valid day of the month"),
        ("cron(0 8 32W * ? *)", "32W is not a valid day of the month"),
        ("cron(0 8 ? * MON 1969)", "1969 is not a valid year"),
        ("cron(0/0 8 ? * MON *)", "0/0 is not a valid minute: a step is a number above 0"),
        ("cron(0-5-9 8 ? * MON *)", "0-5-9 is not a valid minute: a range has two ends"),
        ("rate(1 minutes)", "takes cron expressions of six fields"),
        ("rate(5 minute)", "takes cron expressions of six fields"),
        ("rate(0 hours)", "takes cron expressions of six fields"),
        ("at(2027-02-30T08:00:00)", "day is out of range for month"),
        ("at(2027-01-31 08:00:00)", "takes cron expressions of six fields"),
        ("at(2027-01-31T08:00:00Z)", "takes cron expressions of six fields"),
    ],
)
def test_other_schedules_are_refused_with_the_field_that_is_wrong(schedule: str, said: str) -> None:
    line = refused(schedule=schedule)
    assert line.startswith(f"schedule is {schedule}: ")
    assert said in line
    assert 'write like "cron(0 8 ? * MON-FRI *)"' in line


@pytest.mark.parametrize(
    ("fields", "name", "least", "greatest"),
    [
        ("{} 8 ? * MON *", "minute", 0, 59),
        ("0 {} ? * MON *", "hour", 0, 23),
        ("0 8 {} * ? *", "day of the month", 1, 31),
        ("0 8 ? {} MON *", "month", 1, 12),
        ("0 8 ? * {} *", "day of the week", 1, 7),
        ("0 8 ? * MON {}", "year", 1970, 2199),
    ],
)
def test_a_field_is_accepted_from_its_least_to_its_greatest_number_and_not_beyond(
    fields: str, name: str, least: int, greatest: int
) -> None:
    for number in (least, greatest):
        schedule = f"cron({fields.format(number)})"
        assert action(schedule=schedule).schedule == schedule
    for number in (least - 1, greatest + 1):
        said = f"{number} is not a valid {name}: it must be from {least} to {greatest}"
        assert said in refused(schedule=f"cron({fields.format(number)})")


@pytest.mark.parametrize(
    ("fields", "other", "names"),
    [
        ("0 8 ? {} MON *", "0 8 ? * {} *", "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"),
        ("0 8 ? * {} *", "0 8 ? {} MON *", "SUN MON TUE WED THU FRI SAT"),
    ],
    ids=["months", "weekdays"],
)
def test_every_month_and_every_weekday_may_be_written_by_its_name_and_only_in_its_field(
    fields: str, other: str, names: str
) -> None:
    first, *_, last = names.split()
    assert f", or {first} to {last}; " in refused(schedule=f"cron({fields.format('NAME')})")
    for name in names.split():
        schedule = f"cron({fields.format(name)})"
        assert action(schedule=schedule).schedule == schedule
        assert f"{name} is not a valid" in refused(schedule=f"cron({other.format(name)})")


@given(st.datetimes())
def test_any_time_is_accepted(time: datetime) -> None:
    assert action(schedule=f"at({time.replace(microsecond=0).isoformat()})")


@given(st.text(alphabet="cronateat() 0189*?/,-#LWMONJAN:TZ", max_size=30))
def test_no_text_is_a_traceback(text: str) -> None:
    with suppress(ValidationError):
        assert action(schedule=text).schedule == text


def test_times_without_an_offset_are_refused_since_aws_means_utc() -> None:
    assert refused("start_time = 2027-01-31T08:00:00") == (
        "start_time is 2027-01-31 08:00:00: the time zone is missing; write 2027-01-31T08:00:00Z"
    )
    assert "end_time is 2027" in refused("end_time = 2027-01-31T08:00:00")
    assert action("start_time = 2027-01-31T08:00:00Z").start_time


@pytest.mark.parametrize("end", ["2027-01-31T08:00:00Z", "2027-01-31T09:00:00+02:00"])
def test_an_end_that_is_not_after_the_beginning_is_refused(end: str) -> None:
    start = "start_time = 2027-01-31T08:00:00Z"
    assert "it is not after start_time" in refused(f"{start}\nend_time = {end}")
    assert action(f"{start}\nend_time = 2027-01-31T08:00:01Z")


def test_a_beginning_of_an_action_that_happens_once_is_refused() -> None:
    once = {"schedule": "at(2027-01-31T08:00:00)"}
    assert "an action that happens once has neither beginning nor end" in refused(
        "start_time = 2027-01-31T08:00:00Z", **once
    )


def test_a_time_zone_must_exist_and_a_rate_has_none() -> None:
    assert action(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    assert "timezone is Berlin: this time zone does not exist" in refused(timezone="Berlin")
    rate = {"schedule": "rate(1 day)", "timezone": "Europe/Berlin"}
    assert "timezone is Europe/Berlin: a rate has no time of day" in refused(**rate)


def test_an_action_has_a_bound_and_no_minimum_above_its_maximum() -> None:
    assert "min_capacity is missing: the action would" in refused(min_capacity=None)
    assert "min_capacity is 3: it is above max_capacity, which is 2" in refused(
        min_capacity=3, max_capacity=2
    )
