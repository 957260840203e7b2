"""What lies on the stack of a pickle's machine where nothing is imported, called or kept."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_ITEMS = 32
"""Of a tuple that is kept: arguments of functions, and shapes of arrays."""

MAX_TEXT_BYTES = 255
"""Longer strings name nothing that could be imported."""


class Global(NamedTuple):
    """Something that the pickle would import: a class, a function, anything in a module."""

    module: str
    name: str
    """May have dots, as in "Class.method"."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @classmethod
    def of(cls, module: object, name: object) -> Global:
        """Name a global, by "?" where the name is not known.

        What has a name of Python 2 gets that of today, as Python's own machine does.
        """
        known = (
            module if isinstance(module, str) else "?",
            name if isinstance(name, str) else "?",
        )
        known = _compat_pickle.NAME_MAPPING.get(known, known)
        return cls(_compat_pickle.IMPORT_MAPPING.get(known[0], known[0]), known[1])


GETATTR = Global("builtins", "getattr")
DTYPE = Global("numpy", "dtype")


@dataclass(eq=False, slots=True)
class Call:
    """An object that calling a function would make."""

    function: Global
    arguments: object
    state: object = None
    """What the object would be given as its attributes."""


class Opaque:
    """A value that is not followed."""


OPAQUE = Opaque()

STATE_KEYS = frozenset({"shape", "dtype", "numpy_array_alignment_bytes", "_sklearn_version"})
"""What is kept of a dict: how joblib describes an array, and of what version an estimator is."""


def kept(items: Sequence[Any]) -> object:
    """Return a tuple as far as it is kept: nothing that has parts of its own."""
    if len(items) > MAX_ITEMS:
        return OPAQUE
    return tuple(item if isinstance(item, str | int | Global | None) else OPAQUE for item in items)


def kept_in_dict(value: object) -> object:
    """Return a value of a dict as far as it is kept."""
    if isinstance(value, Call):
        return value if value.function == DTYPE else OPAQUE
    return OPAQUE if isinstance(value, dict) else value


def item_of(dtype: object) -> tuple[int, bool]:
    """Return the size of an item of a numpy.dtype in bytes, and whether it has Python objects.

    Raises ValueError, TypeError or IndexError for what is none.
    """
    if not isinstance(dtype, Call) or not isinstance(dtype.arguments, tuple):
        raise TypeError
    code = dtype.arguments[0]
    kind, size = code[0], int(code[1:])
    # The flags are the last of the state; for dates and times that is something else.
    flags = dtype.state[-1] if isinstance(dtype.state, tuple) else 0
    return (4 * size if kind == "U" else size), kind == "O" or (kind == "V" and bool(flags & 1))


def text(argument: bytes) -> object:
    """Read a string, unless it is too long to name anything."""
    if len(argument) > MAX_TEXT_BYTES:
        return OPAQUE
    return argument.decode("utf-8", "backslashreplace")


def unsigned(argument: bytes) -> int:
    """Read a number."""
    return int.from_bytes(argument, "little")


def _signed(argument: bytes) -> object:
    return int.from_bytes(argument, "little", signed=True) if len(argument) <= 16 else OPAQUE


def _written(argument: bytes) -> object:
    """Read a number as protocol 0 writes it."""
    digits = argument.rstrip(b"L")
    return int(digits) if len(digits) <= 32 else OPAQUE


def _quoted(argument: bytes) -> object:
    return text(argument.strip(b"'\""))


PUSHED: dict[str, Callable[[bytes], object]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_TUPLE": lambda _: (),
    **dict.fromkeys(
        ("EMPTY_LIST", "EMPTY_SET", "FLOAT", "BINFLOAT", "PERSID", "NEXT_BUFFER"), lambda _: OPAQUE
    ),
    **dict.fromkeys(("INT", "LONG"), _written),
    **dict.fromkeys(("BININT1", "BININT2"), unsigned),
    **dict.fromkeys(("BININT", "LONG1", "LONG4"), _signed),
    "STRING": _quoted,
    **dict.fromkeys(
        ("BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
         "BINUNICODE8"),
        text,
    ),
}  # fmt: skip
"""Opcodes that push a value, and what they make of their argument."""

BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
"""Opcodes that push bytes, which name nothing."""
