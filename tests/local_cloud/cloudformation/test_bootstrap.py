from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TEMPLATE = (
    Path(__file__).parents[3] / "node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"
)
OWN_KEY = {"FileAssetsBucketKmsKeyId": ""}
AWS_KEY = {"FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY"}


@pytest.fixture(autouse=True)
def managed_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bootstrap roles attach policies that belong to AWS."""
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")


def test_the_bootstrap_stack_is_created_left_alone_updated_and_deleted(
    cloud: Any, clients: Any
) -> None:
    text = TEMPLATE.read_text("utf-8")

    created = cloud.deploy("CDKToolkit", text, parameters=AWS_KEY, ImportExistingResources=True)
    assert created == "CREATE_COMPLETE"
    outputs = cloud.outputs("CDKToolkit")
    bucket = "cdk-hnb659fds-assets-123456789012-eu-central-1"
    assert outputs["BucketName"] == bucket
    version = clients("ssm", "eu-central-1").get_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    assert version["Parameter"]["Value"] == outputs["BootstrapVersion"]
    roles = {role["RoleName"] for role in clients("iam", "eu-central-1").list_roles()["Roles"]}
    assert "cdk-hnb659fds-deploy-role-123456789012-eu-central-1" in roles

    again = cloud.change_set("CDKToolkit", text, parameters=AWS_KEY)
    assert (again["Status"], again["Changes"]) == ("FAILED", [])

    assert cloud.deploy("CDKToolkit", text, parameters=OWN_KEY) == "UPDATE_COMPLETE"
    (rule,) = clients("s3", "eu-central-1").get_bucket_encryption(Bucket=bucket)[
        "ServerSideEncryptionConfiguration"
    ]["Rules"]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert key.endswith(cloud.physical_ids("CDKToolkit")["FileAssetsBucketEncryptionKey"])

    assert cloud.delete("CDKToolkit") == "DELETE_COMPLETE"
    assert not clients("iam", "eu-central-1").list_roles()["Roles"]
    # Its DeletionPolicy is Retain.
    assert clients("s3", "eu-central-1").list_buckets()["Buckets"][0]["Name"] == bucket


def test_the_assets_bucket_accepts_uploads_though_its_policy_asks_for_tls(
    cloud: Any, clients: Any
) -> None:
    cloud.deploy("CDKToolkit", TEMPLATE.read_text("utf-8"), parameters=AWS_KEY)
    bucket = cloud.outputs("CDKToolkit")["BucketName"]
    clients("s3", "eu-central-1").put_object(Bucket=bucket, Key="asset", Body=b"x")
