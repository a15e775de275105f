"""Read and write tables: CSV, TSV, Parquet, Feather."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import pandas as pd

TABLES = ("csv", "tsv", "parquet", "pq", "feather", "arrow")


# A text file is read in parts of about so many bytes, a Parquet file in so many rows.
PART_BYTES = 64 << 20
PART_ROWS = 131_072


def read_frame(path: Path, format: str, *, name: str = "") -> pd.DataFrame:  # noqa: A002 - the record's own word
    """Read a table; ``format`` is a suffix out of ``TABLES``, ``name`` what errors call the file.

    Raises:
        DataError: when the content isn't a table of that format.
    """
    import pandas as pd

    with _explained(format, name or path.name):
        if format in ("csv", "tsv"):
            return pd.read_csv(path, sep=_separator(format), low_memory=False)
        if format in ("parquet", "pq"):
            return pd.read_parquet(path, engine="pyarrow")
        return pd.read_feather(path)


def read_parts(
    path: Path,
    format: str,  # noqa: A002 - the record's own word
    *,
    name: str = "",
    words: Collection[str] = (),
) -> Iterator[pd.DataFrame]:
    """Read a table part by part, so that memory doesn't grow with it.

    Args:
        path: the file.
        format: a suffix out of ``TABLES``.
        name: what errors call the file.
        words: columns of a text file to be read as words, also where a part has nothing but numbers in them.

    Raises:
        DataError: when the content isn't a table of that format.
    """
    import pandas as pd

    with _explained(format, name or path.name):
        if format in ("csv", "tsv"):
            if path.stat().st_size <= PART_BYTES and not words:
                yield read_frame(path, format, name=name)
                return
            types = dict.fromkeys(words, "str")
            rows = max(1, PART_BYTES // _row_bytes(path))
            with pd.read_csv(
                path, sep=_separator(format), low_memory=False, chunksize=rows, dtype=types
            ) as parts:
                yield from parts
        elif format in ("parquet", "pq"):
            yield from _parquet_parts(path)
        else:
            yield pd.read_feather(path)


@contextmanager
def _explained(form: str, name: str) -> Iterator[None]:
    import pyarrow as pa

    if form not in TABLES:
        raise DataError(
            f"{name} is not a table this version reads", hint=f"a table is one of: {', '.join(TABLES)}"
        )
    try:
        yield
    except (ValueError, pa.ArrowException, OSError) as error:  # pandas' parser errors are ValueErrors
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{name} can't be read as {form}: {why}", hint="check the file") from error


def _separator(form: str) -> str:
    return "\t" if form == "tsv" else ","


def _row_bytes(path: Path) -> int:
    """Return about how long a line of a text file is."""
    with path.open("rb") as stream:
        start = stream.read(1 << 20)
    return max(1, len(start) // max(1, start.count(b"\n")))


def _parquet_parts(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Without it pyarrow fetches the whole file beforehand.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        empty = True
        for batch in file.iter_batches(batch_size=PART_ROWS):
            empty = False
            yield pa.Table.from_batches([batch]).to_pandas()
        if empty:
            yield file.schema_arrow.empty_table().to_pandas()


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
