from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_artifact.archive import ArchiveError
from model_artifact.wheels.interpreter import Interpreter
from model_artifact.wheels.pip_settings import Sources
from model_artifact.wheels.requirements import Wanted, logical_lines, read

MARKERS = Interpreter("3.12", "x86_64", "2.28").markers

NAMES = st.from_regex(r"[a-z]([a-z0-9._-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda name: not name.endswith((".whl", ".zip", ".tgz")) and ".tar." not in name
)
REQUIREMENTS = st.builds(
    "{}{}{}".format,
    NAMES,
    st.sampled_from(["", "[extra]", "[a,b]"]),
    st.sampled_from(["", "==1.0", ">=1,<2", " ~= 1.4", "!=3.*"]),
)
NOISE = st.sampled_from(["", "   ", "# a comment", "\t# numpy==1", "#"])
ENDS = st.sampled_from(["", "  ", " # why", "\t# it's == needed \\"])


def reading(tmp_path: Path, text: str, **included: str) -> Wanted:
    (tmp_path / "requirements.txt").write_text(text)
    for name, content in included.items():
        (tmp_path / f"{name}.txt").write_text(content)
    return read(tmp_path / "requirements.txt", MARKERS)


@given(st.lists(st.tuples(st.lists(NOISE, max_size=2), REQUIREMENTS, ENDS)))
def test_comments_and_empty_lines_change_nothing(
    written: list[tuple[list[str], str, str]],
) -> None:
    # A comment that ends in a backslash goes on in the next line, as pip reads it.
    text = "".join(
        "\n".join([*noise, line + end]) + ("\n\n" if end.endswith("\\") else "\n")
        for noise, line, end in written
    )
    assert [line for _, line in logical_lines(text)] == [line for _, line, _ in written]


@given(st.lists(REQUIREMENTS, min_size=1, max_size=5), st.data())
def test_a_line_may_be_broken_anywhere_and_keeps_the_number_of_its_beginning(
    lines: list[str], data: st.DataObject
) -> None:
    text, numbers, number = "", [], 1
    for line in lines:
        at = data.draw(st.integers(0, len(line)))
        text += f"{line[:at]}\\\n{line[at:]}\n"
        numbers.append(number)
        number += 2
    assert list(logical_lines(text)) == list(zip(numbers, lines, strict=True))


@given(st.text("ab=#-\\ \n[];<1.'", max_size=60))
def test_any_text_is_read_or_refused_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("code")
    try:
        reading(folder, text)
    except ArchiveError as error:
        assert f"{folder / 'requirements.txt'}:" in str(error)  # noqa: PT017 - it may be read, too


def test_markers_are_those_of_the_image_and_not_of_this_python(tmp_path: Path) -> None:
    wanted = reading(
        tmp_path,
        'old ; python_version < "3.12"\nnew ; python_full_version >= "3.12"\n'
        'mac ; sys_platform == "darwin"\narm ; platform_machine == "aarch64"\n'
        'linux ; platform_system == "Linux" and implementation_name == "cpython"\n',
    )
    assert [str(requirement) for requirement in wanted.requirements] == ["new", "linux"]


def test_other_files_are_read_from_beside_the_one_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "more.txt").write_text("b==2\n-c limits.txt\n")
    (tmp_path / "deeper" / "limits.txt").write_text('c<3 ; python_version > "3"\n')
    wanted = reading(tmp_path, "a==1\n--requirement=deeper/more.txt\n")
    assert [str(requirement) for requirement in wanted.requirements] == ["a==1", "b==2"]
    assert wanted.constraints == ['c<3; python_version > "3"']
    assert wanted.places["b"] == f"{tmp_path / 'deeper' / 'more.txt'}:1"


def test_a_constraint_is_not_taken_for_a_requirement_by_the_lock(tmp_path: Path) -> None:
    required = reading(tmp_path, "-c limits.txt\na\n", limits="")
    limited = reading(tmp_path, "-c limits.txt\n", limits="a\n")
    assert required.lines != limited.lines


def test_options_say_where_packages_come_from(tmp_path: Path) -> None:
    (tmp_path / "my wheels").mkdir()
    sources = reading(
        tmp_path,
        "--extra-index-url https://gone.example/simple\n"
        "-i https://one.example/simple --trusted-host one.example\n"
        "--extra-index-url=https://two.example/simple\n"
        "-f 'my wheels'\n--find-links https://three.example/\n--pre\n--prefer-binary\n",
    ).sources
    assert sources.lines() == [
        f"--find-links {(tmp_path / 'my wheels').as_uri()}",
        "--find-links https://three.example/",
        "--index-url https://one.example/simple",
        "--extra-index-url https://two.example/simple",
    ]
    assert (sources.trusted_hosts, sources.prereleases) == (["one.example"], True)


def test_the_options_of_a_file_overrule_the_configuration_as_in_pip() -> None:
    configured = Sources("https://a.example", ["https://b.example"], ["https://c.example"])
    assert configured.then(Sources()) == configured
    both = configured.then(Sources("https://d.example", ["https://e.example"]))
    assert (both.index_url, both.extra_index_urls) == ("https://d.example", ["https://e.example"])
    assert both.find_links == ["https://c.example"]
    assert Sources("https://a.example").then(Sources(no_index=True)).lines() == ["--no-index"]


def test_variables_are_filled_in_but_their_values_do_not_reach_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    wanted = reading(tmp_path, "--index-url https://me:${TOKEN}@one.example/${UNSET_HERE}\n")
    assert wanted.sources.index_url == "https://me:secret@one.example/${UNSET_HERE}"
    assert "secret" not in str(wanted.lines)


def test_the_users_own_hashes_are_kept(tmp_path: Path) -> None:
    wanted = reading(
        tmp_path, f"a_b==1 \\\n  --hash=sha256:{'1' * 64} \\\n  --hash sha256:{'2' * 64}\n"
    )
    assert wanted.hashes == {"a-b": ("1" * 64, "2" * 64)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-e .", "pip wheel --no-deps --wheel-dir .*/wheels"),
        ("--editable=git+https://h.example/x", "pip wheel"),
        ("./local", "pip wheel"),
        (".", "pip wheel"),
        ("../x-1.0-py3-none-any.whl", "pip wheel"),
        ("x-1.0-py3-none-any.whl", "pip wheel"),
        ("x-1.0.tar.gz", "pip wheel"),
        ("git+https://me:secret@h.example/x.git@v1", "pip wheel"),
        ("x @ https://me:secret@h.example/x-1.0-py3-none-any.whl", "pip wheel"),
        ("numpy=1.2", "like numpy>=2"),
        ("--index-url", "remove this line"),
        ("--no-binary :all:", "--no-binary.*remove this line"),
        ("--index-url https://me:secret@h.example --who-knows", "remove this line"),
        ("-r https://me:secret@h.example/more.txt", "download it into this file's folder"),
        ("-r gone.txt", "gone.txt, included by .*requirements.txt"),
        ("-r requirements.txt", "this file includes itself"),
        ("-c requirements.txt", "this file includes itself"),
    ],
)
def test_what_cannot_be_vendored_is_refused_with_its_line_and_the_way_out(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(ArchiveError, match=said) as refusal:
        reading(tmp_path, f"numpy\n{line}\n")
    assert "secret" not in str(refusal.value)
    if "more" not in line and "-r" not in line and "-c" not in line:
        assert "requirements.txt:2: " in str(refusal.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ArchiveError, match="UTF-8"):
        read(tmp_path / "requirements.txt", MARKERS)
