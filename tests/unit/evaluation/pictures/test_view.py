"""What the picture of a gate shows: where marks stand, in which words, and what is unfolded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jupyter_mlops.evaluation.pictures import axes
from jupyter_mlops.evaluation.pictures.view import view
from jupyter_mlops.records.evaluation import Accelerator, ConditionResult, Evaluation, Figure, Slice

ANY = st.floats(allow_nan=True, allow_infinity=True)


def evaluation(*conditions: ConditionResult, **more: Any) -> Evaluation:
    return Evaluation(model="churn", version=3, passed=False, conditions=conditions, **more)


def part(
    group: str, attribute: str = "sex", *, found: bool = False, rows: int = 100, **figures: float
) -> Slice:
    made = tuple(Figure(metric=name, value=value, ci=(value, value)) for name, value in figures.items())
    return Slice(attribute=attribute, group=group, rows=rows, figures=made, found=found)


@given(st.lists(ANY, min_size=1, max_size=5), ANY)
def test_every_mark_stands_within_the_picture(figures: list[float], tick: float) -> None:
    axis = axes.around(*figures, tick)
    if axis is None:
        finite = [each for each in (*figures, tick) if math.isfinite(each)]
        too_wide = bool(finite) and max(map(abs, finite)) > 1e307
        assert too_wide or not finite or any(map(math.isnan, (*figures, tick)))
        return
    bar = axis.bar(figures[0], (min(figures), max(figures)), mark=tick, holds="<=", base=0.0)
    assert bar.ends is not None
    assert bar.holds == (0.0, bar.mark)
    assert all(0 <= place <= 1 for place in (bar.at, *bar.ends, bar.mark or 0.0, bar.base or 0.0))
    assert bar.ends[0] <= bar.at <= bar.ends[1]


@given(st.lists(st.floats(0, 1), max_size=5))
def test_an_axis_of_shares_holds_them_all(shares: list[float]) -> None:
    axis = axes.of_shares(shares)
    assert 0 <= axis.low < axis.high <= 1
    assert all(axis.low - 1e-6 <= share <= axis.high + 1e-6 for share in shares)


@pytest.mark.parametrize(
    "value, text",
    [
        (0.85174, "0.8517"),
        (8000.0, "8,000"),
        (123456.7, "1.235e+05"),
        (0.00001, "1.000e-05"),
        (0.0, "0"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_figures_are_written_as_people_read_them(value: float, text: str) -> None:
    assert axes.number(value) == text


@pytest.mark.parametrize(
    "value, text", [(0.0004, "p < 0.001"), (0.001, "p = 0.001"), (0.5, "p = 0.500"), (1.0, "p > 0.999")]
)
def test_no_p_value_is_nought_or_one(value: float, text: str) -> None:
    assert axes.p_value(value) == text


@pytest.mark.parametrize(
    "ends, signed, text",
    [
        ((0.769, 0.7983), False, "0.769 to 0.798"),
        ((0.0, 0.04493), False, "0 to 0.0449"),
        ((-0.5, 0.0011), True, "-0.500 to +0.001"),
        ((-math.inf, 0.5), False, "-inf to 0.5"),
        ((3.0, 5.0), False, "3 to 5"),
        ((-0.0161, -0.00704), True, "-0.0161 to -0.0070"),
        ((0.0002, 0.9), False, "0.0002 to 0.9"),
        ((40.43, 1234.5), False, "40 to 1,234"),
        ((0.00001, 0.5), False, "1.00e-05 to 0.5"),
    ],
)
def test_both_ends_of_an_interval_are_as_exact(ends: tuple[float, float], signed: bool, text: str) -> None:
    assert axes.interval(ends, signed=signed) == text


def test_a_condition_holds_on_its_side_of_the_threshold() -> None:
    least = ConditionResult(
        text="accuracy >= 0.8", status="passed", value=0.85, threshold=0.8, ci=(0.83, 0.87)
    )
    most = ConditionResult(text="0.1 > log_loss", status="failed", value=0.2, threshold=0.1)
    first, second = view(evaluation(least, most)).conditions
    assert first.bar is not None
    assert second.bar is not None
    assert first.bar.holds == (first.bar.mark, 1.0)
    assert second.bar.holds == (0.0, second.bar.mark)
    assert (first.threshold, second.threshold) == ("≥ 0.8", "< 0.1")
    assert second.interval == ""


def test_a_difference_stands_beside_zero_and_its_margin() -> None:
    paired = ConditionResult(
        text="roc_auc >= champion.roc_auc - 0.005",
        status="passed",
        value=0.9,
        threshold=0.875,
        difference=0.02,
        ci=(0.01, 0.03),
        p_value=0.0001,
    )
    (shown,) = view(evaluation(paired)).conditions
    assert shown.bar is not None
    assert shown.bar.zero is not None
    assert shown.bar.mark is not None
    assert shown.bar.mark < shown.bar.zero < shown.bar.at
    assert shown.interval == "difference +0.02 (+0.01 to +0.03)"
    assert shown.test.startswith("p < 0.001")


def test_how_sure_it_is_and_on_what_it_was_measured_are_said() -> None:
    plain = ConditionResult(
        text="f1 >= 0.8", status="passed", value=0.9, threshold=0.8, method="Wilson score"
    )
    tested = replace(plain, difference=0.1, p_value=0.012, p_adjusted=0.024, method="DeLong")
    alone = replace(tested, p_adjusted=0.012, method="")
    gpu = Accelerator(name="H100", memory_mb=81_559.0, driver="570.1", shared_with=("train.py",))
    shown = view(evaluation(plain, tested, alone, rows=1, device="cpu (numba)", accelerator=gpu))
    assert [each.test for each in shown.conditions] == [
        "Wilson score",
        "p = 0.012, corrected p = 0.024; DeLong",
        "p = 0.012",
    ]
    assert shown.context == (
        "1 test row, cpu (numba), model on H100 (82 GB, driver 570.1, shared with train.py)"
    )


def test_what_was_not_measured_has_words_and_no_bar() -> None:
    gone = ConditionResult(text="gpu_peak_memory_mb <= 8000", status="not evaluated", threshold=8000.0)
    old = ConditionResult(text="a metric of old ~ 3", status="passed", value=math.nan, threshold=3.0)
    first, second = view(evaluation(gone, old)).conditions
    assert (first.bar, first.figure, first.threshold) == (None, "", "≤ 8,000")
    assert (second.bar, second.threshold) == (None, "threshold 3")


def test_the_worst_group_is_named_and_a_tie_is_no_worst() -> None:
    parts = (part("f", accuracy=0.8, base_rate=0.2), part("m", rows=70, accuracy=0.7, base_rate=0.1))
    (section,) = view(evaluation(slices=parts)).sections
    assert section.title == "By sex"
    assert section.summary == "worst accuracy: m, 0.700 on 70 rows"
    accuracy, base_rate = section.charts
    assert [point.tag for point in accuracy.points] == ["", "worst"]
    assert [point.tag for point in base_rate.points] == ["", ""]
    tied = (part("f", accuracy=0.8), part("m", accuracy=0.8))
    assert view(evaluation(slices=tied)).sections[0].summary == "2 groups"
    errors = (part("f", mean_absolute_error=3.0), part("m", mean_absolute_error=30.0))
    assert view(evaluation(slices=errors)).sections[0].summary.startswith("worst mean_absolute_error: m, 30")


def test_of_many_groups_the_worst_is_among_those_shown() -> None:
    parts = [part(f"g{n}", accuracy=0.9 - n / 100) for n in range(20)]
    (chart,) = view(evaluation(slices=parts)).sections[0].charts
    assert len(chart.points) == 12
    assert (chart.points[-1].label, chart.points[-1].tag) == ("g19", "worst")
    assert chart.note == "8 more groups are in the JSON."


def test_what_a_failed_condition_is_about_is_unfolded() -> None:
    fair = 'demographic_parity_difference["sex"]'
    shown = (Figure(metric=fair, value=0.2), Figure(metric='demographic_parity_ratio["sex"]', value=0.7))
    parts = (part("f", accuracy=0.8), part("m", accuracy=0.7), part("age < 20", "", found=True, accuracy=0.5))

    def opened(text: str) -> dict[str, bool]:
        failed = ConditionResult(text=text, status="failed", value=0.2, threshold=0.1)
        return {
            each.title: each.opened for each in view(evaluation(failed, figures=shown, slices=parts)).sections
        }

    closed = {"Fairness": False, "By sex": False, "Slices found": False}
    assert opened("accuracy >= 0.1") == closed
    assert opened(f"{fair} <= 0.1") == {**closed, "Fairness": True}
    assert opened("accuracy.worst_slice >= 0.1") == {**closed, "By sex": True}
    assert opened("accuracy.worst_found_slice >= 0.1") == {**closed, "Slices found": True}


def test_fairness_stands_beside_the_threshold_that_is_asked() -> None:
    asked = ConditionResult(
        text='demographic_parity_difference["sex"] <= 0.1', status="passed", value=0.05, threshold=0.1
    )
    gap = Figure(metric='demographic_parity_difference["sex"]', value=0.05, ci=(0.01, 0.09))
    amount = Figure(metric='mean_error_gap["sex"]', value=1234.5, ci=(-3.0, 2000.0))
    (section,) = view(evaluation(asked, figures=(gap, amount))).sections
    (chart,) = section.charts
    assert chart.title == "sex"
    first, second = chart.points
    assert first.bar is not None
    assert first.bar.mark is not None
    assert second.bar is not None
    assert second.bar.mark is None
    assert second.figure == "1,234"


def test_the_champion_stands_beside_the_figures() -> None:
    own = evaluation(figures=(Figure(metric="accuracy", value=0.9), Figure(metric="r2", value=-3.0)))
    before = evaluation(figures=(Figure(metric="accuracy", value=0.8),))
    (chart,) = view(own, before).sections[0].charts
    accuracy, r2 = chart.points
    assert accuracy.bar is not None
    assert accuracy.bar.mark is not None
    assert accuracy.bar.mark < accuracy.bar.at
    assert accuracy.bar.words == "accuracy: 0.900, champion 0.800"
    assert "champion" in chart.note
    assert r2.bar is None


GOLDEN = Path(__file__).parents[3] / "golden" / "gate_view.json"


def test_what_the_sidebar_is_sent() -> None:
    """The sidebar's tests draw this file. After a wanted change: delete it, run this twice, read the diff."""
    conditions = (
        ConditionResult(text="accuracy >= 0.8", status="passed", value=0.85, threshold=0.8, ci=(0.83, 0.87)),
        ConditionResult(
            text="roc_auc >= champion.roc_auc - 0.005",
            status="failed",
            value=0.9,
            threshold=0.895,
            difference=0.0,
            ci=(-0.02, 0.02),
            p_value=0.3,
            p_adjusted=0.6,
            method="DeLong",
            reason="the difference may be chance",
        ),
        ConditionResult(
            text="gpu_peak_memory_mb <= 8000",
            status="not evaluated",
            threshold=8000.0,
            optional=True,
            reason="no GPU here",
        ),
    )
    judged = evaluation(
        *conditions,
        rows=1200,
        champion=2,
        figures=(Figure(metric="accuracy", value=0.85, ci=(0.83, 0.87)), Figure(metric="r2", value=-3.0)),
        slices=(part("f", accuracy=0.8), part("m", rows=70, accuracy=0.7)),
        notes=("sex: 1 group with fewer than 20 rows is left out",),
    )
    text = msgspec.json.format(msgspec.json.encode(view(judged)), indent=2).decode() + "\n"
    if not GOLDEN.exists():
        GOLDEN.write_text(text)
        pytest.fail("the golden file was missing and is written now; run again")
    assert text == GOLDEN.read_text()
