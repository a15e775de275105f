"""Dataset versions for people: list, show, compare, check out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data import versions
from jupyter_mlops.data.frames import TABLES, plain
from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.store.files import copy_atomic, hash_file
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_mlops.settings import Settings

# Beyond this many values rows aren't compared one by one.
LARGEST = 50_000_000
SHOWN = 5


class RowChanges(Value, frozen=True, kw_only=True):
    """Count rows that are only on one side, by content and however often; with the first few of each."""

    added: int
    removed: int
    first_added: tuple[dict[str, Any], ...] = ()
    first_removed: tuple[dict[str, Any], ...] = ()


class DatasetDiff(Value, frozen=True, kw_only=True):
    """Say what changed from one version to another; ``changes`` is missing where rows can't be compared."""

    left: str
    right: str
    same: bool
    rows: tuple[int | None, int | None]
    size_bytes: tuple[int, int]
    added_columns: tuple[str, ...] = ()
    removed_columns: tuple[str, ...] = ()
    changed_types: dict[str, tuple[str, str]]
    missing: dict[str, tuple[int, int]]
    changes: RowChanges | None = None
    note: str = ""


def list_datasets(settings: Settings, name: str | None = None) -> list[DatasetVersion]:
    """Return all dataset versions, or those of one name, newest first.

    Raises:
        NotFoundError: when there is no dataset of that name.
    """
    ledger = open_store(settings).ledger
    found = [record for record in ledger.find("dataset", name) if isinstance(record, DatasetVersion)]
    if name is not None and not found:
        raise NotFoundError.of("dataset", name, ledger.names("dataset"))
    return found


def show(settings: Settings, text: str) -> DatasetVersion:
    """Return the version that ``churn`` or ``churn@4f2a`` means.

    Raises:
        NotFoundError: when there is none.
    """
    return versions.resolve(open_store(settings), text)


def add(settings: Settings, name: str, path: Path) -> DatasetVersion:
    """Record a file as a version of dataset ``name``.

    Raises:
        DataError: when the file is missing or can't be read.
    """
    return versions.add(open_store(settings), name, path)


def checkout(settings: Settings, text: str, to: Path | None = None) -> Path:
    """Put a version's content on a path and return it.

    Without ``to`` it is the read-only copy that ``mlops.dataset`` gives; ``to`` (a file or an existing folder)
    gets a copy to work with.

    Raises:
        NotFoundError: when there is no such version.
        DataError: when another file is there.
    """
    store = open_store(settings)
    version = versions.resolve(store, text)
    if to is None:
        return versions.checkout(store, version)
    target = to / versions.file_name_of(version) if to.is_dir() else to
    if target.exists() and not (target.is_file() and hash_file(target) == version.version):
        raise DataError(f"{target} is there already", hint="choose another --to, or move it away")
    store.objects.verify(version.version)
    try:
        copy_atomic(store.objects.path(version.version), target)
    except OSError as error:
        raise DataError(
            f"{target} can't be written: {os.strerror(error.errno or 0)}", hint="choose another --to"
        ) from error
    return target


def diff(settings: Settings, left: str, right: str) -> DatasetDiff:
    """Say what changed from ``left`` to ``right``: schema, missing values, rows by content.

    Raises:
        NotFoundError: when one of them doesn't exist.
    """
    store = open_store(settings)
    one, two = versions.resolve(store, left), versions.resolve(store, right)
    before = {column.name: column for column in one.columns}
    after = {column.name: column for column in two.columns}
    both = [name for name in before if name in after]
    comparable, note = _comparable(one, two)
    changes = None
    if comparable and both:
        changes = row_changes(versions.load_frame(store, one), versions.load_frame(store, two))
    return DatasetDiff(
        left=f"{one.name}@{one.version}",
        right=f"{two.name}@{two.version}",
        same=one.version == two.version,
        rows=(one.rows, two.rows),
        size_bytes=(one.size_bytes, two.size_bytes),
        added_columns=tuple(name for name in after if name not in before),
        removed_columns=tuple(name for name in before if name not in after),
        changed_types={
            name: (before[name].dtype, after[name].dtype)
            for name in both
            if before[name].dtype != after[name].dtype
        },
        missing={
            name: (before[name].missing, after[name].missing)
            for name in both
            if before[name].missing != after[name].missing
        },
        changes=changes,
        note=note,
    )


def row_changes(left: pd.DataFrame, right: pd.DataFrame) -> RowChanges:
    """Compare two tables as bags of rows, on the columns that both have with the same type."""
    import pandas as pd

    both = [name for name in left.columns if name in right.columns and left[name].dtype == right[name].dtype]
    hashes = [pd.util.hash_pandas_object(frame[both], index=False) for frame in (left, right)]
    # The second of two equal rows is another row than the first: 3 of them against 2 is one removed.
    keys = [
        pd.MultiIndex.from_arrays(
            [values.to_numpy(), values.groupby(values.to_numpy()).cumcount().to_numpy()]
        )
        for values in hashes
    ]
    removed, added = ~keys[0].isin(keys[1]), ~keys[1].isin(keys[0])
    return RowChanges(
        added=int(added.sum()),
        removed=int(removed.sum()),
        first_added=_first(right.loc[added, both]),
        first_removed=_first(left.loc[removed, both]),
    )


def _comparable(one: DatasetVersion, two: DatasetVersion) -> tuple[bool, str]:
    if one.format not in TABLES or two.format not in TABLES:
        return False, "rows are compared in tables only"
    values = max((one.rows or 0) * len(one.columns), (two.rows or 0) * len(two.columns))
    if values > LARGEST:
        return False, f"too large to compare row by row (more than {LARGEST:,} values)"
    return True, ""


def _first(frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    rows = frame.head(SHOWN).to_dict(orient="records")
    return tuple({str(name): plain(value) for name, value in row.items()} for row in rows)
