"""Bodies in NumPy's own format, NPY: what it writes, and what it never would."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from hypothesis import strategies as st


def npy(array: Any) -> bytes:
    """Write an array, or what makes one, as NPY."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_header(shape: str, data: bytes = b"", descr: str = "'<f8'") -> bytes:
    """Write NPY whose header says what no array of NumPy's could."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


HEADERS = [
    npy_header("(-2, -2)", bytes(32)),
    npy_header("(True, 4)", bytes(32)),
    npy_header("(2000000000, 64)"),
    npy_header("(1, 4611686018427387904)"),
    npy_header("(0, 4611686018427387904)"),
    npy_header("(0, 9223372036854775808)"),
    npy_header(f"(1{'0' * 4000}, 1{'0' * 4000})"),
    npy_header(f"({'1, ' * 3000})", bytes(8)),
    npy_header("{[]: 1}"),
    npy_header("(" * 500),
    npy_header("-" * 4000 + "1"),
    npy_header("-" * 9000 + "1"),
    npy_header("(1, 4)", bytes(64), descr="'<c16'"),
    npy_header("(1, 4)", bytes(32), descr="'|O'"),
    npy_header("(1, 4)", bytes(32), descr="[('a', '<f8')]"),
    npy_header("(1, 4)", bytes(32), descr="('<f8', (1000000,))"),
    npy_header("(1, 4)", 4 * (b"\xff" * 8 + b"\xfe\x7f" + bytes(6)), descr="'<f16'"),
]
"""Headers that lie, each in its own way; the last one's numbers are beyond float64."""


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """Some pieces of a body, most of them of its header, taken out or replaced."""
    pieces = st.binary(max_size=4) | st.sampled_from(
        [b"-", b"(", b"[]", b"{", b"0", b"9" * 19, b"True", b"None", b"0, 0", b"'|O'", b"'<f16'"]
    )
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.integers(0, 8))
        body = body[:start] + draw(pieces) + body[end:]
    return body
