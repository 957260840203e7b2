"""Is each promise of the deployment kept? By type and property, whatever the logical ids are."""

from __future__ import annotations

import json
from typing import Any

from settings.stage import Stage
from tests.infrastructure import written
from tests.infrastructure.synthesis import (
    CONFIG,
    CONTENT_SHA256,
    ENDPOINT,
    MODEL,
    POLICY,
    ROLE,
    SCALING_POLICY,
    TARGET,
    Synthesize,
    Synthesized,
)


def changed(stage: Stage, **values: Any) -> Stage:
    """Return a stage with other settings of its first variant."""
    document = stage.model_dump()
    first, *others = document["endpoint"]["variants"]
    document["endpoint"]["variants"] = [first | values, *others]
    return Stage.model_validate(document)


def test_the_endpoint_has_the_stages_name_and_nothing_that_is_replaced_has_one(
    stage: Stage, deployed: Synthesized
) -> None:
    assert deployed.of_type(ENDPOINT)["EndpointName"] == stage.endpoint.name
    assert "ModelName" not in deployed.of_type(MODEL)
    assert "EndpointConfigName" not in deployed.of_type(CONFIG)
    assert "RoleName" not in deployed.of_type(ROLE)


def test_resources_are_wired_by_attribute(deployed: Synthesized) -> None:
    (model,), (config,), (endpoint,) = (
        deployed.all_of_type(kind) for kind in (MODEL, CONFIG, ENDPOINT)
    )
    (variant,) = deployed.of_type(CONFIG)["ProductionVariants"]
    assert variant["ModelName"] == {"Fn::GetAtt": [model, "ModelName"]}
    assert deployed.of_type(ENDPOINT)["EndpointConfigName"] == {
        "Fn::GetAtt": [config, "EndpointConfigName"]
    }
    assert {"Fn::GetAtt": [endpoint, "EndpointName"]} in deployed.of_type(TARGET)["ResourceId"][
        "Fn::Join"
    ][1]


def test_the_archives_key_is_its_content_hash_and_ends_in_tar_gz(deployed: Synthesized) -> None:
    url = deployed.of_type(MODEL)["PrimaryContainer"]["ModelDataUrl"]["Fn::Sub"]
    assert url.startswith("s3://cdk-hnb659fds-assets-${AWS::AccountId}-")
    assert url.endswith(f"/{CONTENT_SHA256}.tar.gz")
    assert deployed.template["Outputs"]["ModelDataUrl"]["Value"] == {"Fn::Sub": url}
    files = deployed.assets["files"].values()
    (file,) = (file for file in files if file["source"]["path"].endswith(".tar.gz"))
    assert file["source"]["packaging"] == "file"
    (destination,) = file["destinations"].values()
    assert destination["objectKey"] == f"{CONTENT_SHA256}.tar.gz"
    assert (deployed.folder / file["source"]["path"]).read_bytes() == b"an archive"


def test_no_path_of_this_machine_is_in_what_is_deployed(deployed: Synthesized) -> None:
    assert str(deployed.folder.parent) not in json.dumps([deployed.template, deployed.assets])


def test_the_container_finds_and_installs_its_script(stage: Stage, deployed: Synthesized) -> None:
    assert deployed.of_type(MODEL)["PrimaryContainer"]["Environment"] == {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_REGION": stage.region,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "PIP_NO_BUILD_ISOLATION": "0",
    }


def test_the_users_variables_reach_the_container(stage: Stage, synthesize: Synthesize) -> None:
    document = stage.model_dump()
    document["model"]["environment"] = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    environment = synthesize(Stage.model_validate(document)).of_type(MODEL)["PrimaryContainer"]
    assert environment["Environment"]["SAGEMAKER_MODEL_SERVER_WORKERS"] == "1"
    assert environment["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"


def test_only_sagemaker_for_this_account_may_use_the_role(deployed: Synthesized) -> None:
    (statement,) = deployed.of_type(ROLE)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    assert "ManagedPolicyArns" not in deployed.of_type(ROLE)


def test_the_role_may_do_what_a_container_needs_and_no_more(
    stage: Stage, deployed: Synthesized
) -> None:
    statements = {s["Sid"]: s for s in deployed.of_type(POLICY)["PolicyDocument"]["Statement"]}
    actions = {sid: s["Action"] for sid, s in statements.items()}
    assert actions == {
        "ReadArchive": "s3:GetObject",
        "LogInToRegistry": "ecr:GetAuthorizationToken",
        "PullImage": [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ],
        "WriteLogs": [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        "WriteMetrics": "cloudwatch:PutMetricData",
    }
    assert {sid for sid, s in statements.items() if s["Resource"] == "*"} == {
        "LogInToRegistry",
        "WriteMetrics",
    }
    assert f"/{CONTENT_SHA256}.tar.gz" in json.dumps(statements["ReadArchive"]["Resource"])
    assert statements["ReadArchive"]["Condition"] == {
        "StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
    }
    account = stage.image().partition(".")[0]
    assert statements["PullImage"]["Resource"].endswith(
        f":{account}:repository/sagemaker-scikit-learn"
    )
    assert f"log-group:/aws/sagemaker/Endpoints/{stage.endpoint.name}" in json.dumps(
        statements["WriteLogs"]["Resource"]
    )
    assert "cloudwatch:namespace" in statements["WriteMetrics"]["Condition"]["StringEquals"]


def test_the_model_waits_for_the_roles_policy(deployed: Synthesized) -> None:
    (model,) = deployed.all_of_type(MODEL).values()
    assert set(deployed.all_of_type(POLICY)) <= set(model["DependsOn"])


def test_a_deployment_of_a_scaled_endpoint_keeps_its_live_instance_count(
    deployed: Synthesized,
) -> None:
    endpoint = deployed.of_type(ENDPOINT)
    assert endpoint["RetainAllVariantProperties"] is True
    assert endpoint["ExcludeRetainedVariantProperties"] == [
        {"VariantPropertyType": "DesiredWeight"}
    ]


def test_a_deployment_of_an_unscaled_endpoint_takes_the_stages_count(
    stage: Stage, synthesize: Synthesize
) -> None:
    unscaled = synthesize(changed(stage, scaling=None))
    assert "RetainAllVariantProperties" not in unscaled.of_type(ENDPOINT)
    assert "ExcludeRetainedVariantProperties" not in unscaled.of_type(ENDPOINT)
    assert not unscaled.all_of_type(TARGET)


def test_the_scalable_target_is_the_variants_instance_count_between_the_stages_bounds(
    stage: Stage, deployed: Synthesized
) -> None:
    target = deployed.of_type(TARGET)
    scaling = stage.endpoint.variants[0].scaling
    assert scaling
    assert target["ServiceNamespace"] == "sagemaker"
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (
        scaling.min_capacity,
        scaling.max_capacity,
    )
    assert target["ResourceId"]["Fn::Join"][1][0::2] == ["endpoint/", "/variant/AllTraffic"]


def test_scaling_needs_no_role_because_sagemaker_has_its_own(deployed: Synthesized) -> None:
    assert "RoleARN" not in deployed.of_type(TARGET)
    assert len(deployed.all_of_type(ROLE)) == 1


def test_the_policy_tracks_invocations_per_instance(stage: Stage, deployed: Synthesized) -> None:
    policy = deployed.of_type(SCALING_POLICY)
    scaling = stage.endpoint.variants[0].scaling
    assert scaling
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert policy["ScalingTargetId"] == {"Ref": next(iter(deployed.all_of_type(TARGET)))}
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
        },
        "TargetValue": scaling.targets[0].value,
        "ScaleInCooldown": scaling.scale_in_cooldown_seconds,
        "ScaleOutCooldown": scaling.scale_out_cooldown_seconds,
    }


def test_the_outputs_are_the_endpoints_name_and_the_archives_url(deployed: Synthesized) -> None:
    (endpoint,) = deployed.all_of_type(ENDPOINT)
    assert deployed.template["Outputs"].keys() == {"EndpointName", "ModelDataUrl"}
    assert deployed.template["Outputs"]["EndpointName"]["Value"] == {
        "Fn::GetAtt": [endpoint, "EndpointName"]
    }


def test_the_same_archive_gives_the_same_template(
    stage: Stage, deployed: Synthesized, synthesize: Synthesize
) -> None:
    again = synthesize(stage)
    assert (again.template, again.assets) == (deployed.template, deployed.assets)


def test_weight_zero_stays_zero(synthesize: Synthesize) -> None:
    document = Stage.load("dev").model_dump()
    (variant,) = document["endpoint"]["variants"]
    document["endpoint"]["variants"] = [variant, variant | {"name": "Dark"}]
    document["endpoint"]["variants"][1]["initial_variant_weight"] = 0.0
    two = synthesize(Stage.model_validate(document))
    weights = [v["InitialVariantWeight"] for v in two.of_type(CONFIG)["ProductionVariants"]]
    assert weights == [1, 0]
    assert len(two.all_of_type(SCALING_POLICY)) == 2


def test_what_only_the_second_variant_has_counts_as_much(synthesize: Synthesize) -> None:
    """Its instances are kept by an update, and its core dumps are permitted."""
    first = 'core_dump_s3_uri = "s3://first/dumps/"\n'
    second = (
        'core_dump_s3_uri = "s3://second/dumps/"\n\n[endpoint.variants.scaling]\nmin_capacity = 2\n'
        'max_capacity = 4\ntargets = [{ metric = "CPUUtilization", value = 70 }]\n'
    )
    text = written.endpoint(variants=2).replace("count = 2\n", f"count = 2\n{first}", 1) + second
    deployed = synthesize(written.stage(text))
    assert deployed.of_type(ENDPOINT)["RetainAllVariantProperties"] is True
    (dumps,) = (
        statement
        for statement in deployed.of_type(POLICY)["PolicyDocument"]["Statement"]
        if statement["Sid"] == "WriteCoreDumps"
    )
    assert all(f":s3:::{name}/dumps/*" in str(dumps["Resource"]) for name in ("first", "second"))
