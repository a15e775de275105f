"""Any model at all: Shapley values from sampled orders in which the columns become known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation import tables
from jupyter_mlops.explanation.attributions import Attributions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_mlops.explanation.attributions import Data, Floats
    from jupyter_mlops.explanation.outputs import Output
    from jupyter_mlops.records.explanation import Method, Scale

# A model is asked for so many made-up rows to explain one; at least FEWEST background rows are walked from.
ASKED, FEWEST = 4000, 8
SEED = 20


class SampledExplainer:
    """Walk from background rows to the row in question, a column at a time, and note how the output moves.

    Each order of the columns is walked forwards and backwards, which takes most of the chance out of it. The walks are
    the same for every row, so that equal rows get equal attributions. What a column is given adds up exactly: each walk
    leads from a background row's output to that of the row.
    """

    method: Method = "sampled Shapley values"

    def __init__(self, output: Output, background: Data) -> None:
        width = background.shape[1]
        self._output = output
        self._walks = _Walks.drawn(width, len(background))
        self._background = tables.take(background, slice(0, int(self._walks.start.max()) + 1))
        self._starts = output.ask(self._background)

    @property
    def scale(self) -> Scale:
        """What the attributions add up to."""
        return self._output.scale

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The classes that have an output each."""
        return self._output.classes

    def explain(self, data: Data) -> Attributions:
        """Attribute the outputs for every row of ``data``."""
        values = self._output.ask(data)
        parts, errors = zip(*(self._row(data, row, values[row]) for row in range(len(data))), strict=True)
        return Attributions(self._starts.mean(axis=0), values, np.stack(parts), np.stack(errors))

    def _row(self, data: Data, row: int, value: Floats) -> tuple[Floats, Floats]:
        """Return the parts of one row (outputs x columns) and their standard errors."""
        walks = self._walks
        pairs, _, width = walks.rank.shape
        stacked = tables.stacked(self._background, tables.take(data, slice(row, row + 1)))
        between = self._between(stacked, len(value))
        path = np.empty((pairs, 2, width + 1, len(value)))
        path[:, :, 0] = self._starts[walks.start][:, None]
        path[:, :, 1:-1] = between
        path[:, :, -1] = value
        moves = np.diff(path, axis=2)
        by_column = np.take_along_axis(moves, walks.rank[..., None], axis=2).mean(axis=1)
        return by_column.mean(axis=0).T, self._errors(by_column).T

    def _errors(self, by_column: Floats) -> Floats:
        """Return the standard errors of the pairs' means.

        Where each background row is walked from several times only the orders are left to chance.
        """
        used = len(self._background)
        again = len(by_column) // used
        if again > 1:
            spread = by_column.reshape(again, used, *by_column.shape[1:]).var(axis=0, ddof=1).mean(axis=0)
        else:
            spread = by_column.var(axis=0, ddof=1) if used > 1 else np.zeros_like(by_column[0])
        found: Floats = np.sqrt(spread / len(by_column))
        return found

    def _between(self, stacked: Data, outputs: int) -> Floats:
        """Ask about the rows that are neither background nor the row itself: pairs x 2 x steps x outputs."""
        walks = self._walks
        pairs, ways, width = walks.rank.shape
        if width == 1:
            return np.empty((pairs, ways, 0, outputs))
        known = walks.rank[:, :, None, :] < np.arange(1, width)[:, None]
        row = len(stacked) - 1
        places = np.where(known, row, walks.start[:, None, None, None]).reshape(-1, width)
        return self._output.ask(tables.mixed(stacked, places)).reshape(pairs, ways, width - 1, outputs)


@dataclass(frozen=True, slots=True)
class _Walks:
    """Hold where each pair of walks starts, and when a column becomes known on the way there and back.

    ``rank`` is pairs x 2 x columns.
    """

    start: NDArray[np.int64]
    rank: NDArray[np.int64]

    @classmethod
    def drawn(cls, width: int, rows: int) -> _Walks:
        random = np.random.default_rng(SEED)
        affordable = max(FEWEST, ASKED // (2 * max(1, width - 1)))
        used = min(rows, affordable)
        # Each background row as often as any other, so that the base is their mean.
        start = np.tile(np.arange(used), max(1, affordable // used))
        forwards = random.permuted(np.tile(np.arange(width), (len(start), 1)), axis=1)
        return cls(start, np.stack([forwards, width - 1 - forwards], axis=1))
