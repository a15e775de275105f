from __future__ import annotations

import numpy as np
import pytest

from jupyter_mlops.monitoring import performance
from jupyter_mlops.monitoring.performance import Outcomes


def outcomes(
    seed: int, rows: int, *, worth: float = 1.0, shift: float = 0.0, labelled: float = 1.0
) -> Outcomes:
    """Draw people whose true chance is known; ``worth`` below 1 makes the scores worth less than they say."""
    random = np.random.default_rng(seed)
    x = random.normal(shift, 1.5, rows)
    scores = 1 / (1 + np.exp(-x))
    labels = np.where(random.random(rows) < 1 / (1 + np.exp(-worth * x)), 1.0, 0.0)
    labels[random.random(rows) >= labelled] = np.nan
    return Outcomes(labels, np.where(scores > 0.5, 1.0, 0.0), scores)


def halves(rows: int) -> list[tuple[str, np.ndarray]]:
    first = np.arange(rows) < rows // 2
    return [("first", first), ("second", ~first)]


def test_a_model_that_has_become_worse() -> None:
    good, bad = outcomes(2, 4_000), outcomes(3, 4_000, worth=0.2)
    assert good.scores is not None
    assert bad.scores is not None
    both = Outcomes(
        np.concatenate([good.labels, bad.labels]),
        np.concatenate([good.predictions, bad.predictions]),
        np.concatenate([good.scores, bad.scores]),
    )
    accuracy, area = performance.over_windows(outcomes(1, 4_000), both, halves(8_000))
    for found in (accuracy, area):
        assert [window.alarm for window in found.windows] == [False, True]
        assert found.alarm
        first = found.windows[0]
        assert first.interval is not None
        assert first.interval[0] < found.reference < first.interval[1]
    seen = performance.changes(both)
    assert {change.detector for change in seen} == {"adwin", "page_hinkley", "ddm"}
    assert any(4_000 <= change.row < 4_700 for change in seen if change.detector == "adwin")


def test_false_alarms_are_rare() -> None:
    alarms = sum(
        found.alarm
        for seed in range(60)
        for found in performance.over_windows(
            outcomes(seed, 1_000), outcomes(seed + 100, 1_000), halves(1_000)
        )
    )
    assert alarms <= 8


def test_without_labels_the_estimate_holds() -> None:
    """Another mix of people, of whom the scores say as much as ever."""
    inside = []
    for seed in range(60):
        reference = outcomes(seed, 3_000)
        current = outcomes(seed + 500, 2_000, shift=1.0, labelled=0.0)
        truth = outcomes(seed + 500, 2_000, shift=1.0)
        guesses = performance.over_windows(reference, current, [("all", np.ones(2_000, bool))])
        real = performance.over_windows(reference, truth, [("all", np.ones(2_000, bool))])
        for guess, true in zip(guesses, real, strict=True):
            window = guess.windows[0]
            assert window.value is None
            assert window.labelled == 0
            assert not window.alarm
            assert window.estimated_interval is not None
            value = true.windows[0].value
            assert value is not None
            inside.append(window.estimated_interval[0] <= value <= window.estimated_interval[1])
    assert np.mean(inside) >= 0.9


def test_amounts() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=3_000)

    def told(noise: float) -> Outcomes:
        return Outcomes(truth, truth + random.normal(0, noise, 3_000), numeric=True)

    [same] = performance.over_windows(told(1.0), told(1.0), halves(3_000))
    [worse] = performance.over_windows(told(1.0), told(1.5), halves(3_000))
    assert (same.metric, same.alarm, worse.alarm) == ("mean_absolute_error", False, True)
    assert same.windows[0].estimated is None
    assert worse.margin == pytest.approx(0.02 * worse.reference)
    assert performance.changes(told(1.0)) == ()


def test_too_little_to_say() -> None:
    few = outcomes(0, 20)
    assert performance.over_windows(few, outcomes(1, 100), halves(100)) == ()
    [accuracy, area] = performance.over_windows(outcomes(0, 500), few, halves(20))
    assert accuracy.windows[0].value is None
    assert area.windows[0].estimated is None
    nothing = outcomes(0, 50, labelled=0.0)
    assert performance.changes(nothing) == ()
    ones = Outcomes(np.ones(200), np.ones(200), np.linspace(0, 1, 200))
    [accuracy] = performance.over_windows(ones, ones, [("all", np.ones(200, bool))])
    assert (accuracy.metric, accuracy.windows[0].estimated) == ("accuracy", None)
    [plain] = performance.over_windows(
        Outcomes(ones.labels, ones.predictions), Outcomes(ones.labels, ones.predictions), []
    )
    assert plain.reference == 1
    assert plain.reference_interval[0] < 1
