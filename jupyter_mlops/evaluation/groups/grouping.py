"""Who belongs to which group: the rows split by protected attributes, one or several crossed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jupyter_mlops.evaluation.rows import NotMeasurableError
from jupyter_mlops.stats.fairness import SMALLEST_GROUP

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.rows import Codes, TestRows

# Of each attribute; an attribute with more values splits people too finely to say anything about a group.
MOST_GROUPS = 50
# A note names that many groups and counts the others.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Groups:
    """Split rows by protected attributes; a code of -1 stands for a group too small to say anything about."""

    attribute: str
    labels: tuple[str, ...]
    codes: Codes
    too_small: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """Name the groups that were left out."""
        if not self.too_small:
            return ""
        more = len(self.too_small) - _NAMED
        named = ", ".join(self.too_small[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"left out, fewer than {SMALLEST_GROUP} rows: {named}"


def groups_of(rows: TestRows, *attributes: str) -> Groups:
    """Split the rows by a protected attribute or a feature, or by several crossed; missing values are a group.

    Raises:
        NotMeasurableError: when fewer than two groups are large enough, there are too many for groups, or the rows
            have no such attribute.
    """
    crossed = " and ".join(attributes)
    codes, names = np.zeros(len(rows), dtype=np.int64), [""]
    for attribute in attributes:
        own, labels = _coded(rows, attribute)
        joined = [f"{name} and {label}" if name else label for name in names for label in labels]
        found, codes = np.unique(codes * len(labels) + own, return_inverse=True)
        names = [joined[i] for i in found]
    if len(names) > MOST_GROUPS * len(attributes):
        raise NotMeasurableError(f"{crossed} has {len(names)} values; pass it in fewer groups")
    sizes = np.bincount(codes, minlength=len(names))
    large = np.flatnonzero(sizes >= SMALLEST_GROUP)
    small = tuple(f"{names[i]} ({sizes[i]} rows)" for i in np.flatnonzero(sizes < SMALLEST_GROUP))
    if len(large) < 2:  # noqa: PLR2004 - a gap needs two groups
        raise NotMeasurableError(f"{crossed} has fewer than two groups of {SMALLEST_GROUP} rows")
    renumbered = np.full(len(names), -1)
    renumbered[large] = np.arange(len(large))
    return Groups(crossed, tuple(names[i] for i in large), renumbered[codes].astype(np.int64), small)


def _coded(rows: TestRows, attribute: str) -> tuple[Codes, list[str]]:
    """Return an attribute's values as codes in sorted order, and their names, with missing ones last."""
    if attribute not in rows.sensitive and attribute not in rows.features:
        there = f"; there are: {', '.join(sorted(rows.sensitive))}" if rows.sensitive else ""
        raise NotMeasurableError(
            f'the test rows have no attribute {attribute!r}{there}; pass sensitive={{"{attribute}": ...}} '
            "to mlops.log_model"
        )
    column = rows.sensitive[attribute] if attribute in rows.sensitive else rows.features[attribute]
    try:
        codes, labels = pd.factorize(pd.Series(column), sort=True, use_na_sentinel=True)
    except TypeError:
        raise NotMeasurableError(f"{attribute} holds lists or the like, which make no groups") from None
    codes = np.where(codes < 0, len(labels), codes).astype(np.int64)
    return codes, [*(f"{attribute}={label}" for label in labels), f"{attribute} missing"]
