"""gzip on several threads: as much smaller as gzip makes a model's weights, many times as fast.

Weights compress a little and only by their symbols' frequencies, not by repetition, so that the
longer search of gzip's default level finds nothing that ISA-L's level 1 does not.
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
"""As many as keep up with the one that reads, hashes and writes; more would only take turns."""

BLOCK_BYTES = 1 << 18
"""What a thread compresses at a time. The archive's bytes depend on it, but not on THREADS."""

# Magic number, deflate, and no flags, time, level or operating system.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# The empty last block of a deflate stream: those before it do not say that they are the last.
_END = b"\x03\x00"


def write_gzip(chunks: Iterable[bytes], file: BinaryIO) -> None:
    """Write chunks, BLOCK_BYTES at most each, to file as one gzip member.

    Its bytes depend on nothing but theirs. An exception of chunks, of file or of a thread ends the
    threads and is raised here, and so is KeyboardInterrupt.
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
    """Join small chunks, so that a thousand small files are not a thousand small blocks."""
    small = bytearray()
    for chunk in chunks:
        if len(small) + len(chunk) > BLOCK_BYTES:
            yield bytes(small)
            small.clear()
        if len(chunk) == BLOCK_BYTES:
            yield chunk  # as it is: most of a large file need not be copied
        else:
            small += chunk
    if small:
        yield bytes(small)


class _Compressor(threading.local):
    """ISA-L's compressor, one for each thread that uses it.

    isal's gzip writer with threads is made of the same. It is not used itself since it never
    returns from being closed after Ctrl-C in the midst of a write. isal.compressobj, which is made
    for streams, takes up to twice as long for the same, mostly for growing its output.
    """

    def __init__(self) -> None:
        # What cannot be compressed is stored, which takes a few bytes more.
        self._compress = _ParallelCompress(buffersize=BLOCK_BYTES * 9 // 8, level=1)

    def compress(self, block: bytes) -> tuple[bytes, int]:
        """Return deflate blocks that end on a whole byte, none the last, and the block's CRC-32."""
        return self._compress.compress_and_crc(block, b"")
