"""The example of several models in one container: its handler, its training and its upload."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from container import toolkit
from examples.multi_model.train import main
from settings.stage import Stage
from tests.container.multi_model_server import Server, servers
from tests.examples.conftest import ROOT, load_handler, trained

JSON, CSV = "application/json", "text/csv"
CODE = ROOT / "examples" / "multi_model" / "code"
SAMPLE = (CODE / "sample.json").read_text()
ROWS = json.loads(SAMPLE)["instances"]
KINDS = ["setosa", "versicolor", "virginica"]
REGION, URL = "eu-central-1", "s3://iris/models/"
Ask = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archives")
    trained("multi_model", folder)
    return folder


@pytest.fixture(scope="module")
def models(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders that the archives are unpacked in."""
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    for kind, folder in folders.items():
        unpack(archives / f"{kind}.tar.gz", folder)
    return folders


def unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


@pytest.fixture(scope="module")
def handler() -> Iterator[ModuleType]:
    before = set(sys.modules)
    toolkit.provide()
    yield load_handler("multi_model")
    for name in [name for name in set(sys.modules) - before if "sagemaker_inference" in name]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def ask(handler: ModuleType, models: dict[str, Path]) -> Ask:
    classifier = handler.model_fn(str(models["setosa"]))

    def ask(
        body: str | bytes, content_type: str | None = JSON, accept: str = JSON
    ) -> tuple[int, str]:
        try:
            answer, answer_type = handler.transform_fn(classifier, body, content_type, accept)
        except handler.BaseInferenceToolkitError as error:
            status, said = error.status_code, error.message
        else:
            assert answer_type == JSON
            return 200, answer
        # Multi Model Server puts the message into the HTTP status line.
        assert said.isascii()
        assert said.isprintable()
        assert len(said) < 400
        return status, said

    return ask


@pytest.mark.parametrize(
    ("kind", "predictions"),
    [
        ("setosa", ["setosa", "other"]),
        ("versicolor", ["other", "other"]),
        ("virginica", ["other", "virginica"]),
    ],
)
def test_each_model_tells_its_own_kind_from_the_others(
    handler: ModuleType, models: dict[str, Path], kind: str, predictions: list[str]
) -> None:
    classifier = handler.model_fn(str(models[kind]))
    answer = json.loads(handler.transform_fn(classifier, SAMPLE, JSON, JSON)[0])
    assert answer["predictions"] == predictions
    for row in answer["probabilities"]:
        assert set(row) == {kind, "other"}
        assert sum(row.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(ROWS), JSON),
        (SAMPLE.encode(), "application/json; charset=utf-8"),
        (bytearray(SAMPLE, "utf-8-sig"), "Application/JSON;charset=UTF-8"),
        ("\ufeff" + SAMPLE, JSON),
        ("5.1,3.5,1.4,0.2\n6.7,3,5.2,2.3", CSV),
        (b"5.1, 3.5, 1.4, 0.2\r\n6.7, 3, 5.2, 2.3\r\n", "text/csv; charset=utf-8"),
    ],
)
def test_the_same_rows_get_the_same_answer_however_they_come(
    ask: Ask, body: str | bytes, content_type: str
) -> None:
    assert ask(body, content_type) == ask(SAMPLE)
    assert ask(SAMPLE)[0] == 200


@pytest.mark.parametrize("accept", ["*/*", "text/csv, application/json;q=0.5", "application/*"])
def test_a_caller_who_accepts_json_gets_json(ask: Ask, accept: str) -> None:
    assert ask(SAMPLE, accept=accept) == ask(SAMPLE)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "said"),
    [
        ("", JSON, 400, "the body is not JSON"),
        ("[" * 100_000, JSON, 400, "the body is not JSON"),
        (f"[[{'9' * 5000}]]", JSON, 400, "the body is not JSON"),
        (b"\xff", "application/json; charset=latin-1", 400, "the body is not UTF-8"),
        ("null", JSON, 400, 'send {"instances"'),
        ("{}", JSON, 400, 'send {"instances"'),
        ("[]", JSON, 400, "the body has no rows"),
        ("", CSV, 400, "the body has no rows"),
        ("[1.5]", JSON, 400, "row 1 is 1.5, not a list of 4 numbers"),
        ("[[1, 2, 3, 4], [1, 2, 3]]", JSON, 400, "row 2 has 3 values; this model takes 4"),
        ("[[1, 2, 3, true]]", JSON, 400, "row 1, value 4 is true"),
        ("[[1, null, 3, 4]]", JSON, 400, "row 1, value 2 is null"),
        ("[[1, {}, 3, 4]]", JSON, 400, "row 1, value 2 is an object"),
        ("[[1, 2, NaN, 4]]", JSON, 400, "row 1, value 3 is NaN"),
        ("[[1, 2, 1e39, 4]]", JSON, 400, "row 1, value 3 is 1e+39"),
        (f"[[1{'0' * 400}, 2, 3, 4]]", JSON, 400, "row 1, value 1 is 1000"),
        ("1,2,3,4\n\n1,2,3,4", CSV, 400, "row 2 has 1 values"),
        ("a,b,c,d\n1,2,3,4", CSV, 400, 'row 1, value 1 is "a"'),
        ("1,2,3," + "x" * 1000, CSV, 400, 'row 1, value 4 is "xxx'),
        ("1,2,3,1_0", CSV, 400, 'row 1, value 4 is "1_0"'),
        ("1,2,3,é\u2028", CSV, 400, 'row 1, value 4 is "\\u00e9"'),
        ("1,2,3,\u0664", CSV, 400, "row 1, value 4 is"),
        (b"\x80\x04.", "application/x-npy", 415, "Content-Type is 'application/x-npy'"),
        ("1", "text/é", 415, "this model reads application/json, text/csv"),
        ("1", None, 415, "Content-Type is ''"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    ask: Ask, body: str | bytes, content_type: str | None, status: int, said: str
) -> None:
    got, sentence = ask(body, content_type)
    assert got == status
    assert said in sentence


def test_an_accept_without_json_is_refused(ask: Ask) -> None:
    assert ask(SAMPLE, accept="text/csv, image/*") == (
        406,
        "Accept is 'text/csv, image/*'; this model answers in application/json",
    )


KNOWN = st.sampled_from([JSON, CSV, "application/json; charset=utf-8", "text/csv;charset=ascii"])
NUMBERS = st.floats() | st.integers()


@given(
    st.binary(max_size=200) | st.text(max_size=200), KNOWN | st.text(max_size=30), st.text("*/, a")
)
def test_no_request_whatever_makes_the_handler_fail(
    ask: Ask, body: str | bytes, content_type: str, accept: str
) -> None:
    assert ask(body, content_type)[0] in (200, 400, 415)
    assert ask(body, content_type, accept)[0] in (200, 400, 406, 415)


@given(st.recursive(st.none() | st.booleans() | NUMBERS | st.text(), st.lists, max_leaves=12))
def test_no_json_whatever_makes_the_handler_fail(ask: Ask, value: Any) -> None:
    assert ask(json.dumps(value))[0] in (200, 400)


@given(st.lists(st.lists(NUMBERS, min_size=4, max_size=4), min_size=1, max_size=3))
def test_a_table_of_numbers_is_answered_unless_one_is_beyond_float32(
    ask: Ask, rows: list[list[float]]
) -> None:
    usable = all(abs(value) <= 3.4028234663852886e38 for row in rows for value in row)
    status, answer = ask(json.dumps(rows))
    assert status == (200 if usable else 400)
    lines = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    assert ask(lines, CSV)[0] == status
    if usable:
        assert ask(lines, CSV)[1] == answer
        assert "NaN" not in answer


@pytest.mark.parametrize("depth", range(100, 2000, 100))
def test_no_depth_of_json_makes_the_handler_fail(ask: Ask, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    assert ask(nested)[0] == ask(f"[[1, 2, 3, {nested}]]")[0] == 400


@pytest.fixture(scope="module")
def server(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A container that has all three models loaded."""
    with servers(lambda: tmp_path_factory.mktemp("container")) as start:
        server = start((CODE / "inference.py").read_text())
        for kind, folder in models.items():
            asked = json.dumps({"model_name": kind, "url": str(folder)})
            status, _, told = server.ask("POST", "/models", asked)
            assert status == 200, told
        yield server


def test_one_container_answers_for_each_model(server: Server) -> None:
    answers = {}
    for kind in KINDS:
        status, content_type, body = server.invoke(kind, SAMPLE, content_type=JSON)
        assert (status, content_type) == (200, JSON)
        answers[kind] = json.loads(body)["predictions"]
    assert answers["setosa"] == ["setosa", "other"]
    assert answers["virginica"] == ["other", "virginica"]


def test_the_container_says_why_a_request_is_refused(server: Server) -> None:
    status, _, sentence = server.invoke("setosa", "[[1]]", content_type=JSON)
    assert (status, sentence) == (400, "row 1 has 1 values; this model takes 4")
    assert server.invoke("setosa", b"\x80", content_type="application/x-npy")[0] == 415
    assert server.invoke("setosa", SAMPLE, content_type=JSON, accept=CSV)[0] == 406


def test_training_again_in_another_process_gives_the_same_bytes(
    archives: Path, tmp_path: Path
) -> None:
    again = trained("multi_model", tmp_path, hash_seed="1")
    assert again == {path.name: path.read_bytes() for path in archives.iterdir()}
    assert sorted(again) == [f"{kind}.tar.gz" for kind in KINDS]


def test_an_archive_has_the_model_alone(models: dict[str, Path]) -> None:
    for folder in models.values():
        assert [path.name for path in folder.iterdir()] == ["model.joblib"]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield boto3.client("s3")


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="iris").get("Contents", [])]


def test_the_archives_are_uploaded_below_the_prefix_and_once(
    s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path), "--upload", URL, "--create-bucket"]
    assert main(arguments) == 0
    assert keys(s3) == [f"models/{kind}.tar.gz" for kind in KINDS]
    assert s3.get_bucket_location(Bucket="iris")["LocationConstraint"] == REGION
    stored = s3.get_object(Bucket="iris", Key="models/setosa.tar.gz")["Body"].read()
    assert stored == (tmp_path / "setosa.tar.gz").read_bytes()
    told = capsys.readouterr().out
    assert f"s3://iris: created in {REGION}\n{URL}setosa.tar.gz: uploaded\n" in told
    assert f'artifact = "{URL}"' in told
    assert "--target-model setosa.tar.gz" in told
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "created in" not in told
    assert f"{URL}setosa.tar.gz: exists already" in told


def test_a_model_is_not_replaced_by_another_which_needs_a_new_name(
    s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path), "--upload", URL]
    assert main([*arguments, "--create-bucket"]) == 0
    before = s3.get_object(Bucket="iris", Key="models/setosa.tar.gz")["ETag"]
    changed = [*arguments, "--inverse-regularization", "0.1"]
    assert main(changed) == 1
    assert f"{URL}setosa.tar.gz exists with another model" in capsys.readouterr().err
    assert s3.get_object(Bucket="iris", Key="models/setosa.tar.gz")["ETag"] == before
    assert main([*changed, "--version", "2"]) == 0
    assert set(keys(s3)) == {f"models/{kind}{v}.tar.gz" for kind in KINDS for v in ("", "-2")}


def test_a_bucket_is_created_only_on_request(
    s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path), "--upload", URL]) == 1
    said = capsys.readouterr().err
    assert said.startswith("the bucket iris does not exist; create it in the stage's region")
    assert said.count("\n") == 1
    with pytest.raises(ClientError):
        keys(s3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--upload", "s3://iris/models"], "write s3://BUCKET/PREFIX/, with the last slash"),
        (["--upload", "iris/"], "iris/ is not a prefix"),
        (["--create-bucket"], "--create-bucket needs --upload"),
        (["--version", "0"], "0 is not above 0"),
        (["--inverse-regularization", "-1"], "-1 is not a finite number above 0"),
        (["--inverse-regularization", "inf"], "inf is not a finite number above 0"),
    ],
)
def test_a_wrong_command_line_is_refused(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path), *arguments])
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--output", str(tmp_path / "file" / "below")]) == 1
    assert str(tmp_path / "file" / "below") in capsys.readouterr().err


def test_the_stage_deploys_this_code_for_all_models() -> None:
    stage = Stage.load("examples/multi_model", ROOT / "stages")
    assert stage.served[""].code == Path("examples/multi_model/code")
    assert stage.endpoint.name == "iris-models"
