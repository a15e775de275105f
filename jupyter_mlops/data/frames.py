"""Read and write tables: CSV, TSV, Parquet, Feather."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TABLES = ("csv", "tsv", "parquet", "pq", "feather", "arrow")


def read_frame(path: Path, format: str, *, name: str = "") -> pd.DataFrame:  # noqa: A002 - the record's own word
    """Read a table; ``format`` is a suffix out of ``TABLES``, ``name`` what errors call the file.

    Raises:
        DataError: when the content isn't a table of that format.
    """
    import pandas as pd
    import pyarrow as pa

    if format not in TABLES:
        raise DataError(
            f"{name or path.name} is not a table this version reads",
            hint=f"a table is one of: {', '.join(TABLES)}",
        )
    try:
        if format in ("csv", "tsv"):
            return pd.read_csv(path, sep="\t" if format == "tsv" else ",", low_memory=False)
        if format in ("parquet", "pq"):
            return pd.read_parquet(path, engine="pyarrow")
        return pd.read_feather(path)
    except (ValueError, pa.ArrowException, OSError) as error:  # pandas' parser errors are ValueErrors
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{name or path.name} can't be read as {format}: {why}", hint="check the file"
        ) from error


def write_parquet(frame: pd.DataFrame) -> bytes:
    """Write a frame as Parquet; the same frame gives the same bytes.

    Raises:
        DataError: when a column has values that Parquet doesn't know.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [str(column) for column in frame.columns]
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(
            f"the frame has two columns named {twice[0]!r}", hint="give every column a name of its own"
        )
    buffer = io.BytesIO()
    try:
        table = pa.Table.from_pandas(frame)
        pq.write_table(table, buffer, compression="zstd")
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"the frame can't be kept as Parquet: {error}", hint="give each column one type, or pass a file"
        ) from error
    return buffer.getvalue()


def plain(value: Any) -> Any:
    """Turn a numpy or pandas scalar into what JSON knows: number, text, truth value or nothing."""
    import pandas as pd

    if value is None or value is pd.NaT or value is pd.NA:
        return None
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float) and item != item:  # noqa: PLR0124 - the test for NaN
        return None
    return item if isinstance(item, bool | int | float | str) else str(item)
