"""What changed from one table or folder to another: rows by content, rows by key, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data.frames import plain
from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.records.dataset import FolderManifest

SHOWN = 5
_NESTED = (list, dict, np.ndarray)


class RowChanges(Value, frozen=True, kw_only=True):
    """Count rows that are only on one side, by content and however often; with the first few of each."""

    added: int
    removed: int
    first_added: tuple[dict[str, Any], ...] = ()
    first_removed: tuple[dict[str, Any], ...] = ()


class KeyChanges(Value, frozen=True, kw_only=True):
    """Count rows by key: only on the right, only on the left, on both with other values; with the first few of each.

    ``columns`` counts the changed rows by column. Each of ``first_changed`` maps the key's columns to its values, and
    each changed column to the pair of its values before and after.
    """

    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    same: int
    columns: dict[str, int]
    first_added: tuple[dict[str, Any], ...] = ()
    first_removed: tuple[dict[str, Any], ...] = ()
    first_changed: tuple[dict[str, Any], ...] = ()


class FileChanges(Value, frozen=True, kw_only=True):
    """Name the files of a folder that are only on one side, and those with another content."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def row_changes(left: pd.DataFrame, right: pd.DataFrame) -> RowChanges:
    """Compare two tables as bags of rows, on the columns that both have with the same type."""
    left, right = _comparable(left), _comparable(right)
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


def key_changes(left: pd.DataFrame, right: pd.DataFrame, key: Sequence[str]) -> KeyChanges:
    """Compare two tables row by row, where the rows with the same values in the key's columns belong together.

    Two missing values are the same. Columns that only one side has aren't compared.

    Raises:
        DataError: when a side lacks a column of the key, or has two rows with one key.
    """
    one, two = (_keyed(_comparable(frame), key, side) for frame, side in ((left, "left"), (right, "right")))
    both = one.index.intersection(two.index)
    columns = [name for name in one.columns if name in two.columns]
    before, after = one.loc[both, columns], two.loc[both, columns]
    differs = pd.DataFrame(
        {name: _differs(before[name], after[name]) for name in columns}, index=both, dtype=bool
    )
    changed = differs.any(axis=1)
    added, removed = two.loc[two.index.difference(one.index)], one.loc[one.index.difference(two.index)]
    return KeyChanges(
        key=tuple(key),
        added=len(added),
        removed=len(removed),
        changed=int(changed.sum()),
        same=len(both) - int(changed.sum()),
        columns={str(name): int(count) for name, count in differs.sum().items() if count},
        first_added=_first(added.reset_index()),
        first_removed=_first(removed.reset_index()),
        first_changed=_first_changed(before, after, differs[changed].head(SHOWN), key),
    )


def file_changes(left: FolderManifest, right: FolderManifest) -> FileChanges:
    """Compare two folders file by file."""
    return FileChanges(
        added=tuple(name for name in right.files if name not in left.files),
        removed=tuple(name for name in left.files if name not in right.files),
        changed=tuple(
            name
            for name, entry in left.files.items()
            if name in right.files and right.files[name].sha256 != entry.sha256
        ),
    )


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with lists, arrays and dicts as text: they have no hash, and no one answer to being equal."""
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    nested = [
        column.dtype == object and any(isinstance(value, _NESTED) for value in column) for column in columns
    ]
    if not any(nested):
        return frame
    texts = [column.map(_spoken) if deep else column for column, deep in zip(columns, nested, strict=True)]
    return pd.concat(texts, axis=1)


def _spoken(value: Any) -> Any:
    return repr(_unpacked(value)) if isinstance(value, _NESTED) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unpacked(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return [_unpacked(part) for part in value] if isinstance(value, list) else value


def _keyed(frame: pd.DataFrame, key: Sequence[str], side: str) -> pd.DataFrame:
    named = frame.rename(columns=str)
    for column in key:
        if column not in named.columns:
            near = NotFoundError.of("column", column, named.columns)
            raise DataError(f"the {side} side has no column {column!r}", hint=near.hint, **near.details)
    keyed = named.set_index(list(key))
    if not keyed.index.is_unique:
        twice = keyed.index[keyed.index.duplicated()][0]
        shown = ", ".join(str(plain(part)) for part in (twice if isinstance(twice, tuple) else (twice,)))
        raise DataError(
            f"the {side} side has two rows with {', '.join(key)} = {shown}",
            hint="name a key that tells every row apart: --key column,column",
        )
    return keyed


def _differs(before: pd.Series[Any], after: pd.Series[Any]) -> Any:
    missing = before.isna().to_numpy(), after.isna().to_numpy()
    if before.dtype == after.dtype:
        unequal = before.array != after.array
    else:
        unequal = before.astype(object).array != after.astype(object).array
    unequal = pd.array(unequal, dtype="boolean").fillna(value=True).to_numpy(dtype=bool)
    return (unequal & ~(missing[0] & missing[1])) | (missing[0] != missing[1])


def _first_changed(
    before: pd.DataFrame, after: pd.DataFrame, differs: pd.DataFrame, key: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    found = []
    for index, row in differs.iterrows():
        values = index if isinstance(index, tuple) else (index,)
        shown: dict[str, Any] = {name: plain(value) for name, value in zip(key, values, strict=True)}
        for name in differs.columns[row.to_numpy()]:
            shown[name] = [plain(before.at[index, name]), plain(after.at[index, name])]  # noqa: PD008 - one cell
        found.append(shown)
    return tuple(found)


def _first(frame: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    rows = frame.head(SHOWN).to_dict(orient="records")
    return tuple({str(name): plain(value) for name, value in row.items()} for row in rows)
