"""Test rows as one table: features, true values, protected attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


TABLE = 2  # dimensions


def as_features(X: Any, like: Any = None) -> pd.DataFrame:
    """Return test features as a frame; an array's columns are named as those of ``like``, else ``x0``, ``x1``, ...

    A row of more dimensions, such as an image, is laid out flat: its last dimension runs fastest.

    Raises:
        DataError: when it has no columns.
    """
    if isinstance(X, pd.DataFrame):
        frame = X.reset_index(drop=True)
        return frame.set_axis([str(name) for name in frame.columns], axis=1)
    values = np.asarray(X)
    if values.ndim < TABLE:
        raise DataError(f"the test features have shape {values.shape}", hint="pass test=(X, y) with a 2-d X")
    values = values.reshape(len(values), -1)
    columns = [f"x{number}" for number in range(values.shape[1])]
    if isinstance(like, pd.DataFrame) and len(like.columns) == len(columns):
        columns = [str(name) for name in like.columns]
    return pd.DataFrame(values, columns=columns)


def as_target(y: Any, taken: list[str]) -> pd.Series[Any]:
    """Return the true values as a column whose name isn't ``taken`` by a feature.

    Raises:
        DataError: when there is more than one value a row.
    """
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
    name = y.name if isinstance(y, pd.Series) and isinstance(y.name, str) else "target"
    values = y.reset_index(drop=True) if isinstance(y, pd.Series) else np.asarray(y)
    if values.ndim == TABLE and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"the test target has shape {values.shape}", hint="pass one true value a row")
    return pd.Series(values, name=_free(name, taken))


def combine(
    features: pd.DataFrame, target: pd.Series[Any], sensitive: Any = None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put features, target and protected attributes side by side, row by row.

    An attribute that is a feature with the same values is not stored twice.

    Returns:
        The table, and for each protected attribute the column that holds it.

    Raises:
        DataError: when they don't have as many rows each.
    """
    _same_length("the target", len(target), len(features))
    frame = features.copy(deep=False)
    frame[str(target.name)] = target
    return beside(frame, features, attributes(sensitive), "sensitive attribute")


def beside(
    frame: pd.DataFrame, features: pd.DataFrame, columns: Mapping[str, pd.Series[Any]], what: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put more columns beside a table; one that is a feature with the same values is not stored twice.

    Returns:
        The table, and for each of ``columns`` the one that holds it.

    Raises:
        DataError: when they don't have as many rows each; ``what`` says what they are.
    """
    frame = frame.copy(deep=False)
    held: dict[str, str] = {}
    for name, values in columns.items():
        _same_length(f"the {what} {name!r}", len(values), len(features))
        if name in features.columns and features[name].astype(object).equals(values.astype(object)):
            held[name] = name
            continue
        held[name] = _free(name, list(frame.columns))
        frame[held[name]] = values
    return frame, held


def attributes(
    sensitive: Any, what: str = "sensitive attribute", example: str = "sensitive={'sex': values}"
) -> Mapping[str, pd.Series[Any]]:
    """Return protected attributes, or ``what`` else, by name, out of a mapping, a frame or a named series.

    Raises:
        DataError: when there is no name for them.
    """
    if sensitive is None:
        return {}
    if isinstance(sensitive, pd.Series):
        if not isinstance(sensitive.name, str):
            raise DataError(f"the {what} has no name", hint=f"pass {example}")
        sensitive = {sensitive.name: sensitive}
    if not hasattr(sensitive, "items"):
        raise DataError(
            f"a {type(sensitive).__name__} can't be {what}s",
            hint="pass a DataFrame, or a dict of name to values",
        )
    return {str(name): _values(f"the {what} {str(name)!r}", values) for name, values in sensitive.items()}


def _values(what: str, values: Any) -> pd.Series[Any]:
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{what} has shape {array.shape}", hint="pass one value a row")
    return pd.Series(array)


def _same_length(what: str, got: int, rows: int) -> None:
    if got != rows:
        raise DataError(
            f"{what} has {got} values for {rows} test rows", hint="pass one for each row of the test features"
        )


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
