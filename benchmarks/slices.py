"""How often the intervals of the worst slices and of gaps between groups hold the truth, beside the plain ways.

    python benchmarks/slices.py [--gates 2000] [--rows 2000]

The slice that a search finds: of a model that is right for 9 of 10 rows wherever one looks, and of one that fails for a slice.
The plain way measures the slice on the rows that it was searched in. The worst of five given groups, and the gap between two and
between five groups: the plain way is the percentile bootstrap. The truth is known from how the rows were drawn.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from jupyter_mlops.evaluation.conditions import Metric
from jupyter_mlops.evaluation.estimate import estimate
from jupyter_mlops.evaluation.groups.slices import find
from jupyter_mlops.evaluation.metrics.planning import plan_of
from jupyter_mlops.evaluation.plan import mean_plan, restricted
from jupyter_mlops.evaluation.rows import Predictions, TestRows


class Count:
    """Count how often intervals hold the truth, miss it on either side, and how wide they are."""

    def __init__(self) -> None:
        self.all = self.low = self.high = 0
        self.width = 0.0

    def add(self, interval: tuple[float, float] | None, truth: float) -> None:
        if interval is None:
            return
        self.all += 1
        self.low += interval[0] > truth + 1e-9
        self.high += interval[1] < truth - 1e-9
        self.width += interval[1] - interval[0]

    def __str__(self) -> str:
        held = 1 - (self.low + self.high) / self.all
        return (
            f"{held:6.1%} (truth below {self.low / self.all:.1%}, above {self.high / self.all:.1%}; "
            f"width {self.width / self.all:.3f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=300)
    parser.add_argument("--rows", type=int, default=2_000)
    asked = parser.parse_args()
    print(f"{asked.gates} simulated gates of {asked.rows:,} rows each; 95% intervals")
    for title, failing in (("nothing fails", 0.1), ("a slice fails for 4 of 10", 0.4)):
        report(f"worst found slice, {title}", *searched(asked.gates, asked.rows, failing))
    for title, wrong in (
        ("five alike", [0.2] * 5),
        ("one is worse", [0.35, *[0.2] * 4]),
        ("all differ", np.linspace(0.1, 0.3, 5)),
    ):
        report(
            f"worst of given groups, {title}", *given(asked.gates, asked.rows, np.asarray(wrong), "accuracy")
        )
    for title, chosen in (
        ("two alike", [0.4, 0.4]), ("two apart", [0.4, 0.5]), ("five alike", [0.4] * 5), ("one apart", [0.2, *[0.4] * 4]),
    ):  # fmt: skip
        report(f"gap, {title}", *given(asked.gates, asked.rows, np.asarray(chosen), "gap"))


def report(title: str, ours: Count, plain: Count) -> None:
    print(f"{title:45} ours {ours}\n{'':45} plain {plain}", flush=True)


def searched(gates: int, rows: int, failing: float) -> tuple[Count, Count]:
    ours, plain = Count(), Count()
    for seed in range(gates):
        random = np.random.default_rng(seed)
        columns: dict[str, Any] = {
            "age": random.integers(18, 90, rows),
            "income": random.lognormal(size=rows),
            "region": random.choice(["north", "south", "east"], rows),
            "code": random.integers(0, 5, rows),
        }
        chance = np.where((columns["age"] > 75) & (columns["region"] == "north"), 1 - failing, 0.9)
        right = (random.random(rows) < chance).astype(np.float64)
        plan = mean_plan(right)
        [worst] = find(plan, TestRows("classification", right, {}, columns), lower_is_better=False)
        truth = float(chance[worst.inside].mean())
        ours.add(estimate(restricted(plan, worst.measured.astype(float))).interval, truth)
        plain.add(estimate(restricted(plan, (worst.inside & ~worst.measured).astype(float))).interval, truth)
    return ours, plain


def given(gates: int, rows: int, shares: Any, figure: str) -> tuple[Count, Count]:
    """Draw groups of equal size; of ``accuracy`` the shares are errors, of ``gap`` who is called positive."""
    ours, plain = Count(), Count()
    metric = (
        Metric(name="accuracy", part="worst_slice")
        if figure == "accuracy"
        else Metric(name="demographic_parity_difference", attributes=("group",))
    )
    truth = float(1 - shares.max() if figure == "accuracy" else np.ptp(shares))
    for seed in range(gates):
        random = np.random.default_rng(seed)
        group = random.integers(0, len(shares), rows)
        labels = (random.random(rows) < shares[group]).astype(int)
        plan = plan_of(
            metric,
            TestRows("classification", np.zeros(rows, dtype=int), {"group": group}),
            Predictions(labels, None, (0, 1)),
        )
        ours.add(estimate(plan).interval, truth)
        drawn = plan.build(plan.columns)(random.poisson(1, (500, rows)).astype(np.float64))
        low, high = np.quantile(drawn, [0.025, 0.975])
        plain.add((low, high), truth)
    return ours, plain


if __name__ == "__main__":
    main()
