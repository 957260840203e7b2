from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.requirements import UnsatisfiedRequirementsError, satisfy, unsatisfied

NUMPY = version("numpy")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# a comment\n\n",
        "numpy",
        f"numpy=={NUMPY}  # pinned",
        f"NumPy>={NUMPY}, \\\n  <999",
        'no-such-thing; python_version < "3"',
    ],
)
def test_what_is_installed_is_satisfied(text: str) -> None:
    assert list(unsatisfied(text)) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no-such-thing>=1", "no-such-thing>=1 is not installed"),
        ("numpy<1", f"numpy<1 is asked for, but {NUMPY} is installed"),
        ("-r more.txt", "'-r more.txt' is an option of pip"),
        ("--find-links wheels", "'--find-links wheels' is an option of pip"),
        ("-i https://example.org/simple", "is an option of pip"),
        ("numpy==1 --hash=sha256:00", "is an option of pip"),
        ("./wheels/a.whl", "'./wheels/a.whl' is not a requirement"),
        ("a @ https://example.org/a.whl", "names a URL"),
    ],
)
def test_what_is_not_met_or_not_understood_is_said(line: str, problem: str) -> None:
    [said] = unsatisfied(line)
    assert problem in said


def test_every_requirement_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    satisfy(file, tmp_path)
    file.write_text("no-such-thing\nnumpy<1\n")
    with pytest.raises(UnsatisfiedRequirementsError) as caught:
        satisfy(file, tmp_path)
    said = str(caught.value)
    assert "no-such-thing is not installed; numpy<1 is asked for" in said
    assert "install the packages in that environment, or change the file" in said


@given(st.text(max_size=60))
def test_any_text_is_answered(text: str) -> None:
    assert all(isinstance(problem, str) for problem in unsatisfied(text))
