"""How many injected drifts a report finds, and how often it says "drifted" where nothing has changed.

    python benchmarks/drift_power.py [--rows 100000] [--rounds 5] [--reports 400]

25 of the 50 columns of `benchmarks/drift.py` are changed by 0.05 to 0.5 standard deviations (numbers moved; of zero-inflated
ones only those that aren't 0; of categories, weight moved between them so that as large a part of the rows changes as a
normal column's would). Then both samples are drawn from one distribution, at 2,000 rows, with and without the tests of all
columns together. A fixed threshold of 0.1 on the same columns' Wasserstein and Jensen-Shannon distances stands beside it.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from drift import CATEGORIES, sample  # type: ignore[import-not-found]  # the benchmark beside this one
from scipy import stats

from jupyter_mlops.monitoring.drift import compare
from jupyter_mlops.monitoring.tables import table

SHIFTS = np.linspace(0.05, 0.5, 25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reports", type=int, default=400)
    asked = parser.parse_args()
    names = [*(f"n{place}" for place in range(40)), *(f"c{place}" for place in range(len(CATEGORIES)))]
    for round_ in range(asked.rounds):
        random = np.random.default_rng(round_)
        # As many numeric as categorical columns change as there are: 20 of 40, 5 of 10.
        changed = [
            *random.choice(names[:40], 20, replace=False),
            *random.choice(names[40:], 5, replace=False),
        ]
        shifts = dict(zip(random.permutation(changed), SHIFTS, strict=True))
        reference = table(sample(asked.rows, 2 * round_), "reference", keep=True)
        current = sample(asked.rows, 2 * round_ + 1)
        for name, shift in shifts.items():
            current[name] = moved(current[name], shift, random)
        report = compare(reference, current, jointly=False)
        found = {column.name for column in report.columns if column.drifted}
        missed = ", ".join(f"{name} by {shifts[name]:.3f}" for name in sorted(set(shifts) - found))
        distances = {
            column.name: max(column.tests[test].statistic for test in ("wasserstein", "jensen_shannon") if test in column.tests)
            for column in report.columns
        }  # fmt: skip
        fixed = sum(distances[name] >= 0.1 for name in shifts)
        print(
            f"round {round_ + 1}: {len(found & set(shifts))} of 25 found, {len(found - set(shifts))} others named"
            f"{f' (missed: {missed})' if missed else ''}; a fixed threshold of 0.1 finds {fixed}",
            flush=True,
        )
    for jointly in (False, True):
        reports = asked.reports if not jointly else asked.reports // 4
        alarms = sum(
            compare(
                sample(2_000, 10_000 + 2 * each), sample(2_000, 10_001 + 2 * each), jointly=jointly
            ).drifted
            for each in range(reports)
        )
        low, high = stats.binomtest(alarms, reports).proportion_ci(method="wilson")
        print(
            f"same distribution, {'with' if jointly else 'without'} all columns together: "
            f"{alarms} of {reports} reports say drifted, {alarms / reports:.1%} ({low:.1%} to {high:.1%}); stated: 5%",
            flush=True,
        )


def moved(values: pd.Series[Any], shift: float, random: np.random.Generator) -> pd.Series[Any]:
    """Change a column by ``shift`` standard deviations."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        by = shift * float(values.std())
        whole = bool((values.dropna() % 1 == 0).all())
        atom = float((values == 0).mean()) > 0.3
        if whole:
            # Whole numbers stay whole: a share of them goes up by the next one or more.
            return values + np.floor(by + random.random(len(values)))
        return values.where(values == 0, values + by) if atom else values + by
    # A normal column moved so far has 2 * cdf(shift / 2) - 1 of its rows elsewhere: as many are drawn anew from one half.
    share = 2 * float(stats.norm.cdf(shift / 2)) - 1
    kinds = sorted(values.unique())
    half = set(kinds[: max(1, len(kinds) // 2)])
    go = ~values.isin(half) & (random.random(len(values)) < share / (1 - values.isin(half).mean()))
    drawn = pd.Series(random.choice(sorted(half), len(values)), index=values.index)
    return values.where(~go, drawn)


if __name__ == "__main__":
    main()
