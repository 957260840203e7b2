from __future__ import annotations

import gzip
import io
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_artifact import compression
from model_artifact.compression import BLOCK_BYTES, write_gzip


def compressed(chunks: list[bytes]) -> bytes:
    file = io.BytesIO()
    write_gzip(chunks, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def chunks() -> list[bytes]:
    """Full and small chunks of data that compresses well, a little, or not at all."""
    generator = random.Random(0)  # noqa: S311
    kinds = (
        generator.randbytes(BLOCK_BYTES),
        b"0123456789" * (BLOCK_BYTES // 10),
        bytes(generator.choices(range(64), k=BLOCK_BYTES)),
        bytes(BLOCK_BYTES),
        generator.randbytes(700),
    )
    return [generator.choice(kinds) for _ in range(40)]


@given(st.lists(st.binary(max_size=300) | st.sampled_from([bytes(BLOCK_BYTES), b"x" * 200_000])))
def test_any_gzip_reads_what_was_written(chunks: list[bytes]) -> None:
    assert gzip.decompress(compressed(chunks)) == b"".join(chunks)


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_the_bytes_do_not_depend_on_the_number_of_threads(
    chunks: list[bytes], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = compressed(chunks)
    monkeypatch.setattr(compression, "THREADS", threads)
    assert compressed(chunks) == expected
    assert gzip.decompress(expected) == b"".join(chunks)


def test_data_that_does_not_compress_grows_by_less_than_a_thousandth() -> None:
    noise = [random.Random(n).randbytes(BLOCK_BYTES) for n in range(4)]  # noqa: S311
    assert len(compressed(noise)) < 4 * BLOCK_BYTES * 1.001


def test_many_small_chunks_are_compressed_together() -> None:
    small = [b"name: %d, value: %d" % (n, n * n) for n in range(10_000)]
    assert len(compressed(small)) < len(b"".join(small)) / 2


def test_no_more_than_a_few_blocks_are_in_memory() -> None:
    read = written = 0

    def chunks() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            assert read - written <= 2 * compression.THREADS + 2
            yield bytes(BLOCK_BYTES)

    class Counting(io.BytesIO):
        def write(self, _: object, /) -> int:
            nonlocal written
            written += 1
            return 0

    write_gzip(chunks(), Counting())
    assert read == 100


def test_an_exception_of_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> tuple[bytes, int]:
        raise MemoryError

    monkeypatch.setattr(compression._Compressor, "compress", fail)  # noqa: SLF001
    with pytest.raises(MemoryError):
        compressed([bytes(BLOCK_BYTES)] * 30)
