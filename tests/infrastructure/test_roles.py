"""Which role may do what, where it is not the model's alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from settings.stage import Stage
from tests.infrastructure.synthesis import CONFIG, MODEL, POLICY, Synthesize, Synthesized
from tests.infrastructure.written import endpoint, stage
from tests.infrastructure.wrong import document

DUMPS = "s3://bucket/dumps/"


def allowed(deployed: Synthesized) -> dict[str, dict[str, Any]]:
    """Return the statements of each role by their Sids."""
    found = {}
    for policy in deployed.all_of_type(POLICY).values():
        (role,) = policy["Properties"]["Roles"]
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        found[role["Ref"]] = {each["Sid"]: each for each in statements}
    return found


def test_core_dumps_are_written_by_the_models_role_where_the_variants_have_models(
    synthesize: Synthesize,
) -> None:
    deployed = synthesize(stage(endpoint() + f'core_dump_s3_uri = "{DUMPS}"\n'))
    role = deployed.of_type(MODEL)["ExecutionRoleArn"]["Fn::GetAtt"][0]
    assert allowed(deployed)[role]["WriteCoreDumps"]["Action"] == "s3:PutObject"


def test_core_dumps_are_written_by_the_endpoints_role_alone_where_it_has_components(
    synthesize: Synthesize,
) -> None:
    written = document("components")
    written["endpoint"]["variants"][0]["core_dump_s3_uri"] = DUMPS
    deployed = synthesize(Stage.read(written, Path("written.toml")))
    role = deployed.of_type(CONFIG)["ExecutionRoleArn"]["Fn::GetAtt"][0]
    roles = allowed(deployed)
    assert len(roles) > 1
    assert [name for name, sids in roles.items() if "WriteCoreDumps" in sids] == [role]


def test_the_logs_of_a_component_are_written_to_a_group_of_its_own(synthesize: Synthesize) -> None:
    written = document("components")
    names = [each["name"] for each in written["endpoint"]["components"]]
    for sids in allowed(synthesize(Stage.read(written, Path("written.toml")))).values():
        groups = str(sids["WriteLogs"]["Resource"])
        assert any(
            f":log-group:/aws/sagemaker/InferenceComponents/{each}'" in groups for each in names
        )
        assert "/aws/sagemaker/InferenceComponents" in str(sids["WriteMetrics"]["Condition"])


@pytest.mark.parametrize("topics", ["", 'error_topic = "arn:aws:sns:eu-central-1:111122223333:t"'])
def test_an_asynchronous_endpoint_reads_requests_writes_answers_and_tells_the_topics_it_has(
    synthesize: Synthesize, topics: str
) -> None:
    text = endpoint(mode="async") + f"[endpoint.notifications]\n{topics}\n"
    (role,) = allowed(synthesize(stage(text))).values()
    assert role["ReadRequests"]["Action"] == "s3:GetObject"
    # An answer may be of 1 GB, which comes in parts.
    assert role["WriteAnswers"]["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert ("Notify" in role) == bool(topics)
