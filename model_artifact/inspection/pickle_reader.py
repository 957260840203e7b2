"""What a pickle would import and call, read from its opcodes without doing any of it.

Loading a pickle runs a program for a stack machine, and whatever functions it names. This is the
same machine with nothing behind it: a function that would be imported is a Global, an object that
would be made by calling it is a Call, and what is too large to matter is OPAQUE. It reads the
numpy arrays that joblib writes between the opcodes, as joblib does, and holds a bounded amount of
a hostile pickle in memory.
"""

from __future__ import annotations

import _compat_pickle
import pickletools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Protocol

MAX_OPCODES = 100_000_000
"""Some minutes of reading: more than this no model has."""

MAX_DEPTH = 1_000_000
"""Of the stack; what Python writes stays below a few thousand."""

MAX_KEPT = 1_000_000
"""Objects kept in the memo, and items in tuples and dicts; what comes after them is OPAQUE."""

MAX_TEXT_BYTES = 1 << 10
"""Longer strings name nothing that could be imported."""

END_BYTES = 1 << 16
"""How much of each end of a long bytes object is kept: what a model says about itself."""


class Global(NamedTuple):
    """Something that the pickle would import: a class, a function, anything in a module."""

    module: str
    name: str
    """May have dots, as in "Class.method"."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Call:
    """An object that calling a function would make."""

    function: object
    arguments: object
    state: object = None
    """What the object would be given as its attributes."""


class Opaque:
    """A value that is not followed."""


OPAQUE = Opaque()


class UnreadablePickleError(Exception):
    """Bytes that are no pickle, or one that is not read to its end; the message says why."""


class Stream(Protocol):
    """What a pickle is read from."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102
    def readline(self, size: int, /) -> bytes: ...  # noqa: D102


class Listener(Protocol):
    """Who is told what a pickle would do, as it is read; so also when the rest cannot be read."""

    def imported(self, found: Global, /) -> None:
        """Something would be imported."""

    def made(self, call: Call, /) -> None:
        """An object would be made by a call; and once more, when it would be given its state."""

    def carried(self, ends: bytes, /) -> None:
        """A bytes object of more than MAX_TEXT_BYTES: it, or its two ends."""


def read_pickle(file: Stream, listener: Listener) -> None:
    """Read one pickle, or one file of joblib's, from where file stands to the pickle's end.

    Raises UnreadablePickleError.
    """
    _Machine(file, listener, arrays_follow=True).run()


class _Machine:
    """The stack machine of pickle, protocols 0 to 5 (pickletools has its opcodes)."""

    def __init__(self, file: Stream, listener: Listener, *, arrays_follow: bool) -> None:
        self._file, self._listener = file, listener
        self._arrays_follow = arrays_follow
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._kept = 0
        self._getattrs = 0

    def run(self) -> None:
        """Go through the opcodes until STOP."""
        for _ in range(MAX_OPCODES):
            code = self._file.read(1)
            known = _OPCODES.get(code)
            if known is None:
                raise UnreadablePickleError(
                    f"there is no opcode {code!r}" if code else "it ends too soon"
                )
            name, argument_size = known
            if name == "STOP":
                if self._getattrs:
                    self._listener.imported(_GETATTR)
                return
            try:
                self._do(name, self._argument(argument_size))
            except (IndexError, TypeError, ValueError) as error:
                raise UnreadablePickleError(f"{name} does not fit what is before it") from error
            if len(self._stack) > MAX_DEPTH or len(self._marked) > MAX_DEPTH:
                raise UnreadablePickleError(f"more than {MAX_DEPTH:,} objects lie on its stack")
        raise UnreadablePickleError(f"it has more than {MAX_OPCODES:,} opcodes")

    # Reading

    def _argument(self, size: int) -> bytes:
        if size >= 0:
            return self._exactly(size) if size else b""
        if size == pickletools.UP_TO_NEWLINE:
            line = self._file.readline(END_BYTES)
            if not line.endswith(b"\n"):
                raise UnreadablePickleError("a line of it does not end")
            return line[:-1]
        length = int.from_bytes(self._exactly(_LENGTH_BYTES[size]), "little")
        head = self._exactly(min(length, END_BYTES))
        end_bytes = min(length - len(head), END_BYTES)
        self._skip(length - len(head) - end_bytes)
        return head + self._exactly(end_bytes)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise UnreadablePickleError("it ends too soon")
        return data

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._exactly(min(size, 1 << 20)))

    # Doing

    def _do(self, name: str, argument: bytes) -> None:
        if name in _PUSHED:
            value = _PUSHED[name](argument)
            if isinstance(value, bytes) and len(value) > MAX_TEXT_BYTES:
                self._listener.carried(value)
                value = OPAQUE
            self._stack.append(value)
        elif name in _TUPLES:
            items = self._pop(_TUPLES[name])
            self._stack.append(self._tuple(items))
        else:
            getattr(self, f"_{name.lower()}", self._pass)(argument)

    def _pass(self, _: bytes) -> None:
        """Do nothing: PROTO, FRAME and the marks of buffers change no object."""

    def _pop(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise IndexError
        items = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return items

    def _pop_marked(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _tuple(self, items: Sequence[Any]) -> object:
        self._kept += len(items)
        return tuple(items) if self._kept <= MAX_KEPT else OPAQUE

    def _mark(self, _: bytes) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _pop_mark(self, _: bytes) -> None:
        self._pop_marked()

    def _pop_(self, _: bytes) -> None:
        # Python's own machine pops a mark where nothing lies above it.
        if self._stack:
            self._stack.pop()
        else:
            self._pop_marked()

    def _dup(self, _: bytes) -> None:
        self._stack.append(self._stack[-1])

    def _tuple_(self, _: bytes) -> None:
        items = self._pop_marked()
        self._stack.append(self._tuple(items))

    def _marked_away(self, _: bytes) -> None:
        self._pop_marked()
        self._stack.append(OPAQUE)

    _list = _frozenset = _marked_away

    def _dict(self, _: bytes) -> None:
        items = self._pop_marked()
        self._stack.append({})
        self._set_items(items)

    def _empty_dict(self, _: bytes) -> None:
        self._stack.append({})

    def _setitem(self, _: bytes) -> None:
        self._set_items(self._pop(2))

    def _setitems(self, _: bytes) -> None:
        self._set_items(self._pop_marked())

    def _set_items(self, items: Sequence[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str) and self._kept <= MAX_KEPT:
                self._kept += 1
                target[key] = value

    def _append(self, _: bytes) -> None:
        self._pop(1)
        self._stack[-1]  # an IndexError, if there is nothing to append to

    def _appends(self, _: bytes) -> None:
        self._pop_marked()
        self._stack[-1]  # an IndexError, if there is nothing to append to

    _additems = _appends

    # The memo

    def _remember(self, index: int) -> None:
        if len(self._memo) < MAX_KEPT:
            self._memo[index] = self._stack[-1]

    def _memoize(self, _: bytes) -> None:
        self._remember(len(self._memo))

    def _put(self, argument: bytes) -> None:
        self._remember(int(argument))

    def _binput(self, argument: bytes) -> None:
        self._remember(_unsigned(argument))

    _long_binput = _binput

    def _recall(self, index: int) -> None:
        value = self._memo.get(index, OPAQUE)
        self._getattrs += value == _GETATTR
        self._stack.append(value)

    def _get(self, argument: bytes) -> None:
        self._recall(int(argument))

    def _binget(self, argument: bytes) -> None:
        self._recall(_unsigned(argument))

    _long_binget = _binget

    # Importing and calling

    def _import(self, module: object, name: object) -> None:
        found = _renamed(
            module if isinstance(module, str) else "?", name if isinstance(name, str) else "?"
        )
        if found == _GETATTR:
            self._getattrs += 1  # and told at the end, if what it gets was not told instead
        else:
            self._listener.imported(found)
        self._stack.append(found)

    def _global(self, argument: bytes) -> None:
        self._import(_text(argument), _text(self._argument(pickletools.UP_TO_NEWLINE)))

    def _stack_global(self, _: bytes) -> None:
        self._import(*self._pop(2))

    def _inst(self, argument: bytes) -> None:
        arguments = self._pop_marked()
        self._global(argument)
        self._call(self._stack.pop(), self._tuple(arguments))

    def _obj(self, _: bytes) -> None:
        function, *arguments = self._pop_marked()
        self._call(function, self._tuple(arguments))

    def _reduce(self, _: bytes) -> None:
        self._call(*self._pop(2))

    _newobj = _reduce

    def _newobj_ex(self, _: bytes) -> None:
        function, arguments, _keywords = self._pop(3)
        self._call(function, arguments)

    def _ext(self, argument: bytes) -> None:
        # An entry of copyreg's registry, which nobody can tell from outside the process.
        self._import("copyreg extension", str(_unsigned(argument)))

    _ext1 = _ext2 = _ext4 = _ext

    def _persid(self, _: bytes) -> None:
        self._stack.append(OPAQUE)

    def _binpersid(self, _: bytes) -> None:
        self._pop(1)
        self._stack.append(OPAQUE)

    def _next_buffer(self, _: bytes) -> None:
        self._stack.append(OPAQUE)

    def _call(self, function: object, arguments: object) -> None:
        if function == _GETATTR and isinstance(arguments, tuple) and len(arguments) == 2:
            owner, attribute = arguments
            if isinstance(owner, Global):
                # How a bound method or a member of an enumeration is pickled.
                self._getattrs -= 1
                attribute = attribute if isinstance(attribute, str) else "?"
                self._import(owner.module, f"{owner.name}.{attribute}")
                return
        made = Call(function, arguments)
        self._listener.made(made)
        self._stack.append(made)

    def _build(self, _: bytes) -> None:
        (state,) = self._pop(1)
        made = self._stack[-1]
        if not isinstance(made, Call):
            return
        made.state = state
        if made.function == _JOBLIB_ARRAY and self._arrays_follow:
            self._read_array(state)
            self._stack[-1] = OPAQUE
        else:
            self._listener.made(made)

    def _read_array(self, state: object) -> None:
        """Pass over the array whose description joblib has pickled: its bytes come next."""
        try:
            assert isinstance(state, dict)  # noqa: S101
            item_bytes, has_objects = _dtype(state["dtype"])
            size = prod(state["shape"]) * item_bytes
        except (AssertionError, KeyError, TypeError, ValueError, IndexError) as error:
            raise UnreadablePickleError(
                "it describes an array in no way that joblib does"
            ) from error
        if has_objects:
            _Machine(self._file, self._listener, arrays_follow=False).run()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._skip(self._exactly(1)[0])
        self._skip(size)


def _renamed(module: str, name: str) -> Global:
    """Give a global its name of today, where the pickle has that of Python 2, as Python does."""
    module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
    return Global(_compat_pickle.IMPORT_MAPPING.get(module, module), name)


def _dtype(described: object) -> tuple[int, bool]:
    """Tell the size of an item of a pickled numpy.dtype, and whether it has Python objects."""
    assert isinstance(described, Call)  # noqa: S101
    assert isinstance(described.arguments, tuple)  # noqa: S101
    code = described.arguments[0]
    kind, size = code[0], int(code[1:])
    flags = described.state[-1] if isinstance(described.state, tuple) else 0
    return (4 * size if kind == "U" else size), kind == "O" or (kind == "V" and bool(flags & 1))


def _text(argument: bytes) -> str:
    return argument.decode("utf-8", "backslashreplace")


def _short_text(argument: bytes) -> object:
    return _text(argument) if len(argument) <= MAX_TEXT_BYTES else OPAQUE


def _unsigned(argument: bytes) -> int:
    return int.from_bytes(argument, "little")


def _signed(argument: bytes) -> object:
    return int.from_bytes(argument, "little", signed=True) if len(argument) <= 16 else OPAQUE


def _written(argument: bytes) -> object:
    """Read a number as protocol 0 writes it."""
    text = argument.rstrip(b"L")
    return int(text) if len(text) <= 32 else OPAQUE


def _quoted(argument: bytes) -> object:
    return _short_text(argument.strip(b"'\""))


_GETATTR = Global("builtins", "getattr")
_JOBLIB_ARRAY = Global("joblib.numpy_pickle", "NumpyArrayWrapper")

# The opcodes by their byte: name, and the size of the argument as pickletools gives it.
_RENAMED = {"POP": "POP_", "TUPLE": "TUPLE_"}  # beside methods that already have these names
_OPCODES = {
    opcode.code.encode("latin-1"): (
        _RENAMED.get(opcode.name, opcode.name),
        opcode.arg.n if opcode.arg else 0,
    )
    for opcode in pickletools.opcodes
}
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

# Opcodes that push a value, and what they make of their argument.
_PUSHED: dict[str, Callable[[bytes], object]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_LIST": lambda _: OPAQUE,
    "EMPTY_SET": lambda _: OPAQUE,
    "INT": _written,
    "LONG": _written,
    "FLOAT": lambda _: OPAQUE,
    "BINFLOAT": lambda _: OPAQUE,
    "BININT": _signed,
    "BININT1": _unsigned,
    "BININT2": _unsigned,
    "LONG1": _signed,
    "LONG4": _signed,
    "STRING": _quoted,
    "BINSTRING": _short_text,
    "SHORT_BINSTRING": _short_text,
    "UNICODE": _short_text,
    "BINUNICODE": _short_text,
    "SHORT_BINUNICODE": _short_text,
    "BINUNICODE8": _short_text,
    "BINBYTES": bytes,
    "SHORT_BINBYTES": bytes,
    "BINBYTES8": bytes,
    "BYTEARRAY8": bytes,
}
