"""Columns that have no scale and no categories: free text and vectors, compared by what can be measured of them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.stats import two_sample
from jupyter_mlops.stats.mmd import mmd

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_mlops.monitoring.columns import Floats
    from jupyter_mlops.stats.two_sample import Outcome

# So many rows of a side are read; the same at every call.
MOST_READ = 10_000
MOST_VECTORS = 1_000
# The words that the most texts of the reference hold are counted one by one.
WORDS = 200
_FEWEST_EXPECTED = 5
_WORD = re.compile(r"\w+")


def text(reference: pd.Series[Any], current: pd.Series[Any]) -> dict[str, Outcome | None]:
    """Compare two samples of free text by length, by words that many texts hold, and by words never met before.

    What is new is measured against the words of one half of the reference; its other half says how much is new anyway.
    Fewer new words than that are no drift: rows of the reference are among the current ones.

    Returns:
        ``length`` (KS), ``vocabulary`` (largest change in the share of texts that hold a word), ``out_of_vocabulary``
        (change in the mean share of new words) and ``psi`` (the larger of lengths' and new words').
    """
    before, after = (_words(_drawn(side, MOST_READ)) for side in (reference, current))
    lengths = [two_sample.tidy([len(each) for each in side[1]]) for side in (before, after)]
    held_out, known = before[0][::2], set().union(*before[0][1::2])
    new = [two_sample.tidy([_share_new(words, known) for words in side]) for side in (held_out, after[0])]
    test = two_sample.ks(*new)
    change = float(new[1].mean() - new[0].mean()) if len(new[0]) and len(new[1]) else None
    known_better = change is not None and change <= 0
    compared = (lengths,) if known_better else (lengths, new)
    sizes = [two_sample.psi(*two_sample.bin_counts(a, b)) for a, b in compared]
    return {
        "length": two_sample.ks(*lengths),
        "vocabulary": _vocabulary(before[0], after[0]),
        "out_of_vocabulary": None
        if test is None or change is None
        else two_sample.Outcome(change, 1.0 if known_better else test.p_value),
        "psi": max((size for size in sizes if size), key=lambda size: size.statistic, default=None),
    }


def vectors(reference: pd.Series[Any], current: pd.Series[Any]) -> dict[str, Outcome | None] | str:
    """Compare two samples of vectors by MMD, and by their distance from the middle of the reference.

    Returns:
        ``mmd`` and, for the size of the difference, ``psi`` and ``jensen_shannon`` of the distances; or, in words, why
        they can't be compared.
    """
    try:
        sides = [np.asarray([*_drawn(side, MOST_READ)], dtype=np.float64) for side in (reference, current)]
    except ValueError:
        return "vectors of different lengths"
    if sides[0].shape[1:] != sides[1].shape[1:]:
        return f"vectors of {sides[0].shape[-1]} numbers before, of {sides[1].shape[-1]} now"
    sides = [side[np.isfinite(side).all(axis=1)] for side in sides]
    if not all(map(len, sides)):
        return "no vector of finite numbers on one side"
    middle = sides[0].mean(axis=0)
    distances = [two_sample.tidy(np.linalg.norm(side - middle, axis=1)) for side in sides]
    bins = two_sample.bin_counts(distances[0], distances[1])
    found = mmd(sides[0][:MOST_VECTORS], sides[1][:MOST_VECTORS])
    return {
        "mmd": None if found is None else two_sample.Outcome(found.statistic, found.p_value),
        "ks": two_sample.ks(*distances),
        "psi": two_sample.psi(*bins),
        "jensen_shannon": two_sample.jensen_shannon(*bins),
    }


def lengths(reference: pd.Series[Any], current: pd.Series[Any]) -> tuple[Floats, Floats]:
    """Return the lengths of the texts of both samples, in order, for a picture."""
    first, second = (
        two_sample.tidy([len(str(each)) for each in _drawn(side, MOST_READ)]) for side in (reference, current)
    )
    return first, second


def _drawn(values: pd.Series[Any], most: int) -> pd.Series[Any]:
    """Draw rows in random order, so that either half of them stands for all."""
    present = values.dropna()
    return present.iloc[np.random.default_rng(0).permutation(len(present))[:most]]


def _words(values: pd.Series[Any]) -> tuple[list[set[str]], list[str]]:
    texts = [str(value) for value in values]
    return [set(_WORD.findall(text.lower())) for text in texts], texts


def _share_new(words: set[str], known: set[str]) -> float:
    return len(words - known) / len(words) if words else 0.0


def _vocabulary(before: list[set[str]], after: list[set[str]]) -> Outcome | None:
    """Test for each frequent word whether the share of texts with it has changed; Bonferroni over the words."""
    if not before or not after:
        return None
    counts = [Counter(word for words in side for word in words) for side in (before, after)]
    both = counts[0] + counts[1]
    smaller = min(len(before), len(after)) / (len(before) + len(after))
    frequent = [
        word
        for word, count in sorted(both.items(), key=lambda item: (-item[1], item[0]))[:WORDS]
        if min(count, len(before) + len(after) - count) * smaller >= _FEWEST_EXPECTED
    ]
    if not frequent:
        return None
    held = np.array([[count[word] for word in frequent] for count in counts], dtype=np.float64)
    sizes = np.array([[len(before)], [len(after)]], dtype=np.float64)
    largest = float(np.abs(np.subtract(*(held / sizes))).max())
    p_values = [
        outcome.p_value
        for a, b in held.T
        if (outcome := two_sample.chi_squared([a, len(before) - a], [b, len(after) - b])) is not None
        and outcome.p_value is not None
    ]
    return two_sample.Outcome(largest, min(1.0, min(p_values) * len(p_values)))
