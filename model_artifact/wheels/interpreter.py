"""An image's Python, and the wheels that it can install."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

UV_GLIBC_MINORS = (17, 28, *range(31, 41))
"""The N of the platforms manylinux_2_N that uv can resolve for."""

OLDEST_GLIBC_MINOR = {"x86_64": 5, "aarch64": 17}
"""The N of the first manylinux_2_N for each machine (PEP 600)."""

OTHER_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""The names of some manylinux_2_N in older wheels (PEP 600)."""


@dataclass(frozen=True)
class Interpreter:
    """The target of wheels: an image's CPython on Linux, with its installed packages."""

    python: str
    """For example 3.12."""
    machine: str
    """x86_64 or aarch64."""
    glibc: str
    """For example 2.28: the newest manylinux that the image runs."""
    installed: Mapping[str, str] = field(default_factory=dict)
    """Distribution -> version."""

    def __str__(self) -> str:
        return f"Python {self.python}, {self.machine}, glibc {self.glibc}"

    @property
    def markers(self) -> dict[str, str]:
        """The values for the markers of a requirement (PEP 508)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }

    @property
    def abi(self) -> str:
        """CPython's ABI in the names of wheels, such as cp312."""
        return "cp" + self.python.replace(".", "")

    @property
    def platforms(self) -> list[str]:
        """The platforms of the wheels that it can install, the best first."""
        tags = []
        for minor in range(self._glibc_minor, OLDEST_GLIBC_MINOR[self.machine] - 1, -1):
            tags.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in OTHER_NAMES:
                tags.append(f"{OTHER_NAMES[minor]}_{self.machine}")
        return [*tags, f"linux_{self.machine}"]

    @property
    def uv_platform(self) -> str:
        """The newest of uv's platforms that the image runs."""
        return f"{self.machine}-manylinux_2_{self._uv_minor}"

    @property
    def uv_best_tag(self) -> str:
        """The tag of the wheels that uv prefers for this platform."""
        return f"{self.abi}-{self.abi}-manylinux_2_{self._uv_minor}_{self.machine}"

    @property
    def _uv_minor(self) -> int:
        minor: int = max(minor for minor in UV_GLIBC_MINORS if minor <= self._glibc_minor)
        return minor

    @property
    def _glibc_minor(self) -> int:
        return int(self.glibc.removeprefix("2."))
