"""code/requirements.txt: can the container install it, and always with the same result?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from catalogue.image_contents import ImageContents
from model_artifact.inspection.container import Container
from model_artifact.inspection.contents import WHEELS, ArchiveContents, lines
from model_artifact.inspection.findings import Finding, Severity, rule

REQUIREMENTS = "code/requirements.txt"

INVALID = rule(
    "requirements-invalid",
    Severity.ERROR,
    "every line is a requirement or an option of pip",
    "pip fails, so no instance starts.",
)
MISPLACED = rule(
    "requirements-misplaced",
    Severity.WARNING,
    "requirements.txt lies in code/",
    "The container does not install it.",
)
UNPINNED = rule(
    "requirements-unpinned",
    Severity.WARNING,
    "every requirement names one version, with ==",
    "An instance that starts next month, to scale out or to replace a failed one, may get another "
    "version than you tried.",
)
ISOLATED = rule(
    "requirements-isolated",
    Severity.ERROR,
    "with network isolation, no requirement has to be downloaded",
    "pip reaches no index, and the container exits.",
)
NO_EGRESS = rule(
    "requirements-egress",
    Severity.ERROR,
    "in a VPC that reaches no package index, no requirement has to be downloaded",
    "pip waits for an index that it cannot reach, and the health check times out.",
)
REPLACES = rule(
    "requirements-replaces",
    Severity.WARNING,
    "no requirement asks for another version of a package that the image has",
    "The container's own server gets the new version too: with a newer protobuf, the server of the "
    "scikit-learn image does not start.",
)
WHEEL_MISSING = rule(
    "requirements-wheel-missing",
    Severity.ERROR,
    f"with --no-index, every requirement has a wheel in {WHEELS}",
    "pip finds no matching distribution, and the container exits.",
)
WHEEL_UNFIT = rule(
    "requirements-wheel-unfit",
    Severity.ERROR,
    "every wheel is for the image's Python and platform",
    "pip ignores the wheel, finds no other, and the container exits.",
)


@dataclass
class Requirements:
    """The lines of code/requirements.txt, each with its number."""

    asked: list[tuple[int, Requirement]] = field(default_factory=list)
    options: list[tuple[int, str]] = field(default_factory=list)
    invalid: list[tuple[int, str]] = field(default_factory=list)
    """Lines that pip cannot read."""
    direct: list[tuple[int, str]] = field(default_factory=list)
    """Lines with a path or a URL, with or without -e."""

    @property
    def offline(self) -> bool:
        """Whether an option tells pip to ask no index."""
        return any(option.split()[0] == "--no-index" for _, option in self.options)

    @property
    def names(self) -> set[str]:
        """The distributions that the requirements name."""
        return {canonicalize_name(requirement.name) for _, requirement in self.asked}


def read(contents: ArchiveContents) -> Requirements:
    """Read code/requirements.txt, if the archive has it."""
    found = Requirements()
    for number, line in lines(contents.sources.get(REQUIREMENTS, b"")):
        text = _without_comment(line)
        if not text:
            continue
        if text.startswith(("-e ", "--editable", "git+", "http:", "https:", "./", "/")):
            found.direct.append((number, text))
        elif text.startswith("-"):
            found.options.append((number, text))
        else:
            try:
                asked = Requirement(text.partition(" --")[0])
                found.asked.append((number, asked))
            except InvalidRequirement:
                found.invalid.append((number, text))
    return found


def check(
    contents: ArchiveContents, container: Container, requirements: Requirements
) -> Iterator[Finding]:
    """Yield what prevents the container from installing its requirements."""
    if REQUIREMENTS not in contents.sizes and "requirements.txt" in contents.sizes:
        yield Finding(
            MISPLACED,
            "requirements.txt",
            "the file lies at the archive's root",
            "move it into code/",
        )
    for number, text in requirements.invalid:
        yield Finding(
            INVALID,
            REQUIREMENTS,
            f"line {number}: {text!r} is not a requirement",
            "write NAME==VERSION",
        )
    for number, requirement in requirements.asked:
        if not requirement.url and not _is_pinned(requirement):
            yield Finding(
                UNPINNED,
                REQUIREMENTS,
                f"line {number}: {requirement} may be another version tomorrow",
                f"write {requirement.name}==VERSION",
            )
        yield from _replaced(number, requirement, container)
    if requirements.offline:
        yield from _wheels(contents, container, requirements)
    elif requirements.asked or requirements.direct:
        if container.network_isolation:
            yield Finding(
                ISOLATED,
                REQUIREMENTS,
                "the packages must be downloaded, but network isolation takes the network away",
                _VENDOR,
            )
        elif not container.egress:
            yield Finding(
                NO_EGRESS,
                REQUIREMENTS,
                "the packages must be downloaded, but the container reaches no package index",
                _VENDOR,
            )


def _replaced(number: int, requirement: Requirement, container: Container) -> Iterator[Finding]:
    packages = container.contents.packages if container.contents else {}
    there = packages.get(canonicalize_name(requirement.name))
    if there and not requirement.specifier.contains(there, prereleases=True):
        yield Finding(
            REPLACES,
            REQUIREMENTS,
            f"line {number}: the file asks for {requirement}, but {container.name} has {there}",
            f"ask for {requirement.name}=={there}, or try the new version on AWS first",
        )


_VENDOR = (
    "set `vendor_requirements = true` for the model to pack the wheels, or remove the file if the "
    "image has all packages"
)


_PACK = "set `vendor_requirements = true` for the model to pack the right wheels"


def _is_pinned(requirement: Requirement) -> bool:
    return any(
        each.operator in ("==", "===") and not each.version.endswith("*")
        for each in requirement.specifier
    )


def _wheels(
    contents: ArchiveContents, container: Container, requirements: Requirements
) -> Iterator[Finding]:
    image = container.contents
    there: dict[str, list[str]] = {}
    for member in sorted(contents.sizes):
        if not member.startswith(WHEELS):
            continue
        try:
            name, version, _, tags = parse_wheel_filename(member.rpartition("/")[2])
        except InvalidWheelFilename:
            continue
        there.setdefault(name, []).append(str(version))
        if image and not tags & _fitting(image, container.machine):
            yield Finding(
                WHEEL_UNFIT,
                member,
                f"it is for {', '.join(sorted(map(str, tags)))}; {container.name} has Python "
                f"{image.python} and glibc {image.glibc}",
                _PACK,
            )
    for number, requirement in requirements.asked:
        if requirement.marker and not requirement.marker.evaluate(_environment(image)):
            continue
        found = there.get(canonicalize_name(requirement.name), [])
        in_image = image and image.packages.get(canonicalize_name(requirement.name))
        if in_image:
            found = [*found, in_image]
        if not any(requirement.specifier.contains(each, prereleases=True) for each in found):
            yield Finding(
                WHEEL_MISSING,
                REQUIREMENTS,
                f"line {number}: {WHEELS} has no wheel for {requirement}",
                _PACK,
            )


def _environment(image: ImageContents | None) -> dict[str, str]:
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    if image is None:
        return linux
    return linux | {"python_version": image.python, "python_full_version": f"{image.python}.0"}


def _fitting(image: ImageContents, machine: str) -> set[Tag]:
    """Return the tags of the wheels that the image's pip can install."""
    major, minor = map(int, image.glibc.split("."))
    platforms = [
        *(f"manylinux_{major}_{older}_{machine}" for older in range(minor, 4, -1)),
        *(f"{legacy}_{machine}" for legacy in ("manylinux2014", "manylinux2010", "manylinux1")),
        f"linux_{machine}",
    ]
    python = tuple(map(int, image.python.split(".")))
    interpreter = f"cp{python[0]}{python[1]}"
    return {
        *cpython_tags(python, platforms=platforms),
        *compatible_tags(python, interpreter, platforms),
    }


def _without_comment(line: str) -> str:
    text = line.strip()
    return "" if text.startswith("#") else text.partition(" #")[0].strip()
