"""CloudWatch alarms, evaluated on what an update has seen, because moto only stores alarms.

The window is the whole update, however many periods the alarm asks for.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from local_cloud.sagemaker.instances.metrics import METRICS, NAMESPACE, Observation

Description: TypeAlias = Mapping[str, Any]
"""An alarm as DescribeAlarms has it."""

_OPERATORS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}
_MISSING = {"breaching": "ALARM", "notBreaching": "OK", "missing": "INSUFFICIENT_DATA"}
_OURS = {"evaluatedBy": "local cloud"}
"""StateReasonData of a state that was set here: any other may have been set by hand."""


class _NotEvaluable(Exception):  # noqa: N818  (a fact, not an error)
    """The alarm is about something that the local cloud does not observe."""


@dataclass(frozen=True)
class Evaluation:
    """The state that an alarm should have, and why."""

    state: str
    reason: str


def describe(cloudwatch: Any, names: Sequence[str]) -> dict[str, Description]:
    """Look alarms up by name, composite ones too; those that do not exist are left out."""
    if not names:
        return {}
    found = cloudwatch.describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    return {alarm["AlarmName"]: alarm for alarm in alarms}


def tripped(
    cloudwatch: Any, names: Sequence[str], endpoint_name: str, seen: Sequence[Observation]
) -> dict[str, str]:
    """Evaluate alarms, set their states, and give the reasons of those in ALARM, by name.

    An alarm that was set to ALARM by hand, or cannot be evaluated, keeps its state.
    """
    reasons = {}
    for name, alarm in describe(cloudwatch, names).items():
        by_hand = alarm["StateValue"] == "ALARM" and not _is_ours(alarm)
        evaluation = None if by_hand else evaluate(alarm, endpoint_name, seen)
        if evaluation is None:
            evaluation = Evaluation(alarm["StateValue"], alarm.get("StateReason", ""))
        elif evaluation.state != alarm["StateValue"]:
            cloudwatch.set_alarm_state(
                AlarmName=name,
                StateValue=evaluation.state,
                StateReason=evaluation.reason,
                StateReasonData=json.dumps(_OURS),
            )
        if evaluation.state == "ALARM":
            reasons[name] = evaluation.reason
    return reasons


def _is_ours(alarm: Description) -> bool:
    return bool(json.loads(alarm.get("StateReasonData") or "{}") == _OURS)


def evaluate(
    alarm: Description, endpoint_name: str, seen: Sequence[Observation]
) -> Evaluation | None:
    """Tell the state of an alarm about an endpoint, from its observations.

    None if the alarm is about something else, or cannot be evaluated.
    """
    if alarm.get("ComparisonOperator") not in _OPERATORS:
        return None
    breaches, words = _OPERATORS[alarm["ComparisonOperator"]]
    try:
        value = _value(alarm, endpoint_name, seen)
    except _NotEvaluable:
        return None
    if value is None:
        treatment = alarm.get("TreatMissingData") or "missing"
        if treatment not in _MISSING:
            return None
        return Evaluation(
            _MISSING[treatment], f"no datapoints were received, treated as {treatment}"
        )
    threshold = float(alarm["Threshold"])
    breached = breaches(value, threshold)
    return Evaluation(
        "ALARM" if breached else "OK",
        f"Threshold Crossed: 1 datapoint [{value:g}] was {'' if breached else 'not '}{words} the "
        f"threshold ({threshold:g}).",
    )


def _value(alarm: Description, endpoint_name: str, seen: Sequence[Observation]) -> float | None:
    if queries := alarm.get("Metrics"):
        return _math(queries, endpoint_name, seen)
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
    if statistic in ("Sum", "SampleCount") and alarm["ComparisonOperator"].startswith("Less"):
        # A count that is too low after a second may be enough in the alarm's own period.
        raise _NotEvaluable
    return _statistic(str(statistic), _values(alarm, endpoint_name, seen))


def _values(
    metric: Mapping[str, Any], endpoint_name: str, seen: Sequence[Observation]
) -> list[float]:
    """The values of an endpoint's metric, only one config's if a dimension names one."""
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []}
    name = metric.get("MetricName")
    config_name = dimensions.pop("EndpointConfigName", None)
    variant_name = dimensions.pop("VariantName", None)
    if (
        metric.get("Namespace") != NAMESPACE
        or name not in METRICS
        or variant_name is None
        or dimensions != {"EndpointName": endpoint_name}
    ):
        raise _NotEvaluable
    return [
        observation.values[name]
        for observation in seen
        if observation.variant_name == variant_name
        and config_name in (None, observation.config_name)
    ]


def _statistic(name: str, values: Sequence[float]) -> float | None:
    percentile = re.fullmatch(r"p(\d{1,2}(\.\d+)?|100)", name)
    if name not in _STATISTICS and not percentile:
        raise _NotEvaluable
    if not values:
        return None
    if percentile:
        rank = math.ceil(float(percentile[1]) / 100 * len(values))
        return sorted(values)[max(rank, 1) - 1]
    return float(_STATISTICS[name](values))


def _math(
    queries: Sequence[Mapping[str, Any]], endpoint_name: str, seen: Sequence[Observation]
) -> float | None:
    """Evaluate metric math on one datapoint of each metric."""
    by_id = {query["Id"]: query for query in queries}
    returned = [query for query in queries if query.get("ReturnData") in (None, True, "true")]
    if len(returned) != 1:
        raise _NotEvaluable

    def value(query: Mapping[str, Any], above: frozenset[str]) -> float | None:
        if query["Id"] in above:
            raise _NotEvaluable
        if stat := query.get("MetricStat"):
            return _statistic(stat["Stat"], _values(stat["Metric"], endpoint_name, seen))
        try:
            parsed = ast.parse(query.get("Expression", ""), mode="eval").body
        except SyntaxError:
            raise _NotEvaluable from None
        names = above | {query["Id"]}
        return _reduce(parsed, lambda name: value(_find(by_id, name), names))

    return value(returned[0], frozenset())


def _find(by_id: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if name not in by_id:
        raise _NotEvaluable
    return by_id[name]


_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVG": _STATISTICS["Average"],
    "MAX": max,
    "MIN": min,
    "SUM": sum,
}


def _reduce(node: ast.expr, value: Callable[[str], float | None]) -> float | None:
    """Evaluate an expression; None is a missing datapoint, and so is any arithmetic with it."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return value(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = _reduce(operand, value)
            return None if found is None else -found
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            sides = _reduce(left, value), _reduce(right, value)
            if sides[0] is None or sides[1] is None:
                return None
            try:
                return _ARITHMETIC[type(op)](sides[0], sides[1])
            except ZeroDivisionError:
                return None
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, filler]):
            found = _reduce(filled, value)
            return _reduce(filler, value) if found is None else found
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            items = argument.elts if isinstance(argument, ast.List) else [argument]
            present = [item for each in items if (item := _reduce(each, value)) is not None]
            return _FUNCTIONS[name](present) if present else None
    raise _NotEvaluable
