"""gzip on several threads: for a model's weights as small as gzip's result, and many times faster.

Weights repeat little: they shrink only because some bytes occur more often than others. The longer
search for repetitions of gzip's default level finds no more than ISA-L's level 1.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from isal.isal_zlib import _ParallelCompress, crc32_combine

THREADS = 2
"""Enough to keep up with the thread that reads, hashes and writes; more would only wait."""

BLOCK_BYTES = 1 << 18
"""The size of the block that a thread compresses at a time. The archive's bytes depend on this
size, but not on THREADS."""

# Magic number, deflate, and no flags, time, level or operating system.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# The empty last block of a deflate stream: none of the blocks before it is marked as the last.
_END = b"\x03\x00"


def write_gzip(chunks: Iterable[bytes], file: BinaryIO) -> None:
    """Write chunks of at most BLOCK_BYTES each to file, as one gzip member.

    The same chunks always give the same bytes. An exception from chunks, file or a thread ends the
    threads and is raised here; so is KeyboardInterrupt.
    """
    file.write(_HEADER)
    checksum = size = 0
    compressor = _Compressor()
    compressing: deque[tuple[int, Future[tuple[bytes, int]]]] = deque()

    def write_next() -> None:
        nonlocal checksum, size
        length, future = compressing.popleft()
        compressed, block_checksum = future.result()
        file.write(compressed)
        checksum = crc32_combine(checksum, block_checksum, length)
        size += length

    with ThreadPoolExecutor(THREADS, "gzip") as threads:
        for block in _blocks(chunks):
            compressing.append((len(block), threads.submit(compressor.compress, block)))
            if len(compressing) > 2 * THREADS:
                write_next()
        while compressing:
            write_next()
    file.write(_END + struct.pack("<II", checksum, size % 2**32))


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small chunks, so that a thousand small files do not make a thousand small blocks."""
    small = bytearray()
    for chunk in chunks:
        if len(small) + len(chunk) > BLOCK_BYTES:
            yield bytes(small)
            small.clear()
        if len(chunk) == BLOCK_BYTES:
            yield chunk  # without a copy, as for most of a large file
        else:
            small += chunk
    if small:
        yield bytes(small)


class _Compressor(threading.local):
    """ISA-L's compressor, one for each thread that uses it.

    isal's own gzip writer with threads uses the same compressor. It is not used here because its
    close() never returns after Ctrl-C during a write. isal.compressobj, made for streams, takes up
    to twice as long, mostly because its output grows step by step.
    """

    def __init__(self) -> None:
        # Data that does not compress is stored, which takes a few bytes more.
        self._compress = _ParallelCompress(buffersize=BLOCK_BYTES * 9 // 8, level=1)

    def compress(self, block: bytes) -> tuple[bytes, int]:
        """Return deflate blocks that end on a whole byte, none marked as last, and the CRC-32."""
        return self._compress.compress_and_crc(block, b"")
