"""The steps in front of a pipeline's last one, and the way back from what they make to the columns that came in."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from jupyter_mlops.explanation.attributions import Data, Floats

# Columns are given these names on their way through the steps: what comes out tells by its name what it was made of.
_MARK = "\x02{}\x03"
_marked = re.compile("\x02(\\d+)\x03")
# They keep the columns' names, and yet each value that comes out depends on the whole row.
_MIXING = frozenset({"Normalizer", "KNNImputer", "IterativeImputer", "KernelCenterer"})
_SEARCHES = ("best_estimator_",)


@dataclass(frozen=True, slots=True)
class Steps:
    """Hold the fitted steps before an estimator; ``owners`` is the input column that each of their outputs is made of."""

    steps: tuple[Any, ...]
    owners: NDArray[np.int64]
    width: int

    def transform(self, data: Data) -> Any:
        """Return what the estimator gets of ``data``, dense."""
        made: Any = data
        for step in self.steps:
            made = step.transform(made)
        return made.toarray() if hasattr(made, "toarray") else made

    def back(self, parts: Floats) -> Floats:
        """Sum what is attributed to the steps' outputs (last axis) up to the input columns."""
        if not self.steps:
            return parts
        return np.asarray(parts @ np.eye(self.width)[self.owners], dtype=np.float64)


def unwrap(model: Any, width: int) -> tuple[Steps, Any] | None:
    """Take a model apart: the steps in front, and the estimator behind them.

    Returns:
        None where an output of the steps is made of several columns, so that there is no way back.
    """
    final = _found_best(model)
    steps: list[Any] = []
    while _is_pipeline(final):
        steps += [step for _, step in final.steps[:-1] if step not in (None, "passthrough")]
        final = _found_best(final.steps[-1][1])
    owners = _through(steps, [frozenset({place}) for place in range(width)])
    if owners is None or any(len(owner) != 1 for owner in owners):
        return None
    return Steps(
        tuple(steps), np.array([next(iter(owner)) for owner in owners], dtype=np.int64), width
    ), final


Owners = list[frozenset[int]]


def _found_best(model: Any) -> Any:
    for name in _SEARCHES:
        model = getattr(model, name, model)
    return model


def _is_pipeline(model: Any) -> bool:
    return isinstance(getattr(model, "steps", None), list) and hasattr(model, "named_steps")


def _through(steps: Sequence[Any], owners: Owners | None) -> Owners | None:
    for step in steps:
        owners = _of(step, owners) if owners is not None else None
    return owners


def _of(step: Any, owners: Owners) -> Owners | None:
    """Return which input columns each output of a step is made of; None where that can't be told."""
    if step in ("passthrough", None):
        return owners
    if _is_pipeline(step):
        return _through([each for _, each in step.steps], owners)
    if hasattr(step, "output_indices_") and hasattr(step, "transformers_"):
        return _of_columns(step, owners)
    if hasattr(step, "transformer_list"):
        return _joined(_of(each, owners) for _, each in step.transformer_list if each != "drop")
    return _by_name(step, owners)


def _of_columns(step: Any, owners: Owners) -> Owners | None:
    """Follow a ColumnTransformer: each of its parts gets some columns and gives a slice of the outputs."""
    found: Owners = [frozenset()] * max((place.stop for place in step.output_indices_.values()), default=0)
    for name, part, chosen in step.transformers_:
        place = step.output_indices_[name]
        if part == "drop" or place.stop == place.start:
            continue
        given = [owners[column] for column in _places(chosen, step, len(owners))]
        width = place.stop - place.start
        # Whatever a part makes of one column is made of that column.
        made = given * width if len(given) == 1 else _of(part, given)
        if made is None or len(made) != width:
            return None
        found[place] = made
    return found


def _places(chosen: Any, step: Any, width: int) -> list[int]:
    """Return the places of a ColumnTransformer's chosen columns, given by name, place, slice or mask."""
    names = list(map(str, getattr(step, "feature_names_in_", ())))
    listed = [chosen] if isinstance(chosen, str | int) else chosen
    if isinstance(listed, slice):
        ends: list[Any] = [
            names.index(end) if isinstance(end, str) else end for end in (listed.start, listed.stop)
        ]
        if isinstance(listed.stop, str):  # by name the end is included
            ends[1] += 1
        return list(range(*slice(ends[0], ends[1], listed.step).indices(width)))
    listed = list(listed)
    if listed and isinstance(listed[0], bool | np.bool_):
        return [place for place, wanted in enumerate(listed) if wanted]
    return [names.index(one) if isinstance(one, str) else int(one) % width for one in listed]


def _joined(parts: Iterator[Owners | None]) -> Owners | None:
    found: Owners = []
    for part in parts:
        if part is None:
            return None
        found += part
    return found


def _by_name(step: Any, owners: Owners) -> Owners | None:
    """Give the incoming columns names, and read in those of the outputs which they are made of."""
    if type(step).__name__ in _MIXING:
        return None
    if isinstance(getattr(step, "func", None), np.ufunc):
        return owners  # one value in, one value out
    marked = np.array([_MARK.format(place) for place in range(len(owners))], dtype=object)
    try:
        names = _nameless(step).get_feature_names_out(marked)
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None
    made: Owners = []
    for name in names:
        sources = [int(place) for place in _marked.findall(str(name))]
        if not sources:
            return None
        made.append(frozenset().union(*(owners[place] for place in sources)))
    return made


def _nameless(step: Any, depth: int = 2) -> Any:
    """Copy a step without the names that it was fitted with, in its parts too: it would insist on them."""
    bare = copy.copy(step)
    vars(bare).pop("feature_names_in_", None)
    if depth:
        for name, part in list(vars(bare).items()):
            if hasattr(part, "feature_names_in_") and hasattr(part, "__dict__"):
                setattr(bare, name, _nameless(part, depth - 1))
    return bare
