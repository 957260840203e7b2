"""The values on the stack of a pickle's machine that imports and calls nothing."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MAX_ITEMS = 32
"""The longest tuple that is kept: arguments of a function, or the shape of an array."""

MAX_TEXT_BYTES = 255
"""Longer strings cannot be names of imports."""


class Global(NamedTuple):
    """Something that the pickle imports: a class, a function, anything in a module."""

    module: str
    name: str
    """May have dots, as in "Class.method"."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @classmethod
    def of(cls, module: object, name: object) -> Global:
        """Name a global; "?" stands for a part of the name that is not known.

        Names of Python 2 become today's names, as in Python's own machine.
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
    """An object that the pickle makes by calling a function."""

    function: Global
    arguments: object
    state: object = None
    """The attributes that the object gets afterwards."""


class Opaque:
    """A value that is not followed."""


OPAQUE = Opaque()

STATE_KEYS = frozenset({"shape", "dtype", "numpy_array_alignment_bytes", "_sklearn_version"})
"""The keys of a dict that are kept: the description of joblib's arrays, an estimator's version."""


def kept(items: Sequence[Any]) -> object:
    """Return a tuple without the items that have parts of their own."""
    if len(items) > MAX_ITEMS:
        return OPAQUE
    return tuple(item if isinstance(item, str | int | Global | None) else OPAQUE for item in items)


def kept_in_dict(value: object) -> object:
    """Return a value of a dict if it is kept, else OPAQUE."""
    if isinstance(value, Call):
        return value if value.function == DTYPE else OPAQUE
    return OPAQUE if isinstance(value, dict) else value


def item_of(dtype: object) -> tuple[int, bool]:
    """Return the size of an item of a numpy.dtype in bytes, and whether it has Python objects.

    Raises ValueError, TypeError or IndexError if dtype is something else.
    """
    if not isinstance(dtype, Call) or not isinstance(dtype.arguments, tuple):
        raise TypeError
    code = dtype.arguments[0]
    kind, size = code[0], int(code[1:])
    # The flags are the last part of the state, except for dates and times.
    flags = dtype.state[-1] if isinstance(dtype.state, tuple) else 0
    return (4 * size if kind == "U" else size), kind == "O" or (kind == "V" and bool(flags & 1))


def text(argument: bytes) -> object:
    """Read a string, unless it is too long to be a name."""
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
"""Opcodes that push a value, and how each reads it from its argument."""

BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
"""Opcodes that push bytes, which cannot be names."""
