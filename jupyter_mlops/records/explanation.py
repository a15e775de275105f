"""What a model version decides by: over many rows, and for one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref

# How attributions were found: exactly along a tree's paths, exactly from a linear model's weights, from sampled orders
# of the columns, or from gradients between a baseline and the row.
Method = Literal["tree paths", "linear weights", "sampled Shapley values", "integrated gradients"]
# What the attributions add up to: a class's probability, a score before it becomes one, or the predicted number.
Scale = Literal["probability", "score", "prediction"]


class Importance(Value, frozen=True, kw_only=True):
    """Say how much a model leans on one column, in two ways, each with its 95% interval.

    ``loss`` is what the explanation's metric loses when the column's values are shuffled among the rows;
    ``attribution`` how far the column moves the model's output in a row, on average and whatever the direction.
    ``direction`` is the rank correlation of the column's values with their attributions: 1 where higher values raise
    the output, -1 where they lower it; None where the column holds no numbers. ``protected`` names the protected
    attribute that the column is.
    """

    feature: str
    loss: float | None = None
    loss_ci: tuple[float, float] | None = None
    attribution: float | None = None
    attribution_ci: tuple[float, float] | None = None
    direction: float | None = None
    protected: str = ""


class Explanation(Record, frozen=True, kw_only=True):
    """Report what a model version decides by; ``importance`` holds its columns, the most important first.

    ``metric`` and ``score`` say what shuffling a column was held against, on ``rows`` test rows, each column shuffled
    ``rounds`` times. ``attributed_rows`` of them were attributed by ``method``, on the ``scale`` and for the
    ``outputs`` named (a classifier's classes). ``background`` is the digest of the rows that stand for "not knowing a
    column", which the serving process explains with.
    """

    model: str
    version: int
    importance: tuple[Importance, ...]
    metric: str = ""
    score: float | None = None
    rows: int = 0
    rounds: int = 0
    method: Method | None = None
    scale: Scale | None = None
    outputs: tuple[Any, ...] = ()
    attributed_rows: int = 0
    background: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """``explanation/<model>.<version>@<time>``."""
        return Ref("explanation", f"{self.model}.{self.version}", self.created_at)


class RowExplanation(Value, frozen=True, kw_only=True):
    """Say how a model came to one answer: ``base`` and ``attributions`` add up to ``value``.

    ``output`` is the class that it is about, where there are classes. ``base`` is the output when no column is known.
    ``errors`` are the attributions' standard errors, where they were sampled.
    """

    base: float
    value: float
    attributions: dict[str, float]
    output: Any = None
    errors: dict[str, float] = msgspec.field(default_factory=dict)
