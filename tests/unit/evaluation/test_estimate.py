from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlops.evaluation.device import kernels, kernels_torch
from jupyter_mlops.evaluation.device.kernels_torch import TorchKernels
from jupyter_mlops.evaluation.estimate import ALIKE, TOO_FEW, Estimate, estimate, figure
from jupyter_mlops.evaluation.plan import (
    Plan,
    Ranks,
    Sums,
    combined,
    extreme_plan,
    mean_plan,
    rank_plan,
    restricted,
    share_plan,
    sums_plan,
)
from jupyter_mlops.stats.intervals import Certain, Normal
from jupyter_mlops.stats.shares import Wilson

RANDOM = np.random.default_rng(3)
TRUTH = RANDOM.integers(0, 2, 400).astype(np.float64)
SCORES = np.round(TRUTH + RANDOM.normal(size=(3, 400)), 2)
ONES = np.ones(400)


def area(scores: Any, truth: Any = TRUTH, kind: Any = "roc_auc") -> Plan:
    return rank_plan((truth, scores), Ranks(kind, lambda columns: [(columns[0], columns[1])]))


def right(place: int) -> Any:
    return ((SCORES[place] > 0.5) == TRUTH).astype(np.float64)


def against(first: Plan, second: Plan) -> Estimate:
    return estimate(combined([(1.0, first), (-1.0, second)]))


def of_weights(plan: Plan) -> Plan:
    """Plan the same figure as a function of weights of which nothing else is known."""
    return Plan(plan.columns, plan.build)


@pytest.mark.parametrize(
    "found, method",
    [
        (estimate(mean_plan(right(0))), "Wilson score"),
        (estimate(share_plan(right(0), TRUTH, harmonic=True)), "Wilson score"),
        (against(mean_plan(right(0)), mean_plan(right(1))), "McNemar (score)"),
        (against(share_plan(right(0), TRUTH), share_plan(right(1), TRUTH)), "McNemar (score)"),
        (against(share_plan(right(0), TRUTH), share_plan(right(1), 1 - TRUTH)), "Newcombe score"),
        (against(share_plan(right(0), TRUTH, harmonic=True), share_plan(right(1), ONES)), "bootstrap-t, 2,000 resamples"),
        (estimate(area(SCORES[0])), "DeLong"),
        (against(area(SCORES[0]), area(SCORES[1])), "DeLong"),
        (estimate(mean_plan(SCORES[0])), "bootstrap-t, 2,000 resamples"),
        (estimate(area(SCORES[0], kind="average_precision")), "bootstrap, 2,000 resamples"),
        (against(area(SCORES[0]), mean_plan(right(1))), "bootstrap (BCa), 2,000 resamples"),
        (estimate(extreme_plan([mean_plan(right(0)), mean_plan(right(1))], highest=False)), "Wilson score; the smallest of 2"),
    ],
)  # fmt: skip
def test_the_sharpest_method_that_fits(found: Estimate, method: str) -> None:
    assert found.method == method
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.parametrize(
    "plan",
    [
        mean_plan(right(0)),
        mean_plan(np.abs(SCORES[0])),
        share_plan(right(0), TRUTH, harmonic=True),
        area(SCORES[0]),
        area(SCORES[0], kind="average_precision"),
        combined([(1.0, mean_plan(right(0))), (-1.0, mean_plan(right(1)))]),
        combined([(1.0, area(SCORES[0])), (-1.0, area(SCORES[1]))]),
        combined([(1.0, area(SCORES[0])), (-0.5, area(SCORES[1])), (-0.5, area(SCORES[2]))]),
        combined([(1.0, mean_plan(SCORES[0])), (-1.0, mean_plan(SCORES[1]))]),
    ],
)
def test_every_method_says_about_what_the_plain_bootstrap_says(plan: Plan) -> None:
    sharp, plain = estimate(plan), estimate(of_weights(plan))
    assert plain.method.startswith("bootstrap (BCa)")
    assert sharp.value == pytest.approx(plain.value)
    assert sharp.interval is not None
    assert plain.interval is not None
    width = plain.interval[1] - plain.interval[0]
    assert sharp.interval == pytest.approx(plain.interval, abs=0.12 * width)
    assert sharp.law is not None
    assert plain.law is not None
    for bound in np.linspace(*plain.interval, 5):
        assert sharp.law.p_value(bound, above=True) == pytest.approx(
            plain.law.p_value(bound, above=True), abs=0.06
        )


def test_a_model_against_itself_is_certain() -> None:
    for plan in (mean_plan(right(0)), area(SCORES[0]), mean_plan(SCORES[0])):
        assert against(plan, plan) == Estimate(0.0, Certain(0.0))
    # The same columns do not make the same figure.
    assert against(mean_plan(np.abs(SCORES[0])), mean_plan(np.abs(SCORES[0]), np.sqrt)).law != Certain(0.0)


def test_worst_figures_of_two_models_are_set_against_each_other() -> None:
    group: Any = RANDOM.integers(0, 3, 400)

    def worst(place: int) -> Plan:
        return extreme_plan(
            [restricted(mean_plan(right(place)), (group == g) * 1.0) for g in range(3)], highest=False
        )

    found = against(worst(0), worst(1))
    assert found.method == "Wilson score; the smallest of 3, set against each other"
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    alone = estimate(worst(0)).interval
    assert alone is not None
    assert found.interval[1] - found.interval[0] < 2 * (alone[1] - alone[0])


def test_a_part_of_the_rows_is_measured_as_if_it_were_all() -> None:
    inside: Any = (RANDOM.random(400) < 0.5) * 1.0
    here = inside > 0
    for whole, part in (
        (mean_plan(right(0)), mean_plan(right(0)[here])),
        (area(SCORES[0]), area(SCORES[0][here], TRUTH[here])),
    ):
        cut, alone = estimate(restricted(whole, inside)), estimate(part)
        assert cut.value == pytest.approx(alone.value)
        assert cut.interval == pytest.approx(alone.interval)
        assert cut.method == alone.method


odd = st.sampled_from([-1e300, -1.0, 0.0, 1e-300, 0.5, 1.0, 1e300])


@settings(max_examples=120, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from([0.0, 1.0]), odd, odd), min_size=0, max_size=25))
def test_odd_rows_give_an_answer_or_say_there_is_none(rows: list[tuple[float, float, float]]) -> None:
    columns: Any = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    truth, first, second = columns
    plans = [
        mean_plan(truth), mean_plan(first), share_plan(truth, (first > 0) * 1.0), area(first, truth),
        area(first, truth, "average_precision"),
        combined([(1.0, mean_plan((first > 0) * 1.0)), (-1.0, mean_plan((second > 0) * 1.0))]),
        combined([(1.0, area(first, truth)), (-1.0, area(second, truth))]),
        combined([(1.0, mean_plan(first)), (-1.0, mean_plan(second))]),
        extreme_plan([restricted(mean_plan(truth), (first > 0) * 1.0), mean_plan(truth)], highest=True),
    ]  # fmt: skip
    for plan in plans:
        found = estimate(plan, resamples=200)
        if found.law is None:
            continue
        assert np.isfinite(found.value)
        low, high = found.law.interval()
        assert low <= high
        for above in (True, False):
            assert 0 <= found.law.p_value(0.3, above=above) <= 1


def test_a_figure_far_from_zero_varies_no_less() -> None:
    near, far = (estimate(mean_plan(SCORES[0] + shift)) for shift in (0.0, 1e6))
    assert near.interval is not None
    assert far.interval == pytest.approx((near.interval[0] + 1e6, near.interval[1] + 1e6), abs=1e-5)


def test_nothing_is_said_of_nothing() -> None:
    assert np.isnan(figure(mean_plan(np.zeros(0))))
    assert estimate(mean_plan(np.ones(1))).law is None
    assert estimate(area(SCORES[0], ONES)).law is None
    assert estimate(mean_plan(np.ones(1))).note == estimate(area(SCORES[0], ONES)).note == TOO_FEW


@pytest.mark.parametrize(
    "plan",
    [
        mean_plan(np.full(9, 2.5)),
        mean_plan(np.zeros(9), np.sqrt),
        area(TRUTH, kind="average_precision"),
        of_weights(mean_plan(np.full(9, 2.5))),
        combined([(1.0, mean_plan(np.full(9, 2.5))), (-1.0, mean_plan(np.full(9, 2.0)))]),
    ],
)
def test_rows_that_all_say_the_same_give_no_interval(plan: Plan) -> None:
    found = estimate(plan)
    assert (found.law, found.interval, found.note) == (None, None, ALIKE)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_area_without_a_wrong_pair_may_have_one(value: float) -> None:
    truth: Any = np.arange(60) < 20
    found = estimate(area(truth * (2 * value - 1), truth * 1.0))
    assert found.value == value
    # Of 20 pairs without a row in common none is wrong.
    assert found.law == Wilson(value * 20, 20)
    low, high = found.interval or (0, 0)
    assert high - low == pytest.approx(0.161, abs=0.001)


def test_an_interval_ends_where_the_figure_can() -> None:
    law = Normal(0.02, 0.02, "normal")
    assert Estimate(0.02, law).interval == pytest.approx((-0.0192, 0.0592), abs=1e-4)
    assert Estimate(0.02, law, (0.0, 0.05)).interval == (0.0, 0.05)
    # Nothing puts the figure itself out of bounds.
    assert Estimate(0.02, law, (0.03, 0.05)).interval == (0.02, 0.05)


def test_an_interval_reaches_as_far_as_the_figure() -> None:
    for value, word in ((0.5, "overstate"), (-0.5, "understate"), (0.02, "")):
        found = Estimate(value, Normal(0.02, 0.02, "normal"))
        assert found.misstated == word
        low, high = found.interval or (0, 0)
        assert low <= value <= high


def test_the_ends_of_a_sum_are_those_of_its_parts() -> None:
    share, score = (
        replace(mean_plan(right(0)), ends=(0.0, 1.0)),
        replace(area(SCORES[0]), ends=(-np.inf, 1.0)),
    )
    assert combined([(1.0, share), (-1.0, share)]).ends == (-1.0, 1.0)
    assert combined([(1.0, share), (-0.5, share)]).ends == (-0.5, 1.0)
    assert combined([(1.0, share), (-1.0, score)]).ends == (-1.0, np.inf)
    assert combined([(1.0, share), (0.0, score)]).ends == (0.0, 1.0)
    assert restricted(share, ONES).ends == extreme_plan([share, share], highest=True).ends == (0.0, 1.0)


def test_thirds_of_a_model_are_the_model() -> None:
    plan = mean_plan(right(0))
    found = estimate(combined([(1.0, plan), *[(-1 / 3, plan)] * 3]))
    assert found.law == Certain(0.0)


def test_the_seed_decides() -> None:
    plan = mean_plan(SCORES[0])
    assert estimate(plan).interval == estimate(plan).interval != estimate(plan, seed=1).interval


def test_a_plan_may_ask_for_fewer_resamples() -> None:
    plan = sums_plan((SCORES[0],), Sums(lambda c: np.column_stack([c[0], ONES]), lambda t: t[:, 0] / t[:, 1]))
    assert estimate(Plan(plan.columns, plan.build, resamples=250)).method == "bootstrap (BCa), 250 resamples"


def test_a_gpu_is_taken_where_there_is_enough_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    there = TorchKernels("cpu", "torch on a GPU")
    monkeypatch.setattr(kernels_torch, "on_gpu", lambda: there)
    assert kernels.kernels_for(kernels.WORTH_A_GPU) is there
    assert kernels.device(kernels.WORTH_A_GPU) == "torch on a GPU"
    monkeypatch.setattr(kernels_torch, "on_gpu", lambda: None)
    assert kernels.kernels_for(kernels.WORTH_A_GPU).name.startswith("numba, ")
    monkeypatch.delitem(sys.modules, "jupyter_mlops.stats.compiled_resampling", raising=False)
    assert kernels.device(100) == "cpu (numpy)"


def test_a_machine_without_a_gpu_has_no_kernels_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert kernels_torch.on_gpu() is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def lost() -> str:
        raise RuntimeError("no CUDA-capable device is detected")

    monkeypatch.setattr(torch.cuda, "get_device_name", lost)
    assert kernels_torch.on_gpu() is None
    monkeypatch.setitem(sys.modules, "torch", None)
    assert kernels_torch.on_gpu() is None
