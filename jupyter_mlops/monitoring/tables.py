"""A sample of rows, looked at one column at a time, so that a file needs the memory of its largest column."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import DataError
from jupyter_mlops.monitoring.columns import Side
from jupyter_mlops.stats.multivariate import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from jupyter_mlops.monitoring.columns import Floats


class Table:
    """A sample under a name; ``keep`` keeps what was worked out about its columns for the next comparison."""

    def __init__(
        self,
        name: str,
        columns: Sequence[str],
        rows: int,
        read: Callable[[str], pd.Series[Any]],
        *,
        keep: bool = False,
        kept: Callable[[str], Side] | None = None,
    ) -> None:
        """Describe a sample.

        Args:
            name: what reports call it.
            columns: the names of its columns, each once.
            rows: how many rows it has.
            read: returns a column's values.
            keep: for a reference that many samples are compared with.
            kept: returns what was worked out about a column before.

        Raises:
            DataError: when there are no rows or columns, or two columns of one name.
        """
        if not rows or not columns:
            raise DataError(
                f"{name} has no {'rows' if len(columns) else 'columns'}", hint="there is nothing to compare"
            )
        seen: set[str] = set()
        for column in columns:
            if column in seen:
                raise DataError(
                    f"{name} has two columns named {column!r}", hint="give every column a name of its own"
                )
            seen.add(column)
        self.name, self.columns, self.rows = name, tuple(columns), rows
        self._read = read
        self._side = kept
        self._kept: dict[str, Side] | None = {} if keep else None
        self._rooms = threading.local()

    def side(self, column: str) -> Side:
        """Return the values of a column; where nothing is kept, until the same thread asks for the next."""
        if self._side is not None:
            return self._side(column)
        if self._kept is None:
            return Side(self._read(column), self._room())
        if column not in self._kept:
            side = Side(self._read(column))
            side.settle(self.drawn)
            self._kept[column] = side
        return self._kept[column]

    def _room(self) -> Floats:
        room: Floats | None = getattr(self._rooms, "room", None)
        if room is None:
            room = self._rooms.room = np.empty(self.rows)
        return room

    @property
    def drawn(self) -> NDArray[np.int64]:
        """The rows that stand for all where all columns are looked at together: the same at every call."""
        if self.rows <= MOST_ROWS:
            return np.arange(self.rows)
        return np.sort(np.random.default_rng(0).choice(self.rows, MOST_ROWS, replace=False))


def table(frame: pd.DataFrame, name: str, *, keep: bool = False) -> Table:
    """Make a frame a sample; names that aren't text become text.

    Raises:
        DataError: when there is nothing in it, or two columns have one name.
    """
    columns = [str(column) for column in frame.columns]
    places = {column: place for place, column in enumerate(columns)}
    return Table(name, columns, len(frame), lambda column: frame.iloc[:, places[column]], keep=keep)
