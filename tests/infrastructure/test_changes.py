"""What one edited setting changes, and that the endpoint and its variants stay what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from settings.stage import Stage
from tests.infrastructure.conftest import STAGES
from tests.infrastructure.synthesis import (
    ALARM,
    COMPONENT,
    CONFIG,
    ENDPOINT,
    MODEL,
    POLICY,
    SCALING_POLICY,
    TARGET,
    Synthesize,
    Synthesized,
)

# CloudFormation replaces them whatever of them changes, but for tags.
REPLACED = {MODEL, CONFIG}

Change = Callable[[dict[str, Any]], object]


def variant(**values: Any) -> Change:
    return lambda endpoint: endpoint["variants"][0].update(values)


def scaling(**values: Any) -> Change:
    return lambda endpoint: endpoint["variants"][0]["scaling"].update(values)


def target(value: float) -> Change:
    return lambda endpoint: endpoint["variants"][0]["scaling"]["targets"][0].update(value=value)


def update(**values: Any) -> Change:
    return lambda endpoint: endpoint["update"].update(values)


def rollback(**values: Any) -> Change:
    return lambda endpoint: endpoint["update"]["rollback"].update(values)


def component(**values: Any) -> Change:
    return lambda endpoint: endpoint["components"][1].update(values)


def changed(one: Synthesized, other: Synthesized) -> set[str]:
    """Return the types of what CloudFormation updates or replaces for another template.

    What refers to a replaced resource changes with it, although its text stays the same.
    """
    before, after = one.template["Resources"], other.template["Resources"]
    assert before.keys() == after.keys()
    found = {key for key in before if before[key] != after[key]}
    while True:
        replaced = [key for key in found if after[key]["Type"] in REPLACED]
        following = {
            key
            for key, resource in after.items()
            for other_key in replaced
            if f'"Fn::GetAtt": ["{other_key}"' in json.dumps(resource)
        }
        if following <= found:
            return {after[key]["Type"] for key in found}
        found |= following


def what_callers_hold(one: Synthesized) -> Any:
    """Return the endpoint's logical id and its name, and the names of its variants."""
    config = one.of_type(CONFIG)
    (logical_id,) = one.all_of_type(ENDPOINT)
    return (
        logical_id,
        one.of_type(ENDPOINT)["EndpointName"],
        [
            each["VariantName"]
            for key in ("ProductionVariants", "ShadowProductionVariants")
            for each in config.get(key, ())
        ],
    )


@pytest.mark.parametrize("name", ["prod", "ab", "async", "multi_model", "pipeline", "serverless"])
def test_a_stage_with_all_defaults_written_down_is_the_same(name: str) -> None:
    # Which is what the tests below edit.
    stage = load(name)
    assert Stage.model_validate(stage.model_dump()) == stage


def load(name: str) -> Stage:
    return Stage.load(name if name == "prod" else f"examples/{name}", STAGES)


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("prod", {MODEL, POLICY, CONFIG, ENDPOINT}),
        ("ab", {MODEL, POLICY, CONFIG, ENDPOINT}),
        ("shadow", {MODEL, POLICY, CONFIG, ENDPOINT}),
        ("pipeline", {MODEL, POLICY, CONFIG, ENDPOINT}),
        ("serverless", {MODEL, POLICY, CONFIG, ENDPOINT}),
        ("async", {MODEL, POLICY, CONFIG, ENDPOINT}),
        # Their variants name no model, so that the endpoint is left alone.
        ("components", {MODEL, POLICY, COMPONENT}),
    ],
)
def test_new_model_bytes_replace_model_and_config_and_update_the_endpoint_in_place(
    name: str, types: set[str], synthesize: Synthesize
) -> None:
    before, after = synthesize(load(name)), synthesize(load(name), "f" * 64)
    assert changed(before, after) == types
    assert what_callers_hold(before) == what_callers_hold(after)


def test_the_code_of_many_models_replaces_their_container(synthesize: Synthesize) -> None:
    stage = load("multi_model")
    before, after = synthesize(stage), synthesize(stage, "f" * 64)
    assert changed(before, after) == {POLICY, MODEL, CONFIG, ENDPOINT}
    assert what_callers_hold(before) == what_callers_hold(after)


@pytest.mark.parametrize(
    ("name", "change", "types"),
    [
        ("prod", variant(initial_instance_count=3), {CONFIG, ENDPOINT}),
        ("prod", variant(instance_type="ml.m5.xlarge"), {CONFIG, ENDPOINT}),
        ("prod", rollback(max_5xx_percent=2.0), {ALARM}),
        ("prod", rollback(max_model_latency_seconds=1.0), {ALARM}),
        ("prod", rollback(alarms=("mine",)), {ENDPOINT}),
        ("prod", target(500.0), {SCALING_POLICY}),
        ("prod", scaling(max_capacity=9), {TARGET}),
        ("prod", scaling(scale_in_cooldown_seconds=600), {SCALING_POLICY}),
        ("prod", update(policy="LINEAR"), {ENDPOINT}),
        ("prod", update(policy="ROLLING", capacity_percent=50), {ENDPOINT}),
        ("prod", update(wait_interval_in_seconds=600), {ENDPOINT}),
        # One of which nothing can be moved in steps: the safest update is another one.
        ("ab", variant(initial_instance_count=1), {CONFIG, ENDPOINT}),
        ("ab", variant(initial_instance_count=3), {CONFIG, ENDPOINT}),
        ("ab", variant(initial_variant_weight=5.0), {CONFIG, ENDPOINT}),
        ("ab", rollback(max_5xx_percent=2.0), {ALARM}),
        ("ab", update(policy="ALL_AT_ONCE"), {ENDPOINT}),
        ("shadow", rollback(max_5xx_percent=2.0), {ALARM}),
        ("shadow", update(policy="CANARY"), {ENDPOINT}),
        ("async", rollback(max_failures_per_minute=9), {ALARM}),
        ("async", target(30.0), {SCALING_POLICY}),
        ("async", update(termination_wait_in_seconds=600), {ENDPOINT}),
        ("serverless", variant(memory_size_in_mb=4096), {CONFIG, ENDPOINT}),
        ("serverless", variant(provisioned_concurrency=3), {CONFIG, ENDPOINT}),
        ("serverless", target(0.5), {SCALING_POLICY}),
        ("components", component(copy_count=2), {COMPONENT}),
        ("components", rollback(max_5xx_percent=2.0), {ALARM}),
        ("components", update(wait_interval_in_seconds=600), {COMPONENT}),
        ("components", variant(initial_instance_count=2), {CONFIG, ENDPOINT}),
    ],
)
def test_one_setting_changes_what_it_is_of_and_nothing_that_callers_hold(
    name: str, change: Change, types: set[str], synthesize: Synthesize
) -> None:
    stage = load(name)
    document = stage.model_dump()
    change(document["endpoint"])
    before, after = synthesize(stage), synthesize(Stage.model_validate(document))
    assert changed(before, after) == types
    assert what_callers_hold(before) == what_callers_hold(after)
