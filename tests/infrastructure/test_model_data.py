"""A model that lies in S3 already: nothing is uploaded, and its role reads that place alone."""

from __future__ import annotations

from typing import Any

import pytest

from settings.stage import Stage
from tests.infrastructure.synthesis import MODEL, POLICY, Synthesize, Synthesized

ARCHIVE = "s3://models/iris/1.tar.gz"
PREFIX = "s3://models/llama/7b/"
OTHER_ACCOUNT = "444455556666"


def with_model(**model: Any) -> Stage:
    """Return the stage dev with another model, in the same image."""
    document = Stage.load("dev").model_dump()
    document["model"] = {"framework": "sklearn", "version": "1.9-0"} | model
    return Stage.model_validate(document)


@pytest.fixture(scope="module")
def archive(synthesize: Synthesize) -> Synthesized:
    return synthesize(with_model(artifact=ARCHIVE))


@pytest.fixture(scope="module")
def prefix(synthesize: Synthesize) -> Synthesized:
    return synthesize(with_model(artifact=PREFIX))


def on_s3(deployed: Synthesized) -> list[dict[str, Any]]:
    """Return the statements that concern S3."""
    statements = deployed.of_type(POLICY)["PolicyDocument"]["Statement"]
    return [statement for statement in statements if "s3:" in str(statement["Action"])]


OWN = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}


def test_an_archive_is_taken_by_its_url_and_the_role_reads_that_one_key(
    archive: Synthesized,
) -> None:
    container = archive.of_type(MODEL)["PrimaryContainer"]
    assert container["ModelDataUrl"] == ARCHIVE
    assert "ModelDataSource" not in container
    assert on_s3(archive) == [
        {
            "Sid": "ReadArchive",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::models/iris/1.tar.gz",
            "Condition": OWN,
        }
    ]


def test_files_are_taken_uncompressed_and_the_role_lists_and_reads_what_is_below_the_prefix(
    prefix: Synthesized,
) -> None:
    container = prefix.of_type(MODEL)["PrimaryContainer"]
    assert container["ModelDataSource"] == {
        "S3DataSource": {"S3Uri": PREFIX, "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
    assert "ModelDataUrl" not in container
    assert on_s3(prefix) == [
        {
            "Sid": "ReadFiles",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::models/llama/7b/*",
            "Condition": OWN,
        },
        {
            "Sid": "ListFiles",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::models",
            "Condition": OWN | {"StringLike": {"s3:prefix": "llama/7b/*"}},
        },
    ]


@pytest.mark.parametrize("artifact", [ARCHIVE, PREFIX])
def test_a_bucket_of_another_account_must_be_that_accounts(
    synthesize: Synthesize, artifact: str
) -> None:
    statements = on_s3(synthesize(with_model(artifact=artifact, artifact_account=OTHER_ACCOUNT)))
    assert [s["Condition"]["StringEquals"] for s in statements] == [
        {"aws:ResourceAccount": OTHER_ACCOUNT} for _ in statements
    ]


def test_a_place_in_china_is_named_by_the_partition_of_china(synthesize: Synthesize) -> None:
    stage = with_model(artifact=PREFIX).model_copy(update={"region": "cn-north-1"})
    assert [statement["Resource"] for statement in on_s3(synthesize(stage))] == [
        "arn:aws-cn:s3:::models/llama/7b/*",
        "arn:aws-cn:s3:::models",
    ]


def test_nothing_of_a_model_in_s3_is_uploaded_and_the_output_says_where_it_lies(
    archive: Synthesized, prefix: Synthesized
) -> None:
    for deployed, url in ((archive, ARCHIVE), (prefix, PREFIX)):
        uploaded = [file["source"]["path"] for file in deployed.assets["files"].values()]
        assert uploaded == ["iris-dev.template.json"]
        assert deployed.template["Outputs"]["ModelDataUrl"]["Value"] == url


def test_cfn_lint_and_the_cdks_own_validation_accept_a_model_in_s3(
    archive: Synthesized, prefix: Synthesized
) -> None:
    assert archive.findings() == []
    assert prefix.findings() == []


def test_a_role_of_several_models_reads_each_by_a_statement_of_its_own(
    synthesize: Synthesize,
) -> None:
    document = with_model().model_dump()
    one = document.pop("model")
    document["models"] = {
        "first": one | {"artifact": PREFIX},
        "second": one | {"artifact": "s3://models/other/"},
        "again": one | {"artifact": PREFIX},
    }
    document["endpoint"]["pipeline"] = list(document["models"])
    deployed = synthesize(Stage.model_validate(document))
    assert [(each["Sid"], each["Resource"]) for each in on_s3(deployed)] == [
        ("ReadFiles", "arn:aws:s3:::models/llama/7b/*"),
        ("ListFiles", "arn:aws:s3:::models"),
        ("ReadFiles2", "arn:aws:s3:::models/other/*"),
        ("ListFiles2", "arn:aws:s3:::models"),
    ]
    assert deployed.findings() == []


def test_a_container_may_be_kept_from_calling_anyone(
    synthesize: Synthesize, archive: Synthesized
) -> None:
    isolated = synthesize(with_model(network_isolation=True))
    assert isolated.of_type(MODEL)["EnableNetworkIsolation"] is True
    assert isolated.findings() == []
    assert "EnableNetworkIsolation" not in archive.of_type(MODEL)


def test_a_model_without_a_script_names_none(synthesize: Synthesize) -> None:
    deployed = synthesize(with_model(framework="xgboost", version="3.2-0", code=False))
    assert deployed.of_type(MODEL)["PrimaryContainer"]["Environment"] == {
        "SAGEMAKER_REGION": "eu-central-1",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    }
    assert deployed.findings() == []


def test_many_models_are_loaded_by_name_with_code_that_is_uploaded_apart(
    synthesize: Synthesize,
) -> None:
    many = synthesize(with_model(artifact="s3://models/many/", multi_model=True))
    container = many.of_type(MODEL)["PrimaryContainer"]
    assert container["Mode"] == "MultiModel"
    assert container["ModelDataUrl"] == "s3://models/many/"
    # No model is there when the container starts, so that /opt/ml/model/code would be nowhere.
    code = container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"]["Fn::Sub"]
    assert code.startswith("s3://cdk-")
    assert code.endswith(".tar.gz")
    assert [statement["Sid"] for statement in on_s3(many)] == [
        "ReadFiles",
        "ListFiles",
        "ReadArchive",
    ]
    assert many.findings() == []


def test_many_models_of_an_image_with_its_own_server_bring_their_code_themselves(
    synthesize: Synthesize,
) -> None:
    stage = with_model(
        framework="pytorch", version="2.6.0", artifact="s3://models/many/", multi_model=True
    )
    assert stage.served[""].code_folder is None
    container = synthesize(stage).of_type(MODEL)["PrimaryContainer"]
    assert "SAGEMAKER_SUBMIT_DIRECTORY" not in container["Environment"]
    assert container["Mode"] == "MultiModel"
