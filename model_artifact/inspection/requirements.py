"""code/requirements.txt: can the container install it when it starts, and always the same?"""

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
    "pip fails, and with it the start of every instance.",
)
MISPLACED = rule(
    "requirements-misplaced",
    Severity.WARNING,
    f"requirements.txt lies in code/: {REQUIREMENTS}",
    "The container does not install it.",
)
UNPINNED = rule(
    "requirements-unpinned",
    Severity.WARNING,
    "every requirement names one version, with ==",
    "An instance that starts next month, by scaling or in place of one that died, gets another "
    "version than the one that was tried.",
)
ISOLATED = rule(
    "requirements-isolated",
    Severity.ERROR,
    "under network isolation nothing has to be downloaded",
    "pip finds no index, and the container exits.",
)
NO_EGRESS = rule(
    "requirements-egress",
    Severity.ERROR,
    "in a VPC without a way out nothing has to be downloaded",
    "pip waits for an index that it cannot reach, and the health check times out.",
)
REPLACES = rule(
    "requirements-replaces",
    Severity.WARNING,
    "no requirement is a package that the image has in another version",
    "It takes the place of the image's, for the container's own server too: with a newer protobuf "
    "scikit-learn's does not start.",
)
WHEEL_MISSING = rule(
    "requirements-wheel-missing",
    Severity.ERROR,
    f"with --no-index every requirement has its wheel in {WHEELS}",
    "pip finds no matching distribution, and the container exits.",
)
WHEEL_UNFIT = rule(
    "requirements-wheel-unfit",
    Severity.ERROR,
    "every wheel is for the image's Python and platform",
    "pip does not see it: no matching distribution.",
)


@dataclass
class Requirements:
    """What code/requirements.txt asks for."""

    asked: list[tuple[int, Requirement]] = field(default_factory=list)
    """The requirements, and their lines."""
    options: list[tuple[int, str]] = field(default_factory=list)
    invalid: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are neither, nor a path or a URL."""
    direct: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are a path, a URL or an -e of one."""

    @property
    def offline(self) -> bool:
        """Whether pip is told to ask no index."""
        return any(option.split()[0] == "--no-index" for _, option in self.options)

    @property
    def names(self) -> set[str]:
        """The distributions that are named."""
        return {canonicalize_name(requirement.name) for _, requirement in self.asked}


def read(contents: ArchiveContents) -> Requirements:
    """Read code/requirements.txt, if there is one."""
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
    """Yield what would keep the container from installing its requirements."""
    if REQUIREMENTS not in contents.sizes and "requirements.txt" in contents.sizes:
        yield Finding(
            MISPLACED, "requirements.txt", "it lies at the archive's root", "move it into code/"
        )
    for number, text in requirements.invalid:
        yield Finding(
            INVALID,
            REQUIREMENTS,
            f"line {number}: {text!r} is no requirement",
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
                ISOLATED, REQUIREMENTS, "it is to be downloaded, without a network", _VENDOR
            )
        elif not container.egress:
            yield Finding(
                NO_EGRESS, REQUIREMENTS, "it is to be downloaded, without a way out", _VENDOR
            )


def _replaced(number: int, requirement: Requirement, container: Container) -> Iterator[Finding]:
    packages = container.contents.packages if container.contents else {}
    there = packages.get(canonicalize_name(requirement.name))
    if there and not requirement.specifier.contains(there, prereleases=True):
        yield Finding(
            REPLACES,
            REQUIREMENTS,
            f"line {number}: {requirement} is asked for, and {container.name} has {there}",
            f"ask for {requirement.name}=={there}, or try it in an account before you rely on it",
        )


_VENDOR = (
    "set model.vendor_requirements = true, which packs the wheels, or remove the file if the "
    "image has all of it"
)


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
                "have it packed by model.vendor_requirements = true",
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
                f"line {number}: there is no wheel of {requirement} in {WHEELS}",
                "have it packed by model.vendor_requirements = true",
            )


def _environment(image: ImageContents | None) -> dict[str, str]:
    linux = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    if image is None:
        return linux
    return linux | {"python_version": image.python, "python_full_version": f"{image.python}.0"}


def _fitting(image: ImageContents, machine: str) -> set[Tag]:
    """Return the tags of the wheels that an image's pip installs."""
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
