"""What changed from one dataset version to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jupyter_mlops.data import comparing, folders, versions
from jupyter_mlops.data.comparing import FileChanges, KeyChanges, RowChanges
from jupyter_mlops.errors import DataError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.drift import ColumnDrift
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import data

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from jupyter_mlops.records.dataset import DatasetVersion
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

# Beyond this many values rows aren't compared one by one.
LARGEST = 50_000_000


class DatasetDiff(Value, frozen=True, kw_only=True):
    """Say what changed from one version to another; what can't be compared is missing, and ``note`` says why.

    ``changes`` compares rows by content, ``by_key`` by a key, ``files`` the files of folders; ``shifts`` are the columns
    whose distribution has changed beyond chance, worst first.
    """

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
    by_key: KeyChanges | None = None
    files: FileChanges | None = None
    shifts: tuple[ColumnDrift, ...] = ()
    note: str = ""


def diff(settings: Settings, left: str, right: str, *, key: Sequence[str] = ()) -> DatasetDiff:
    """Say what changed from ``left`` to ``right``: schema, missing values, rows, files, distributions.

    Args:
        settings: the project.
        left: what was, ``churn@4f2a``.
        right: what is.
        key: the columns that tell rows apart, where rows are to be followed by them.

    Raises:
        NotFoundError: when one of them doesn't exist.
        DeniedError: when one of them may not be read.
        DataError: when the key doesn't tell rows apart, or there are no rows that can be compared by one.
    """
    store = open_store(settings)
    one, two = (data.show(settings, text) for text in (left, right))
    before = {column.name: column for column in one.columns}
    after = {column.name: column for column in two.columns}
    both = [name for name in before if name in after]
    note = _obstacle(one, two)
    if key and note:
        raise DataError(f"{left} and {right} can't be compared by a key: {note}", hint="leave --key away")
    changes, by_key, shifts = _tables(store, one, two, key) if both and not note else (None, None, ())
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
        by_key=by_key,
        files=_files(store, one, two),
        shifts=shifts,
        note=note,
    )


def _tables(
    store: Store, one: DatasetVersion, two: DatasetVersion, key: Sequence[str]
) -> tuple[RowChanges, KeyChanges | None, tuple[ColumnDrift, ...]]:
    left, right = versions.load_frame(store, one), versions.load_frame(store, two)
    by_key = comparing.key_changes(left, right, key) if key else None
    return comparing.row_changes(left, right), by_key, _shifts(left, right)


def _shifts(left: pd.DataFrame, right: pd.DataFrame) -> tuple[ColumnDrift, ...]:
    """Return the columns of both that drifted, by the rule of drift reports, without their plots."""
    from jupyter_mlops.monitoring.drift import compare

    both = [str(name) for name in left.columns if name in right.columns]
    if not both or left.empty or right.empty:
        return ()
    report = compare(left, right, columns=both, jointly=False)
    return tuple(replace(column, plot={}) for column in report.columns if column.drifted)


def _files(store: Store, one: DatasetVersion, two: DatasetVersion) -> FileChanges | None:
    if not one.content == two.content == "folder":
        return None
    left, right = (folders.read_manifest(store.objects, each.version) for each in (one, two))
    return comparing.file_changes(left, right)


def _obstacle(one: DatasetVersion, two: DatasetVersion) -> str:
    if one.rows is None or two.rows is None:
        return "rows are compared in tables only"
    values = max(each.rows * len(each.columns) for each in (one, two) if each.rows is not None)
    if values <= LARGEST:
        return ""
    return f"too large to compare row by row (more than {LARGEST:,} values); jupyter mlops drift compares columns"
