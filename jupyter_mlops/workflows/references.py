"""References kept on disk, sorted and counted, by their content: what is current is compared without reading them again."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from jupyter_mlops.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path

    import pandas as pd

    from jupyter_mlops.monitoring.columns import Numbers, Side
    from jupyter_mlops.monitoring.tables import Table
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.workflows.samples import Sample

FORMAT = 2
_INDEX = "reference.json"
_DRAWN = "drawn.parquet"


class _Column(msgspec.Struct, frozen=True):
    name: str
    kind: str
    missing: int
    spread: float | None = None
    base: float | None = None
    counted: bool = False


class _Index(msgspec.Struct, frozen=True):
    rows: int
    columns: tuple[_Column, ...]


def folder_of(settings: Settings, sample: Sample) -> Path | None:
    """Return where a reference of that content is kept, if it ever was; None of live traffic, which has no content yet."""
    import xxhash

    if not sample.files:
        return None
    digest = xxhash.xxh3_128(b"%d" % FORMAT)
    for path, form in sample.files:
        digest.update(form.encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return settings.state / "cache" / "references" / digest.hexdigest()


def find(settings: Settings, sample: Sample) -> Table | None:
    """Return a reference as it was kept; None where it wasn't.

    Raises:
        DataError: when what was kept is damaged.
    """
    if not (settings.state / "cache" / "references").is_dir():
        return None
    folder = folder_of(settings, sample)
    return None if folder is None or not folder.is_dir() else _opened(sample.name, folder)


def keep(settings: Settings, sample: Sample) -> Table:
    """Sort and count a reference, and keep that on disk, a column at a time; return it as kept.

    Raises:
        DataError: when it can't be read, or a column can't be kept.
        UsageError: when it isn't files or a dataset.
    """
    folder = folder_of(settings, sample)
    if folder is None:
        raise UsageError(f"{sample.name} can't be kept", hint="only files and datasets can")
    if not folder.is_dir():
        unfinished = folder.with_name(f".{uuid4().hex}")
        try:
            unfinished.mkdir(parents=True)
            _write(sample.table(), unfinished)
            unfinished.replace(folder)
        except OSError as error:
            if not folder.is_dir():  # another process may have been faster
                raise DataError(
                    f"{folder.parent} can't be written: {error.strerror}", hint="make room there"
                ) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return _opened(sample.name, folder)


def _write(table: Table, folder: Path) -> None:
    import numpy as np

    columns, drawn = [], {}
    for place, name in enumerate(table.columns):
        side = table.side(name)
        side.settle(table.drawn)
        column = _Column(name, side.kind, side.missing)
        if side.kind in _ordered():
            known = side.numbers.known
            assert known is not None  # noqa: S101 - it was settled
            np.save(folder / f"{place}.npy", side.numbers.ordered)
            column = msgspec.structs.replace(column, spread=known.spread)
            if known.blocks is not None:
                np.save(folder / f"{place}.blocks.npy", np.stack(known.blocks[:3]))
                column = msgspec.structs.replace(column, base=known.blocks.base)
        elif side.kind in _counted():
            _write_counts(name, side.counts, folder / f"{place}.counts.parquet")
            column = msgspec.structs.replace(column, counted=True)
        columns.append(column)
        some = side.values  # noqa: PD011 - a column's own, not pandas'
        drawn[name] = some.reset_index(drop=True)
    _write_drawn(drawn, folder / _DRAWN)
    (folder / _INDEX).write_bytes(msgspec.json.encode(_Index(table.rows, tuple(columns))))


def _write_counts(name: str, counts: dict[Hashable, int], path: Path) -> None:
    import pandas as pd

    from jupyter_mlops.monitoring.columns import label_of

    keys = pd.Series([*counts], dtype=object).infer_objects()
    with _keeping(name):
        pd.DataFrame({"key": keys, "count": [*counts.values()]}).to_parquet(path)
    again = _read_counts(path)
    if again != counts or [*map(label_of, again)] != [*map(label_of, counts)]:
        raise _cannot_keep(name)


def _write_drawn(drawn: dict[str, pd.Series[Any]], path: Path) -> None:
    import pandas as pd
    import pyarrow as pa

    for name, values in drawn.items():
        with _keeping(name):
            pa.Array.from_pandas(values)
    frame = pd.DataFrame(drawn)
    frame.to_parquet(path)
    again = pd.read_parquet(path)
    for name in drawn:
        if again[name].dtype != frame[name].dtype:
            raise _cannot_keep(name)


@contextmanager
def _keeping(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, ValueError, TypeError):
        raise _cannot_keep(name) from None


def _cannot_keep(name: str) -> DataError:
    return DataError(
        f"column {name!r} can't be kept: a Parquet file wouldn't give its values back as they are",
        hint="compare without --keep-reference",
    )


def _opened(name: str, folder: Path) -> Table:
    import pandas as pd
    import pyarrow as pa

    from jupyter_mlops.monitoring.columns import Side
    from jupyter_mlops.monitoring.tables import Table

    def damaged() -> DataError:
        return DataError(f"what was kept of {name} is damaged", hint=f"delete {folder} and keep it anew")

    try:
        index = msgspec.json.decode((folder / _INDEX).read_bytes(), type=_Index)
        drawn = pd.read_parquet(folder / _DRAWN)
    except (msgspec.DecodeError, OSError, pa.ArrowException):
        raise damaged() from None
    places = {column.name: place for place, column in enumerate(index.columns)}

    def side(name: str) -> Side:
        place = places[name]
        column = index.columns[place]
        try:
            numbers = _read_numbers(folder, place, column, index.rows)
            counts = _read_counts(folder / f"{place}.counts.parquet") if column.counted else None
        except (OSError, EOFError, ValueError, pa.ArrowException):
            raise damaged() from None
        return Side.of_kept(
            drawn[name], index.rows, column.kind, missing=column.missing, numbers=numbers, counts=counts
        )

    return Table(name, [column.name for column in index.columns], index.rows, drawn.__getitem__, kept=side)


def _read_numbers(folder: Path, place: int, column: _Column, rows: int) -> Numbers | None:
    import numpy as np

    from jupyter_mlops.monitoring.columns import Known, Numbers
    from jupyter_mlops.stats.sorted_gaps import Blocks

    if column.spread is None:
        return None
    # Of a mapped file only what is looked at takes memory; "c", so that compiled code sees an array like any other.
    mode: Any = "c" if column.missing < rows else None
    ordered = np.asarray(np.load(folder / f"{place}.npy", mmap_mode=mode))
    blocks = None
    if column.base is not None:
        firsts, lasts, sums = np.load(folder / f"{place}.blocks.npy")
        blocks = Blocks(firsts, lasts, sums, column.base)
    return Numbers(ordered, column.missing, rows, Known(column.spread, blocks))


def _read_counts(path: Path) -> dict[Hashable, int]:
    import pandas as pd

    frame = pd.read_parquet(path)
    return dict(zip(frame.iloc[:, 0].tolist(), frame.iloc[:, 1].tolist(), strict=True))


def _ordered() -> tuple[str, ...]:
    from jupyter_mlops.monitoring.columns import DATE, NUMERIC

    return NUMERIC, DATE


def _counted() -> tuple[str, ...]:
    from jupyter_mlops.monitoring.columns import BOOLEAN, CATEGORICAL

    return CATEGORICAL, BOOLEAN
