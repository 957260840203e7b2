from __future__ import annotations

import numpy as np
import pytest

from container import dmatrix
from container.encoders import UnsupportedFormatError

pytest.importorskip("xgboost")


def rows(body: str | bytes, content_type: str) -> list[list[float | None]]:
    """Decode a body, and give its rows, with None for what is missing."""
    matrix = dmatrix.decode(body, content_type)
    found = np.full((matrix.num_row(), matrix.num_col()), np.nan)
    entries = matrix.get_data().tocoo()
    found[entries.row, entries.col] = entries.data
    return [[None if np.isnan(cell) else cell for cell in row] for row in found.tolist()]


def test_csv_has_the_delimiter_of_its_first_line_and_missing_cells() -> None:
    assert rows("1,2\n3,4", "text/csv") == [[1, 2], [3, 4]]
    assert rows(b"1;2;\n;4;5", "text/csv; charset=utf-8") == [[1, 2, None], [None, 4, 5]]
    with pytest.raises(ValueError, match="inhomogeneous"):
        rows("1,2\n", "text/csv")


@pytest.mark.parametrize("content_type", ["text/libsvm", "text/x-libsvm"])
def test_libsvm_is_counted_from_its_lowest_index_and_its_labels_are_skipped(
    content_type: str,
) -> None:
    assert rows(b"1 1:5 3:7\n0 2:6\n", content_type) == [[5, 0, 7], [0, 6, 0]]
    assert rows("0:5 2:7", content_type) == [[5, 0, 7]]
    assert rows(b"", content_type) == []


@pytest.mark.parametrize("content_type", ["application/json", "application/x-npy", "Text/CSV"])
def test_other_content_types_are_not_supported(content_type: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=content_type):
        dmatrix.decode("[[1]]", content_type)


def test_what_only_aws_s_image_reads_is_refused_by_name() -> None:
    with pytest.raises(
        NotImplementedError, match="protobuf: AWS's image reads this type, and the local"
    ):
        dmatrix.decode(b"", "application/x-recordio-protobuf")
