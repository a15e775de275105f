"""A metric on rows that were made worse: numbers with noise on them, cells gone missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
import pandas as pd
from msgspec.structs import replace as with_changes

from jupyter_mlops.evaluation.estimate import figure
from jupyter_mlops.evaluation.plan import combined
from jupyter_mlops.evaluation.rows import NotMeasurableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.evaluation.conditions import Metric
    from jupyter_mlops.evaluation.plan import Plan
    from jupyter_mlops.evaluation.rows import Array, Predictions

# How often the rows are made worse anew; the figure is the mean over the rounds.
ROUNDS = 5


class Harm(NamedTuple):
    """Say how rows are made worse: ``noise`` in standard deviations of a column, ``missing`` a share of the cells."""

    noise: float = 0.0
    missing: float = 0.0

    def __str__(self) -> str:
        parts = [f"noise of {self.noise:g} standard deviations"] if self.noise else []
        parts += [f"{self.missing:.3g} of the cells missing"] if self.missing else []
        return " and ".join(parts)


Again: TypeAlias = "Callable[[Harm, int], Predictions]"


def harm_of(metric: Metric) -> Harm:
    """Return what a metric's keywords do to the rows."""
    return Harm(metric.keyword("noise") or 0.0, metric.keyword("missing") or 0.0)


def harmed_plan(
    metric: Metric, plan_of: Callable[[Metric, Predictions], Plan], plain: Predictions, again: Again | None
) -> Plan:
    """Plan the mean of a metric over rounds of harm; the rows are the same, so it pairs with others.

    Args:
        metric: with its keywords.
        plan_of: plans a metric of predictions on the rows.
        plain: what the model answers for the rows as they are.
        again: asks the model for the rows with a harm done to them, in a round.

    Raises:
        NotMeasurableError: when the model can't be asked again, or can't take such rows.
    """
    harm = harm_of(metric)
    if again is None:
        raise NotMeasurableError("the model can't be asked again")
    bare = with_changes(
        metric, keywords=tuple(pair for pair in metric.keywords if pair[0] not in Harm._fields)
    )
    try:
        plans = [(1 / ROUNDS, plan_of(bare, again(harm, place))) for place in range(ROUNDS)]
    except NotMeasurableError as error:
        raise NotMeasurableError(f"with {harm}: {str(error).splitlines()[0]}") from None
    unharmed = plan_of(bare, plain)
    note = f"{harm}, {ROUNDS} rounds; without it {figure(unharmed):.4g}"
    return replace(combined(plans), note="; ".join(filter(None, [note, unharmed.note])))


def harmed(features: Any, harm: Harm, place: int) -> Any:
    """Return the rows with a harm done to them, the same in each call for the same round.

    Noise falls on columns of numbers. Whole numbers stay whole and within the range that occurs, so that a code stays
    a code; truth values and text have none. Missing cells are spread evenly over all columns.
    """
    if isinstance(features, pd.DataFrame):
        return pd.DataFrame(
            {name: _column(features[name], str(name), harm, place) for name in features.columns}
        )
    if features.ndim < 2:  # noqa: PLR2004 - a table
        raise NotMeasurableError(f"rows of shape {features.shape} have no columns")
    columns = [
        _column(pd.Series(column), str(index), harm, place).to_numpy()
        for index, column in enumerate(features.reshape(len(features), -1).T)
    ]
    return np.column_stack(columns).reshape(features.shape)


def _column(column: pd.Series, name: str, harm: Harm, place: int) -> pd.Series:
    random = np.random.default_rng([crc32(name.encode()), place])
    # Both are drawn whatever is asked for: more noise is the same noise, larger.
    noise, chances = random.standard_normal(len(column)), random.random(len(column))
    if harm.noise and pd.api.types.is_numeric_dtype(column) and column.dtype.kind != "b":
        column = _noisy(column, noise * harm.noise)
    if harm.missing:
        column = (column.astype("float64") if column.dtype.kind in "iu" else column).mask(
            chances < harm.missing
        )
    return column


def _noisy(column: pd.Series, noise: Array) -> pd.Series:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    spread = np.nanstd(values) if np.isfinite(values).any() else 0.0
    moved = values + noise * (spread if np.isfinite(spread) else 0.0)
    if pd.api.types.is_integer_dtype(column):
        moved = np.clip(np.round(moved), np.nanmin(values), np.nanmax(values))
    return pd.Series(moved, index=column.index).astype(column.dtype)
