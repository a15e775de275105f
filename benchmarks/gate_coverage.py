"""How often the intervals of gates cover the true figure: plain ones, and of paired differences to a champion.

    python benchmarks/gate_coverage.py [--simulations 2000] [--rows 200 1000 10000] [--conditions TEXT ...]

Each simulated gate draws test rows and two models' answers, measures the condition as a gate does, and looks whether the
95% interval holds the value of a million rows and more. Errors have heavy tails (Student's t with 5 degrees of freedom),
the target of the regression is log-normal, the models share most of their mistakes, a group is favoured.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.estimate import figure
from jupyter_mlops.evaluation.measure import Subject, measure
from jupyter_mlops.evaluation.metrics.planning import plan_of
from jupyter_mlops.evaluation.rows import Predictions, TestRows
from jupyter_mlops.stats import compiled_resampling  # noqa: F401 - loaded, it is what small data is resampled by, too

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.conditions import Condition

CLASSIFICATION = (
    "accuracy", "f1", "balanced_accuracy", "f1(average='macro')", "roc_auc", "average_precision", "log_loss",
    'demographic_parity_difference["group"]', 'equal_opportunity_difference["group"]',
)  # fmt: skip
REGRESSION = ("mean_absolute_error", "root_mean_squared_error", "r2")
CONDITIONS = tuple(
    f"{name} >= {threshold}"
    for name in (*CLASSIFICATION, *REGRESSION)
    for threshold in ("0", f"champion.{name}")
)
_MANY, _TIMES = 400_000, 8


@dataclass(frozen=True, slots=True)
class Coverage:
    """Count the intervals that lie above the true figure, below it, and there were in all."""

    above: int
    below: int
    simulations: int
    width: float

    @property
    def share(self) -> float:
        return 1 - (self.above + self.below) / self.simulations


def drawn(condition: Condition, rows: int, random: np.random.Generator) -> tuple[TestRows, Subject, Subject]:
    """Draw rows, and the answers of a version and a champion to them."""
    if condition.metric.name in REGRESSION:
        truth = random.lognormal(0, 0.7, rows)
        shared, own, theirs = 0.3 * random.standard_t(5, (3, rows))
        answers = (truth + shared + own, truth + shared + 1.1 * theirs)
        return TestRows("regression", truth), *(Subject(Predictions(each)) for each in answers)  # type: ignore[return-value]  # two answers, two subjects
    truth = (random.random(rows) < 0.4).astype(int)
    group = random.integers(0, 2, rows)
    shared, own, theirs = 0.7 * random.normal(size=(3, rows))
    tests = TestRows("classification", truth, {"group": np.where(group, "a", "b")})
    # The group is favoured, by the champion less.
    answers = (1.2 * truth + 0.9 * group + shared + own, 1.3 * truth + 0.5 * group + shared + theirs)
    return tests, *(_classifier(each) for each in answers)  # type: ignore[return-value]  # as above


def _classifier(scores: np.ndarray) -> Subject:
    chances = 1 / (1 + np.exp(-1.5 * (scores - 1)))
    both = np.column_stack([1 - chances, chances])
    return Subject(Predictions((chances > 0.5).astype(int), both, (0, 1)))


def true_value(condition: Condition, times: int = _TIMES) -> float:
    """Return the figure, or the difference, of 400,000 rows so many times."""
    random, found = np.random.default_rng(12345), []
    for _ in range(times):
        rows, *subjects = drawn(condition, _MANY, random)
        version, champion = (
            figure(plan_of(condition.metric, rows, each.predictions))
            for each in subjects
            if each.predictions is not None
        )
        found.append(version - champion if condition.threshold.champion else version)
    return float(np.mean(found))


def coverage(condition: Condition, true: float, rows: int, simulations: int, seed: int = 0) -> Coverage:
    """Simulate gates of one condition."""
    random = np.random.default_rng([seed, rows, crc32(condition.text.encode())])
    above = below = 0
    width = 0.0
    for _ in range(simulations):
        tests, version, champion = drawn(condition, rows, random)
        ci = measure(condition, tests, version, champion).ci
        assert ci is not None
        above, below, width = above + (ci[0] > true), below + (ci[1] < true), width + ci[1] - ci[0]
    return Coverage(above, below, simulations, width / simulations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 1_000, 10_000])
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS)
    asked = parser.parse_args()
    noise = 1.96 * np.sqrt(0.05 * 0.95 / asked.simulations)
    print(
        f"{asked.simulations:,} simulated gates each; of exact intervals {0.95 - noise:.1%} to {0.95 + noise:.1%} would cover"
    )
    print(
        f"{'condition':<95}{'rows':>7}{'covered':>9}{'too high':>10}{'too low':>9}{'width':>9}{'seconds':>9}"
    )
    for text in asked.conditions:
        condition = parse(text)
        true = true_value(condition)
        for rows in asked.rows:
            started = time.perf_counter()
            found = coverage(condition, true, rows, asked.simulations)
            above, below = found.above / found.simulations, found.below / found.simulations
            print(
                f"{text:<95}{rows:>7,}{found.share:>9.1%}{above:>10.1%}{below:>9.1%}{found.width:>9.4f}"
                f"{time.perf_counter() - started:>9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
