"""What a pickle imports and calls, read from its opcodes without doing any of it.

Loading a pickle runs a program for a stack machine, and any function that the program names. This
is the same machine, but it imports and calls nothing: an import becomes a Global, a call becomes a
Call, and a value that cannot be a name becomes OPAQUE. The machine reads the numpy arrays that
joblib writes between the opcodes, as joblib does. A hostile pickle cannot fill the memory: beyond a
limit values become OPAQUE, and an import with such a name is obscure.
"""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from itertools import repeat
from math import prod
from typing import Any, Protocol

from model_artifact.inspection.pickle_values import (
    BYTES,
    GETATTR,
    MAX_TEXT_BYTES,
    OPAQUE,
    PUSHED,
    STATE_KEYS,
    Call,
    Global,
    item_of,
    kept,
    kept_in_dict,
    text,
    unsigned,
)

MAX_OPCODES = 200_000_000
"""Some minutes of reading; no model has more."""

MAX_STACK = 10_000_000
"""The limit of objects on the stack: the items of a set all lie there at once."""

MAX_MARKS = 100_000
"""The limit of containers within each other."""

MAX_KEPT = 100_000
"""The limit of objects that the stack and the memo keep; all further ones are OPAQUE."""

MAX_GLOBALS = 10_000
"""The limit of different imports; a model has some dozens."""

END_BYTES = 1 << 16
"""How much of the beginning and the end of a long bytes object is kept: there a model says its
version."""

_JOBLIB_ARRAY = Global("joblib.numpy_pickle", "NumpyArrayWrapper")


class UnreadablePickleError(Exception):
    """Bytes that are not a pickle, or a pickle that breaks off; the message says why."""


class ObscurePickleError(UnreadablePickleError):
    """A pickle that may well load, but nobody can tell what it does then."""


class Stream(Protocol):
    """A file that a pickle is read from."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102
    def readline(self, size: int, /) -> bytes: ...  # noqa: D102


class Listener(Protocol):
    """An object that hears what a pickle does, while it is read and even if the rest is damaged."""

    def imported(self, found: Global, /) -> None:
        """The pickle imports something."""

    def made(self, call: Call, /) -> None:
        """The pickle makes an object by a call. Called again when the object gets its state."""

    def carried(self, ends: bytes, /) -> None:
        """The pickle has a long bytes object: ends is all of it, or its beginning and end."""


def read_pickle(file: Stream, listener: Listener) -> None:
    """Read one pickle, or one file of joblib's, from file's position to the pickle's end.

    Raises UnreadablePickleError, or ObscurePickleError if Python's own machine might read it.
    """
    _Machine(file, listener, arrays_follow=True).run()


class _Machine:
    """The stack machine of pickle, protocols 0 to 5 (the module pickletools lists its opcodes)."""

    def __init__(self, file: Stream, listener: Listener, *, arrays_follow: bool) -> None:
        self._file, self._listener = file, listener
        self._arrays_follow = arrays_follow
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._memoized = 0
        self._numbered = False
        self._recent: list[int] = []
        self._globals: set[Global] = set()
        self._getattrs = 0

    def run(self) -> None:
        """Go through the opcodes until STOP."""
        try:
            self._run()
        except (IndexError, TypeError, ValueError) as error:
            raise UnreadablePickleError("an opcode does not fit the values before it") from error
        finally:
            if self._getattrs:
                self._listener.imported(GETATTR)

    def _run(self) -> None:
        read, operations = self._file.read, self._operations()
        for _ in repeat(None, MAX_OPCODES):
            code = read(1)
            operation = operations.get(code)
            if operation is None:
                if code == b"." and self._stack:
                    return
                raise UnreadablePickleError(
                    f"the opcode {code!r} does not exist" if code else "it ends too soon"
                )
            do, size = operation
            do(self._argument(size) if size else b"")
            if len(self._stack) > MAX_KEPT:
                self._stack[-1] = OPAQUE
                if len(self._stack) > MAX_STACK:
                    raise ObscurePickleError(f"its stack has more than {MAX_STACK:,} objects")
        raise ObscurePickleError(f"it has more than {MAX_OPCODES:,} opcodes")

    def _operations(self) -> dict[bytes, Any]:
        """Return each opcode's method, and the size of its argument from pickletools."""
        operations = {}
        for opcode in pickletools.opcodes:
            name = opcode.name
            if name in PUSHED:
                do = self._pushing(PUSHED[name])
            elif name in BYTES:
                do = self._push_bytes
            else:
                do = getattr(self, f"_do_{name.lower()}", self._pass)
            operations[opcode.code.encode("latin-1")] = do, opcode.arg.n if opcode.arg else 0
        del operations[b"."]
        return operations

    # Reading

    def _argument(self, size: int) -> bytes:
        if size > 0:
            return self._exactly(size)
        if size == pickletools.UP_TO_NEWLINE:
            return self._line()
        length = unsigned(self._exactly(_LENGTH_BYTES[size]))
        head = self._exactly(min(length, END_BYTES))
        end_bytes = min(length - len(head), END_BYTES)
        self._skip(length - len(head) - end_bytes)
        return head + self._exactly(end_bytes)

    def _line(self) -> bytes:
        """Read a line, and keep its beginning."""
        line = part = self._file.readline(END_BYTES)
        while not part.endswith(b"\n"):
            part = self._file.readline(END_BYTES)
            if not part:
                raise UnreadablePickleError("it ends too soon")
        return line.removesuffix(b"\n")

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise UnreadablePickleError("it ends too soon")
        return data

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._exactly(min(size, 1 << 20)))

    # The stack

    def _pass(self, _: bytes) -> None:
        """Do nothing: PROTO, FRAME and the opcodes for buffers change no object."""

    def _pushing(self, value_of: Any) -> Any:
        def push(argument: bytes) -> None:
            self._stack.append(value_of(argument))

        return push

    def _push_bytes(self, argument: bytes) -> None:
        if len(argument) > MAX_TEXT_BYTES:
            self._listener.carried(argument)
        self._stack.append(OPAQUE)

    def _pop(self, count: int) -> list[Any]:
        if count > len(self._stack):
            raise IndexError
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _pop_marked(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _do_mark(self, _: bytes) -> None:
        if len(self._marked) == MAX_MARKS:
            raise ObscurePickleError(f"it nests more than {MAX_MARKS:,} containers")
        self._marked.append(self._stack)
        self._stack = []

    def _do_pop_mark(self, _: bytes) -> None:
        self._pop_marked()

    def _do_pop(self, _: bytes) -> None:
        # Python's own machine pops a mark if nothing lies above it.
        if self._stack:
            self._stack.pop()
        else:
            self._pop_marked()

    def _do_dup(self, _: bytes) -> None:
        self._push_again(self._stack[-1])

    def _push_again(self, value: object) -> None:
        self._getattrs += value == GETATTR
        self._stack.append(value)

    def _do_tuple(self, _: bytes) -> None:
        items = self._pop_marked()
        self._stack.append(kept(items))

    def _do_tuple1(self, _: bytes) -> None:
        self._stack.append(kept(self._pop(1)))

    def _do_tuple2(self, _: bytes) -> None:
        self._stack.append(kept(self._pop(2)))

    def _do_tuple3(self, _: bytes) -> None:
        self._stack.append(kept(self._pop(3)))

    def _do_list(self, _: bytes) -> None:
        self._pop_marked()
        self._stack.append(OPAQUE)

    _do_frozenset = _do_list

    def _do_dict(self, _: bytes) -> None:
        items = self._pop_marked()
        self._stack.append({})
        self._set_items(items)

    def _do_empty_dict(self, _: bytes) -> None:
        self._stack.append({})

    def _do_setitem(self, _: bytes) -> None:
        self._set_items(self._pop(2))

    def _do_setitems(self, _: bytes) -> None:
        self._set_items(self._pop_marked())

    def _set_items(self, items: Sequence[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if isinstance(key, str) and key in STATE_KEYS:
                target[key] = kept_in_dict(value)

    def _do_append(self, _: bytes) -> None:
        self._pop(1)
        self._stack[-1]  # an IndexError, if there is nothing to append to

    def _do_appends(self, _: bytes) -> None:
        self._pop_marked()
        self._stack[-1]  # an IndexError, if there is nothing to append to

    _do_additems = _do_appends

    # The memo

    def _remember(self, index: int) -> None:
        """Keep the top of the stack, while there is room.

        Without room, only the two newest strings are kept: the next import may use them as its
        names. If it does, they stay.
        """
        value = self._stack[-1]
        room = MAX_KEPT - len(self._memo)
        if room > 0 or (isinstance(value, Global) and room > -4 * MAX_GLOBALS):
            self._memo[index] = value
        elif isinstance(value, str):
            self._memo[index] = value
            self._recent.append(index)
            if len(self._recent) > 2:
                self._memo.pop(self._recent.pop(0), None)

    def _do_memoize(self, _: bytes) -> None:
        if self._numbered:
            raise ObscurePickleError("it numbers what it remembers in two ways")
        self._remember(self._memoized)
        self._memoized += 1

    def _put_at(self, index: int) -> None:
        if self._memoized:
            raise ObscurePickleError("it numbers what it remembers in two ways")
        self._numbered = True
        self._memo.pop(index, None)
        self._remember(index)

    def _do_put(self, argument: bytes) -> None:
        self._put_at(int(argument))

    def _do_binput(self, argument: bytes) -> None:
        self._put_at(unsigned(argument))

    _do_long_binput = _do_binput

    def _do_get(self, argument: bytes) -> None:
        self._push_again(self._memo.get(int(argument), OPAQUE))

    def _do_binget(self, argument: bytes) -> None:
        self._push_again(self._memo.get(unsigned(argument), OPAQUE))

    _do_long_binget = _do_binget

    # Importing and calling

    def _import(self, module: object, name: object) -> None:
        found = Global.of(module, name)
        if found == GETATTR:
            self._getattrs += 1  # told at the end, unless a call shows what it gets
        elif found not in self._globals:
            if len(self._globals) == MAX_GLOBALS:
                raise ObscurePickleError(f"it imports more than {MAX_GLOBALS:,} things")
            self._globals.add(found)
            self._listener.imported(found)
            self._recent.clear()  # so its names stay, for further imports
        self._stack.append(found)

    def _do_global(self, argument: bytes) -> None:
        self._import(text(argument), text(self._line()))

    def _do_stack_global(self, _: bytes) -> None:
        self._import(*self._pop(2))

    def _do_inst(self, argument: bytes) -> None:
        arguments = self._pop_marked()
        self._do_global(argument)
        self._call(self._stack.pop(), kept(arguments))

    def _do_obj(self, _: bytes) -> None:
        function, *arguments = self._pop_marked()
        self._call(function, kept(arguments))

    def _do_reduce(self, _: bytes) -> None:
        self._call(*self._pop(2))

    _do_newobj = _do_reduce

    def _do_newobj_ex(self, _: bytes) -> None:
        function, arguments, _keywords = self._pop(3)
        self._call(function, arguments)

    def _do_ext1(self, argument: bytes) -> None:
        # An entry of copyreg's registry, which nobody knows outside the process.
        self._import("copyreg extension", str(unsigned(argument)))

    _do_ext2 = _do_ext4 = _do_ext1

    def _do_binpersid(self, _: bytes) -> None:
        self._pop(1)
        self._stack.append(OPAQUE)

    def _call(self, function: object, arguments: object) -> None:
        if function == GETATTR and isinstance(arguments, tuple) and len(arguments) == 2:
            owner, attribute = arguments
            if isinstance(owner, Global):
                # How a bound method or a member of an enumeration is pickled.
                self._getattrs -= 1
                name = f"{owner.name}.{attribute}" if isinstance(attribute, str) else "?"
                self._import(owner.module, name)
                return
        if not isinstance(function, Global):
            # No library writes a call of a call's result.
            function = Global("?", "it calls the result of a call")
            self._listener.imported(function)
        made = Call(function, arguments if isinstance(arguments, tuple) else OPAQUE)
        self._listener.made(made)
        self._stack.append(made)

    def _do_build(self, _: bytes) -> None:
        (state,) = self._pop(1)
        made = self._stack[-1]
        if isinstance(made, Global):
            self._listener.imported(Global("?", f"it changes {made}"))
        if not isinstance(made, Call):
            return
        if isinstance(state, tuple | dict):
            made.state = state
        if made.function == _JOBLIB_ARRAY and self._arrays_follow:
            self._read_array(state)
            self._stack[-1] = OPAQUE
        else:
            self._listener.made(made)
            made.state = made.state if isinstance(made.state, tuple) else None

    def _read_array(self, state: Any) -> None:
        """Skip the bytes of an array, which follow its pickled description."""
        try:
            item_bytes, has_objects = item_of(state["dtype"])
            size = prod(state["shape"]) * item_bytes
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UnreadablePickleError("its description of an array is not joblib's") from error
        if has_objects:
            _Machine(self._file, self._listener, arrays_follow=False).run()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._skip(self._exactly(1)[0])
        self._skip(size)


_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
