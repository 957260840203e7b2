"""The life of stacks, over services that moto serves."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.wire import AwsError

REGION = "eu-central-1"
REFUSED_NAME = "/aws/reserved"
"""Systems Manager accepts no parameter of this name, so its creation fails."""


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def parameter(value: Any, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": value} | properties,
    }


def role(principal: str = "sagemaker.amazonaws.com") -> dict[str, Any]:
    allow = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": principal},
    }
    document = {"Version": "2012-10-17", "Statement": [allow]}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}


def broken_role() -> dict[str, Any]:
    """A role whose update IAM refuses."""
    definition = role()
    definition["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] = "Perhaps"
    return definition


def template(outputs: dict[str, Any] | None = None, **resources: Any) -> dict[str, Any]:
    values = {name: {"Value": value} for name, value in (outputs or {}).items()}
    return {"Resources": resources, "Outputs": values}


def values(clients: Any) -> set[str]:
    """The values of all Systems Manager parameters."""
    ssm = clients("ssm", REGION)
    names = [found["Name"] for found in ssm.describe_parameters()["Parameters"]]
    return {ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in names}


def changes(change_set: Any) -> dict[str, tuple[str, str | None]]:
    return {
        change["ResourceChange"]["LogicalResourceId"]: (
            change["ResourceChange"]["Action"],
            change["ResourceChange"].get("Replacement"),
        )
        for change in change_set["Changes"]
    }


def test_a_stack_is_created_in_the_order_of_its_references_and_deleted_in_reverse(
    cloud: Any, clients: Any
) -> None:
    body = template(
        {"Arn": {"Fn::GetAtt": ["Second", "Arn"]}},
        First=topic(),
        Second=parameter({"Ref": "First"}),
        Third={**topic(), "DependsOn": "Second"},
    )
    assert cloud.deploy("app", body) == "CREATE_COMPLETE"

    history = cloud.events("app")
    assert history[0] == ("app", "REVIEW_IN_PROGRESS", "User Initiated")
    assert history[1] == ("app", "CREATE_IN_PROGRESS", "User Initiated")
    assert history[2:5] == [
        ("First", "CREATE_IN_PROGRESS", ""),
        ("First", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("First", "CREATE_COMPLETE", ""),
    ]
    complete = [name for name, status, _ in history if status == "CREATE_COMPLETE"]
    assert complete == ["First", "Second", "Third", "app"]
    assert cloud.outputs("app")["Arn"].startswith("arn:aws:ssm:eu-central-1:123456789012:parameter")
    assert values(clients) == {cloud.physical_ids("app")["First"]}

    stack_id = cloud.describe_stacks(StackName="app")["Stacks"][0]["StackId"]
    assert cloud.delete("app") == "DELETE_COMPLETE"
    deleted = [name for name, status, _ in cloud.events(stack_id) if status == "DELETE_COMPLETE"]
    assert deleted == ["Third", "Second", "First", "app"]
    assert not clients("sns", REGION).list_topics()["Topics"]
    with pytest.raises(AwsError, match=r"^Stack with id app does not exist$"):
        cloud.describe_stacks(StackName="app")


def test_events_carry_physical_ids_and_times_that_sort_them(cloud: Any) -> None:
    cloud.deploy("app", template(Topic=topic()))
    events = cloud.describe_stack_events(StackName="app")["StackEvents"]
    times = [event["Timestamp"] for event in events]
    assert times == sorted(times, reverse=True)
    assert len({int(time.timestamp() * 1000) for time in times}) == len(times)
    (complete, begun, *_) = [item for item in events if item["LogicalResourceId"] == "Topic"]
    assert complete["PhysicalResourceId"].startswith("arn:aws:sns:")
    assert begun["PhysicalResourceId"] == complete["PhysicalResourceId"]
    (stack_event, *_) = events
    assert stack_event["PhysicalResourceId"] == stack_event["StackId"]


def test_a_change_in_place_keeps_the_resource(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template(P=parameter("one")))
    before = cloud.physical_ids("app")
    change_set = cloud.change_set("app", template(P=parameter("two")))
    assert changes(change_set) == {"P": ("Modify", "False")}
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    assert cloud.settled("app") == "UPDATE_COMPLETE"
    assert cloud.physical_ids("app") == before
    assert values(clients) == {"two"}


def test_a_replaced_resource_is_new_first_its_dependants_follow_and_the_old_goes_last(
    cloud: Any, clients: Any
) -> None:
    def body(name: str) -> dict[str, Any]:
        return template(T=topic(TopicName=name), P=parameter({"Ref": "T"}), Same=topic())

    cloud.deploy("app", body("old"))
    before = cloud.physical_ids("app")
    change_set = cloud.change_set("app", body("new"))
    assert changes(change_set) == {"T": ("Modify", "True"), "P": ("Modify", "False")}
    (replaced,) = [
        c for c in change_set["Changes"] if c["ResourceChange"]["LogicalResourceId"] == "T"
    ]
    assert replaced["ResourceChange"]["PolicyAction"] == "ReplaceAndDelete"
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    assert cloud.settled("app") == "UPDATE_COMPLETE"

    after = cloud.physical_ids("app")
    assert after["T"] == before["T"].replace("old", "new")
    assert (after["P"], after["Same"]) == (before["P"], before["Same"])
    assert values(clients) == {after["T"]}
    tail = [(name, status) for name, status, _ in cloud.events("app")][-9:]
    assert tail == [
        ("T", "UPDATE_IN_PROGRESS"),
        ("T", "UPDATE_IN_PROGRESS"),
        ("T", "UPDATE_COMPLETE"),
        ("P", "UPDATE_IN_PROGRESS"),
        ("P", "UPDATE_COMPLETE"),
        ("app", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("T", "DELETE_IN_PROGRESS"),
        ("T", "DELETE_COMPLETE"),
        ("app", "UPDATE_COMPLETE"),
    ]


def test_a_custom_named_resource_is_not_replaced_under_the_same_name(cloud: Any) -> None:
    def body(path: str) -> dict[str, Any]:
        definition = role()
        definition["Properties"] |= {"RoleName": "mine", "Path": path}
        return template(Role=definition)

    cloud.deploy("app", body("/"))
    assert cloud.deploy("app", body("/other/")) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in cloud.events("app") if status == "UPDATE_FAILED"]
    (reason,) = reasons
    assert reason.endswith("Rename mine and update the stack again.")


def test_a_removed_resource_is_deleted_after_the_rest_is_updated(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template(Gone=topic(), P=parameter({"Ref": "Gone"})))
    change_set = cloud.change_set("app", template(P=parameter("x")))
    assert changes(change_set) == {"P": ("Modify", "False"), "Gone": ("Remove", None)}
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    assert cloud.settled("app") == "UPDATE_COMPLETE"
    order = [name for name, status, _ in cloud.events("app") if status.endswith("_COMPLETE")][-3:]
    assert order == ["P", "Gone", "app"]
    assert not clients("sns", REGION).list_topics()["Topics"]


def test_no_change_is_a_failed_change_set_with_the_reason_that_the_cli_knows(cloud: Any) -> None:
    body = template(T=topic(), P=parameter({"Fn::GetAtt": ["T", "TopicName"]}))
    cloud.deploy("app", body)
    change_set = cloud.change_set("app", body)
    assert change_set["Status"] == "FAILED"
    assert change_set["ExecutionStatus"] == "UNAVAILABLE"
    assert change_set["StatusReason"] == (
        "The submitted information didn't contain changes. Submit different information to "
        "create a change set."
    )
    with pytest.raises(AwsError, match=r"^No updates are to be performed\.$"):
        cloud.update_stack(StackName="app", UsePreviousTemplate=True)


def test_a_changed_output_or_tag_is_a_change(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template({"O": "one"}, T=topic()))
    assert cloud.deploy("app", template({"O": "two"}, T=topic())) == "UPDATE_COMPLETE"
    assert cloud.outputs("app") == {"O": "two"}
    tags = {"owner": "me"}
    assert cloud.deploy("app", template({"O": "two"}, T=topic()), tags=tags) == "UPDATE_COMPLETE"
    arn = cloud.physical_ids("app")["T"]
    tagged = clients("sns", REGION).list_tags_for_resource(ResourceArn=arn)["Tags"]
    assert tagged == [{"Key": "owner", "Value": "me"}]


def test_a_changed_tag_is_a_change_also_when_no_resource_takes_tags(cloud: Any) -> None:
    board = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardBody": "{}"}}
    cloud.deploy("app", template(Board=board), tags={"owner": "me"})
    assert cloud.deploy("app", template(Board=board), tags={"owner": "you"}) == "UPDATE_COMPLETE"
    (stack,) = cloud.describe_stacks(StackName="app")["Stacks"]
    assert stack["Tags"] == [{"Key": "owner", "Value": "you"}]


def test_a_replacement_that_failed_without_rollback_is_begun_again(
    cloud: Any, clients: Any
) -> None:
    cloud.deploy("app", template(P=parameter("one", Name="/mine/first")))
    bad = template(P=parameter("two", Name="/mine/second", Type="Unheard"))
    assert cloud.deploy("app", bad, no_rollback=True) == "UPDATE_FAILED"
    good = template(P=parameter("three", Name="/mine/second"))
    assert cloud.deploy("app", good, no_rollback=True) == "UPDATE_COMPLETE"
    assert values(clients) == {"three"}


def test_a_failed_create_leaves_nothing_and_its_event_says_why(cloud: Any, clients: Any) -> None:
    body = template(
        T=topic(),
        Bad={**parameter("x", Name=REFUSED_NAME), "DependsOn": "T"},
        After={**topic(), "DependsOn": "Bad"},
    )
    assert cloud.deploy("app", body) == "ROLLBACK_COMPLETE"
    history = cloud.events("app")
    ((name, _, reason),) = [entry for entry in history if entry[1] == "CREATE_FAILED"]
    assert name == "Bad"
    assert reason.startswith("No access to reserved parameter name")
    assert reason.endswith("(Operation: PutParameter, Code: AccessDeniedException)")
    assert "After" not in {name for name, _, _ in history}
    assert cloud.physical_ids("app") == {}
    assert not clients("sns", REGION).list_topics()["Topics"]
    (rollback,) = [entry for entry in history if entry[1] == "ROLLBACK_IN_PROGRESS"]
    assert rollback[2] == (
        "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    )
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert cloud.deploy("app", template(T=topic())) == "CREATE_COMPLETE"


def test_a_failed_update_sets_everything_back(cloud: Any, clients: Any) -> None:
    good = template(
        {"Name": {"Ref": "T"}},
        T=topic(TopicName="old"),
        P=parameter({"Ref": "T"}),
        Removed=parameter("stays"),
        Role=role(),
    )
    cloud.deploy("app", good)
    before, outputs = cloud.physical_ids("app"), cloud.outputs("app")
    bad = template(
        {"Name": "other"},
        T=topic(TopicName="new"),
        P=parameter({"Ref": "T"}),
        Role={**broken_role(), "DependsOn": ["P", "Added"]},
        Added=topic(TopicName="added"),
    )
    assert cloud.deploy("app", bad) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.physical_ids("app") == before
    assert cloud.outputs("app") == outputs
    assert values(clients) == {before["T"], "stays"}
    topics = [item["TopicArn"] for item in clients("sns", REGION).list_topics()["Topics"]]
    assert topics == [before["T"]]
    statuses = [status for name, status, _ in cloud.events("app") if name == "app"]
    assert statuses[-4:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert (
        cloud.change_set("app", good)["Status"] == "FAILED"
    )  # Everything is as before the update.
    assert cloud.deploy("app", template(T=topic(TopicName="new"))) == "UPDATE_COMPLETE"


def test_without_rollback_a_failure_is_left_to_be_repaired(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template(P=parameter("one")))
    bad = template(P=parameter("two"), Q=parameter("x", Name=REFUSED_NAME))
    assert cloud.deploy("app", bad, no_rollback=True) == "UPDATE_FAILED"
    assert values(clients) <= {"one", "two"}
    good = template(P=parameter("two"), Q=parameter("three"))
    assert cloud.deploy("app", good, no_rollback=True) == "UPDATE_COMPLETE"
    assert values(clients) == {"two", "three"}


def test_a_paused_failure_can_be_rolled_back_later(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template(P=parameter("one")))
    bad = template(P=parameter("two"), Q={**parameter("x", Name=REFUSED_NAME), "DependsOn": "P"})
    assert cloud.deploy("app", bad, no_rollback=True) == "UPDATE_FAILED"
    assert values(clients) == {"two"}
    cloud.rollback_stack(StackName="app")
    assert cloud.settled("app") == "UPDATE_ROLLBACK_COMPLETE"
    assert values(clients) == {"one"}


@pytest.mark.parametrize(
    ("on_failure", "status"),
    [
        ("DO_NOTHING", "CREATE_FAILED"),
        ("DELETE", "DELETE_COMPLETE"),
        ("ROLLBACK", "ROLLBACK_COMPLETE"),
    ],
)
def test_a_failed_create_obeys_on_failure(cloud: Any, on_failure: str, status: str) -> None:
    body = template(P=parameter("x", Name=REFUSED_NAME))
    created = cloud.change_set("app", body, OnStackFailure=on_failure)
    cloud.execute_change_set(StackName="app", ChangeSetName="deploy")
    final = cloud.reaches(created["StackId"], lambda now: now == status or now == "ROLLBACK_FAILED")
    assert final == status


def test_a_resource_that_is_gone_already_counts_as_deleted(cloud: Any, clients: Any) -> None:
    cloud.deploy("app", template(T=topic(), P=parameter("x"), Role=role()))
    ids = cloud.physical_ids("app")
    clients("sns", REGION).delete_topic(TopicArn=ids["T"])
    clients("ssm", REGION).delete_parameter(Name=ids["P"])
    clients("iam", REGION).delete_role(RoleName=ids["Role"])
    assert cloud.delete("app") == "DELETE_COMPLETE"


def test_a_resource_that_cannot_be_deleted_fails_the_deletion_with_its_reason(
    cloud: Any, clients: Any
) -> None:
    s3 = clients("s3", REGION)
    cloud.deploy("app", template(B={"Type": "AWS::S3::Bucket"}, T=topic()))
    bucket = cloud.physical_ids("app")["B"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert cloud.delete("app") == "DELETE_FAILED"
    assert cloud.physical_ids("app") == {"B": bucket}
    (reason,) = [r for n, status, r in cloud.events("app") if (n, status) == ("B", "DELETE_FAILED")]
    assert "BucketNotEmpty" in reason
    stack_id = cloud.describe_stacks(StackName="app")["Stacks"][0]["StackId"]
    cloud.delete_stack(StackName="app", RetainResources=["B"])
    assert cloud.settled(stack_id) == "DELETE_COMPLETE"
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == [bucket]


@pytest.mark.parametrize(("policy", "left"), [("Retain", 1), ("RetainExceptOnCreate", 0)])
def test_a_deletion_policy_holds_when_a_create_is_rolled_back(
    cloud: Any, clients: Any, policy: str, left: int
) -> None:
    kept = {**topic(), "DeletionPolicy": policy}
    bad = {**parameter("x", Name=REFUSED_NAME), "DependsOn": "T"}
    assert cloud.deploy("app", template(T=kept, Bad=bad)) == "ROLLBACK_COMPLETE"
    assert len(clients("sns", REGION).list_topics()["Topics"]) == left


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_deletion_policy_holds_when_a_stack_is_deleted(
    cloud: Any, clients: Any, policy: str
) -> None:
    cloud.deploy("app", template(T={**topic(), "DeletionPolicy": policy}))
    assert cloud.delete("app") == "DELETE_COMPLETE"
    assert len(clients("sns", REGION).list_topics()["Topics"]) == 1


def test_an_update_replace_policy_keeps_the_old_resource(cloud: Any, clients: Any) -> None:
    for name in ("old", "new"):
        kept = {**topic(TopicName=name), "UpdateReplacePolicy": "Retain"}
        cloud.deploy("app", template(T=kept))
    assert len(clients("sns", REGION).list_topics()["Topics"]) == 2


def test_termination_protection_keeps_a_stack(cloud: Any) -> None:
    cloud.deploy("app", template(T=topic()))
    cloud.update_termination_protection(StackName="app", EnableTerminationProtection=True)
    with pytest.raises(AwsError, match="TerminationProtection is enabled"):
        cloud.delete_stack(StackName="app")
    cloud.update_termination_protection(StackName="app", EnableTerminationProtection=False)
    assert cloud.delete("app") == "DELETE_COMPLETE"


def test_an_export_is_imported_and_cannot_go_while_in_use(cloud: Any, clients: Any) -> None:
    exporter = template(T=topic())
    exporter["Outputs"] = {"T": {"Value": {"Ref": "T"}, "Export": {"Name": "topic"}}}
    cloud.deploy("exporter", exporter)
    cloud.deploy("importer", template(P=parameter({"Fn::ImportValue": "topic"})))
    (export,) = cloud.list_exports()["Exports"]
    assert values(clients) == {export["Value"]}

    assert cloud.delete("exporter") == "DELETE_FAILED"
    reason = cloud.describe_stacks(StackName="exporter")["Stacks"][0]["StackStatusReason"]
    assert reason == "Export topic cannot be deleted as it is in use by importer."
    assert cloud.physical_ids("exporter") == {"T": export["Value"]}
    assert cloud.deploy("thief", exporter) == "ROLLBACK_COMPLETE"
    assert cloud.delete("importer") == "DELETE_COMPLETE"
    assert cloud.delete("exporter") == "DELETE_COMPLETE"


def test_an_update_that_takes_away_a_used_export_is_rolled_back(cloud: Any) -> None:
    exporter = template(T=topic())
    exporter["Outputs"] = {"T": {"Value": {"Ref": "T"}, "Export": {"Name": "topic"}}}
    cloud.deploy("exporter", exporter)
    cloud.deploy("importer", template(P=parameter({"Fn::ImportValue": "topic"})))
    assert cloud.deploy("exporter", template(T=topic())) == "UPDATE_ROLLBACK_COMPLETE"
    assert [export["Name"] for export in cloud.list_exports()["Exports"]] == ["topic"]


def test_regions_do_not_know_of_each_others_stacks(cloud: Any) -> None:
    cloud.deploy("app", template(T=topic()))
    assert cloud.engine.describe_stacks("us-east-1", {}) == {"Stacks": []}
    with pytest.raises(AwsError, match="does not exist"):
        cloud.engine.get_template("us-east-1", {"StackName": "app"})


def test_a_change_set_for_a_new_stack_leaves_it_in_review_until_it_is_deleted(cloud: Any) -> None:
    cloud.change_set("app", template(T=topic()))
    assert cloud.status("app") == "REVIEW_IN_PROGRESS"
    (listed,) = cloud.list_change_sets(StackName="app")["Summaries"]
    assert listed["ChangeSetName"] == "deploy"
    cloud.delete_change_set(StackName="app", ChangeSetName="deploy")
    with pytest.raises(AwsError) as caught:
        cloud.describe_change_set(StackName="app", ChangeSetName="deploy")
    assert caught.value.code == "ChangeSetNotFound"
    assert cloud.delete("app") == "DELETE_COMPLETE"


def test_the_template_comes_back_as_it_was_submitted(cloud: Any) -> None:
    text = "Resources:\n  T: {Type: AWS::SNS::Topic}  # a comment\n"
    cloud.deploy("app", text)
    assert cloud.get_template(StackName="app")["TemplateBody"] == text
    summary = cloud.get_template_summary(StackName="app")
    assert summary["ResourceTypes"] == ["AWS::SNS::Topic"]


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.eu-central-1.amazonaws.com/templates/folder/app.json",
        "https://templates.s3.eu-central-1.amazonaws.com/folder/app.json",
        "http://localhost:4566/templates/folder/app.json",
    ],
)
def test_a_template_is_read_from_s3(cloud: Any, clients: Any, url: str) -> None:
    s3 = clients("s3", REGION)
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    text = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
    s3.put_object(Bucket="templates", Key="folder/app.json", Body=text.encode())
    cloud.create_stack(StackName="app", TemplateURL=url)
    assert cloud.settled("app") == "CREATE_COMPLETE"
    with pytest.raises(AwsError, match="S3 error"):
        cloud.create_stack(StackName="other", TemplateURL=url + "x")


def test_iam_resources_need_their_capability(cloud: Any) -> None:
    body = '{"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "x"}}}}'
    with pytest.raises(AwsError) as caught:
        cloud.create_stack(StackName="a", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    assert caught.value.code == "InsufficientCapabilitiesException"


def test_a_stack_cannot_be_created_twice(cloud: Any) -> None:
    cloud.deploy("app", template(T=topic()))
    body = '{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
    with pytest.raises(AwsError) as caught:
        cloud.create_stack(StackName="app", TemplateBody=body)
    assert caught.value.code == "AlreadyExistsException"


def test_what_the_engine_does_not_do_is_refused(cloud: Any) -> None:
    with pytest.raises(AwsError, match="Not supported by the local cloud: NotificationARNs"):
        cloud.change_set("app", template(T=topic()), NotificationARNs=["arn:aws:sns:x"])
    assert cloud.status("app") == ""


def test_a_defect_of_the_engine_ends_the_operation_and_is_said(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("local_cloud.cloudformation.deployment.resolve_outputs", fail)
    assert cloud.deploy("app", template(T=topic())) == "CREATE_FAILED"
    (stack,) = cloud.describe_stacks(StackName="app")["Stacks"]
    assert stack["StackStatusReason"] == "The local cloud failed: ZeroDivisionError()"
