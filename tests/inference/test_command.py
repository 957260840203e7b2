from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference.__main__ import _options, main
from tests.inference.conftest import Reply, Stub, model_error

ROWS = '{"instances": [[1, 2]]}'


def test_one_request_from_an_argument(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.replies = [Reply(body=b'{"predictions": ["a"]}')]
    assert main(["invoke", "iris", ROWS]) == 0
    assert json.loads(capsys.readouterr().out) == {"predictions": ["a"]}
    ((_, headers, body),) = stub.requests
    assert (headers["content-type"], body) == ("application/json", ROWS.encode())


def test_the_request_may_stand_behind_the_options(
    stub: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.replies = [Reply(body=b"[1]")]
    assert main(["invoke", "iris", "--target-model", "a.tar.gz", ROWS]) == 0
    ((_, headers, body),) = stub.requests
    assert (headers["x-amzn-sagemaker-target-model"], body) == ("a.tar.gz", ROWS.encode())
    for too_much in (["--target-mode1", "x"], [ROWS, ROWS], ["--file", "rows.csv", ROWS]):
        with pytest.raises(SystemExit):
            main(["invoke", "iris", *too_much])
        assert "unrecognized arguments" in capsys.readouterr().err


def test_one_request_from_a_file_whose_suffix_tells_its_format(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([[0.25, 0.75]]))
    stub.replies = [Reply(body=stream.getvalue(), headers={"Content-Type": "application/x-npy"})]
    (tmp_path / "rows.csv").write_text("1,2\n")
    file = str(tmp_path / "rows.csv")
    assert main(["invoke", "iris", "--file", file, "--accept", "application/x-npy"]) == 0
    assert json.loads(capsys.readouterr().out) == [[0.25, 0.75]]
    ((_, headers, body),) = stub.requests
    assert (headers["content-type"], headers["accept"]) == ("text/csv", "application/x-npy")
    assert body == b"1,2\n"


def test_one_request_from_standard_input(stub: Stub) -> None:
    stub.replies = [Reply(body=b"[1]")]
    command = [sys.executable, "-m", "inference", "invoke", "iris", "--content-type", "text/csv"]
    done = subprocess.run(
        command, input=b"1,2\n", capture_output=True, check=False, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[1]\n", b"")
    assert stub.requests[0][2] == b"1,2\n"


def test_help_shows_an_example_that_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ([], ["invoke"]):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
        example = capsys.readouterr().out.splitlines()[-1]
        assert example.startswith("  python -m inference invoke ")
        assert _options(shlex.split(example)[3:]).run


def test_an_answer_that_nobody_reads_to_its_end_is_no_error(stub: Stub) -> None:
    stub.replies = [Reply(body=json.dumps("x" * 1_000_000).encode())]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "inference", "invoke", "iris", ROWS],
        stdout=writing, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode in (128 + signal.SIGPIPE, -signal.SIGPIPE)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["iris", ROWS], "the container answered 400: row 1 is short; its log is in CloudWatch"),
        (["iris", "--file", "missing.csv"], "missing.csv"),
        (["iris", "--file", "rows.parquet"], "rows.parquet"),
        (["no endpoint", ROWS], "no endpoint"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    stub: Stub, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.replies = [model_error(400, '{"error": "row 1 is short"}')]
    assert main(["invoke", *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert said in output.err


def test_a_missing_region_is_one_line_too(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stub.url
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert main(["invoke", "iris", ROWS]) == 1
    assert capsys.readouterr().err == "You must specify a region.\n"
