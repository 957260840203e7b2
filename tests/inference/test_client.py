from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config

from inference.client import EndpointClient, runtime_client
from inference.errors import ModelFailedError, PayloadError, RefusedError, UnavailableError
from tests.inference.conftest import Reply, Stub, error, model_error


@pytest.fixture
def client(stub: Stub) -> EndpointClient:
    assert stub.url
    return EndpointClient(runtime_client(), "iris")


def test_rows_go_out_in_a_format_and_the_answer_comes_back_as_values(
    client: EndpointClient, stub: Stub
) -> None:
    stub.replies = [Reply(body=b"virginica,0.5\n", headers={"Content-Type": "text/csv"})]
    assert client.predict([[1, 2.5]], content_type="text/csv") == [["virginica", 0.5]]
    ((path, headers, body),) = stub.requests
    assert path == "/endpoints/iris/invocations"
    assert (headers["content-type"], headers["accept"]) == ("text/csv", "text/csv")
    assert body == b"1.0,2.5\n"


def test_the_callers_choices_reach_the_endpoint_and_the_answer_names_its_variant(
    client: EndpointClient, stub: Stub
) -> None:
    stub.replies = [Reply(headers={"X-Amzn-SageMaker-Custom-Attributes": "trace=1"})]
    answer = client.invoke(b"[]", target_variant="B", custom_attributes="trace=1")
    assert (answer.variant, answer.custom_attributes) == ("AllTraffic", "trace=1")
    headers = stub.requests[0][1]
    assert headers["x-amzn-sagemaker-target-variant"] == "B"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace=1"


def test_one_of_many_models_and_an_inference_component_are_chosen_by_name(
    client: EndpointClient, stub: Stub
) -> None:
    stub.replies = [Reply(), Reply()]
    client.predict([[1.0]], target_model="iris/7.tar.gz")
    component = EndpointClient(runtime_client(), "iris", inference_component="iris-small")
    component.predict([[1.0]])
    many, one = (headers for _, headers, _ in stub.requests)
    assert many["x-amzn-sagemaker-target-model"] == "iris/7.tar.gz"
    assert "x-amzn-sagemaker-inference-component" not in many
    assert one["x-amzn-sagemaker-inference-component"] == "iris-small"
    assert "x-amzn-sagemaker-target-model" not in one


@pytest.mark.parametrize(
    "fault",
    [
        error(400, "ThrottlingException"),
        error(429, "ModelNotReadyException"),
        error(500, "InternalFailure"),
        error(503, "ServiceUnavailable"),
        error(530, "InternalDependencyException"),
        model_error(502, "bad gateway"),
        model_error(503, "busy"),
        model_error(504, "slow"),
        Reply(hang_up=True),
        Reply(body=b"[1", promised_bytes=100),
    ],
    ids=repr,
)
def test_a_failure_that_is_safe_to_retry_is_retried(
    client: EndpointClient, stub: Stub, fault: Reply
) -> None:
    stub.replies = [fault, fault, Reply(body=b"[1]")]
    assert client.invoke(b"[]").decode() == [1]
    assert len(stub.requests) == 3


def test_the_client_gives_up_after_five_attempts_and_says_so(
    client: EndpointClient, stub: Stub
) -> None:
    stub.replies = [error(503, "ServiceUnavailable")] * 9
    with pytest.raises(UnavailableError, match=r"ServiceUnavailable!.*tried 5 times"):
        client.invoke(b"[]")
    assert len(stub.requests) == 5


def test_the_client_gives_up_at_the_deadline(stub: Stub) -> None:
    stub.replies = [error(503, "ServiceUnavailable")] * 9
    with pytest.raises(UnavailableError):
        EndpointClient(runtime_client(), "iris", deadline_seconds=0).invoke(b"[]")
    assert len(stub.requests) == 1


@pytest.mark.parametrize("status", [400, 415, 500])
def test_a_model_that_failed_is_not_run_again(
    client: EndpointClient, stub: Stub, status: int
) -> None:
    stub.replies = [model_error(status, '{"error": "row 3: x is nan"}')] * 2
    with pytest.raises(ModelFailedError) as caught:
        client.invoke(b"[]")
    assert len(stub.requests) == 1
    assert (caught.value.status, caught.value.body) == (status, '{"error": "row 3: x is nan"}')
    assert caught.value.log_group == "/aws/sagemaker/Endpoints/iris"
    assert str(caught.value) == (
        f"iris: the container answered {status}: row 3: x is nan; "
        "its log is in CloudWatch, log group /aws/sagemaker/Endpoints/iris"
    )


def test_an_html_page_of_the_container_becomes_one_line(client: EndpointClient, stub: Stub) -> None:
    stub.replies = [model_error(500, "<html>\n<h1>Internal Server Error</h1>\n<p>The server</p>")]
    with pytest.raises(ModelFailedError, match="500: Internal Server Error The server; its log"):
        client.invoke(b"[]")


@pytest.mark.parametrize(("status", "code"), [(400, "ValidationError"), (413, "ValidationError")])
def test_what_sagemaker_refuses_is_not_sent_again(
    client: EndpointClient, stub: Stub, status: int, code: str
) -> None:
    stub.replies = [error(status, code)] * 2
    with pytest.raises(RefusedError, match="iris: ValidationError: ValidationError!"):
        client.invoke(b"[]")
    assert len(stub.requests) == 1


def test_a_request_that_timed_out_may_still_be_running_and_is_not_sent_again(stub: Stub) -> None:
    impatient = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    stub.replies = [Reply(stall_seconds=30)] * 2
    with pytest.raises(UnavailableError, match="Read timeout"):
        EndpointClient(boto3.client("sagemaker-runtime", config=impatient), "iris").invoke(b"[]")
    assert len(stub.requests) == 1


def test_an_endpoint_where_nobody_listens_is_unavailable(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stub.url
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="Could not connect"):
        EndpointClient(runtime_client(), "iris", deadline_seconds=0.1).invoke(b"[]")


def test_an_answer_that_is_not_what_it_says_is_an_error(client: EndpointClient, stub: Stub) -> None:
    stub.replies = [Reply(body=b"[1")]
    with pytest.raises(PayloadError, match="says that it is application/json, but it is not: "):
        client.invoke(b"[]").decode()


def test_a_body_that_is_too_large_is_not_sent(client: EndpointClient, stub: Stub) -> None:
    with pytest.raises(PayloadError, match="send fewer rows"):
        client.invoke(bytes(25 * 1024**2 + 1))
    assert not stub.requests


def test_a_body_that_may_be_refused_is_sent_with_a_warning(
    client: EndpointClient, stub: Stub
) -> None:
    stub.replies = [Reply()]
    with pytest.warns(UserWarning, match="may refuse more than 6,291,456; send fewer rows"):
        client.invoke(bytes(6 * 1024**2 + 1))
    assert len(stub.requests) == 1


def test_the_json_of_an_answer_arrives_unchanged(client: EndpointClient, stub: Stub) -> None:
    document = {"predictions": ["é", 1.5, None]}
    stub.replies = [Reply(body=json.dumps(document).encode())]
    assert client.predict([[1.0]]) == document
