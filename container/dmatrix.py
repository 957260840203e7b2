"""The formats that AWS's XGBoost container reads by default, into a DMatrix; JSON is not one.

Their quirks are kept. AWS's container reads RecordIO-Protobuf too, which is refused here.
Source: `encoder.py` of sagemaker-xgboost-container as in 3.2-0.
"""

from __future__ import annotations

import csv
from typing import Any

from container import encoders

_LIBSVM = frozenset({"text/libsvm", "text/x-libsvm"})
_RECORDIO_PROTOBUF = "application/x-recordio-protobuf"
_SNIFFED_CHARACTERS = 512


def decode(body: str | bytes, content_type: str) -> Any:
    """Decode a body into a DMatrix.

    Raises UnsupportedFormatError, NotImplementedError for what only AWS's image reads, or the
    error that a wrong body causes.
    """
    # The user's code may not need it.
    import xgboost

    media_type = content_type.partition(";")[0].strip()
    if media_type == encoders.CSV:
        return xgboost.DMatrix(_from_csv(_text(body)))
    if media_type in _LIBSVM:
        return xgboost.DMatrix(_from_libsvm(_text(body)))
    if media_type == _RECORDIO_PROTOBUF:
        raise NotImplementedError(
            f"{media_type}: AWS's image reads this type, and the local cloud does not; send "
            "text/csv or text/libsvm, or read the type in an input_fn of your own"
        )
    raise encoders.UnsupportedFormatError(media_type)


def _text(body: str | bytes) -> str:
    return body if isinstance(body, str) else body.decode()


def _from_csv(text: str) -> Any:
    """Split lines by the delimiter that the first one seems to have; empty cells are missing.

    As in the image there are neither quotes nor an end of line after the last row.
    """
    import numpy as np

    lines = text.split("\n")
    sniffed = csv.Sniffer().sniff(lines[0][:_SNIFFED_CHARACTERS]).delimiter
    delimiter = "," if sniffed.isalnum() else sniffed
    cells = [[cell or "nan" for cell in line.split(delimiter)] for line in lines]
    return np.array(cells).astype(np.float64)


def _from_libsvm(text: str) -> Any:
    """Read `INDEX:VALUE` of each line; all other values are 0.

    A label is skipped. As in the image, the indices count from 1 if no row has an index 0.
    """
    import numpy as np

    rows = [
        {int(index): float(value) for index, colon, value in _pairs(line) if colon}
        for line in text.strip().split("\n")
    ]
    indices = [index for row in rows for index in row]
    if not indices:
        return np.empty((0, 0))
    first = 1 if min(indices) >= 1 else 0
    table = np.zeros((len(rows), max(indices) - first + 1))
    for number, row in enumerate(rows):
        for index, value in row.items():
            table[number, index - first] = value
    return table


def _pairs(line: str) -> list[tuple[str, str, str]]:
    return [token.partition(":") for token in line.split()]
