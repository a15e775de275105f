from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.gates import Measurement, judge, judge_all, passed

if TYPE_CHECKING:
    from jupyter_mlops.records.evaluation import ConditionResult


@pytest.mark.parametrize(
    "text, value, status",
    [
        ("f1 >= 0.8", 0.8, "passed"),
        ("f1 > 0.8", 0.8, "failed"),
        ("f1 <= 0.8", 0.8, "passed"),
        ("f1 < 0.8", 0.8, "failed"),
        ("0.8 <= f1", 0.79, "failed"),
    ],
)
def test_a_number_is_compared_with_the_figure_itself(text: str, value: float, status: str) -> None:
    result = judge(parse(text), Measurement(value=value, ci=(0.7, 0.9), p_value=0.5))
    assert (result.status, result.threshold, result.ci) == (status, 0.8, (0.7, 0.9))
    assert result.reason == "its interval reaches over the threshold"
    assert result.p_value is None


def test_a_clear_figure_has_no_reason() -> None:
    assert judge(parse("f1 >= 0.8"), Measurement(value=0.9, ci=(0.85, 0.95))).reason == ""
    assert judge(parse("f1 >= 0.8"), Measurement(value=0.7, ci=(0.65, 0.75))).reason == ""


@pytest.mark.parametrize(
    "value, p_value, status, why",
    [
        (0.9, 0.02, "passed", ""),
        (0.9, 0.03, "failed", "the figure may be chance: its interval reaches beyond the threshold"),
        (0.7, 0.99, "failed", ""),
    ],
)
def test_the_rule_may_be_the_whole_interval(value: float, p_value: float, status: str, why: str) -> None:
    measured = Measurement(value=value, ci=(0.0, 1.0), p_value=p_value)
    result = judge(parse("f1 >= 0.8"), measured, rule="interval")
    assert (result.status, result.reason) == (status, why)


def test_the_rule_of_the_interval_holds_for_figures_that_do_not_vary() -> None:
    assert judge(parse("f1 >= 0.8"), Measurement(value=0.8), rule="interval").status == "passed"
    slow = Measurement(value=3.0, ci=(2.0, 6.0))
    assert judge(parse("latency_ms.p95 <= 5"), slow, rule="interval").status == "failed"


def against(text: str, difference: float, p_value: float | None) -> ConditionResult:
    ci = (difference, difference) if p_value is None else (difference - 0.1, difference + 0.1)
    measured = Measurement(
        value=0.8 + difference, champion=0.8, difference=difference, ci=ci, p_value=p_value, method="DeLong"
    )
    return judge(parse(text), measured)


@pytest.mark.parametrize(
    "text, difference, p_value, status",
    [
        ("f1 >= champion.f1 - 0.01", 0.0, 0.025, "passed"),
        ("f1 >= champion.f1 - 0.01", 0.0, 0.026, "failed"),
        ("f1 >= champion.f1 + 0.01", 0.03, 0.001, "passed"),
        ("f1 <= champion.f1 + 0.01", 0.0, 0.02, "passed"),
        ("f1 <= champion.f1 + 0.01", 0.0, 0.03, "failed"),
        # Nothing varies: a tie is enough or it isn't.
        ("f1 >= champion.f1", 0.0, None, "passed"),
        ("f1 > champion.f1", 0.0, None, "failed"),
        ("f1 >= champion.f1", -0.01, None, "failed"),
    ],
)
def test_the_test_decides_against_the_champion(
    text: str, difference: float, p_value: float | None, status: str
) -> None:
    result = against(text, difference, p_value)
    assert (result.status, result.method) == (status, "DeLong")
    assert result.p_value == p_value


@pytest.mark.parametrize("difference, status", [(0.0, "passed"), (-0.02, "failed")])
def test_without_an_interval_the_figure_decides(difference: float, status: str) -> None:
    measured = Measurement(value=0.8, champion=0.8, difference=difference)
    result = judge(parse("f1 >= champion.f1 - 0.01"), measured)
    assert (result.status, result.reason) == (status, "no interval")


def test_the_reason_says_when_it_is_only_chance() -> None:
    assert "may be chance" in against("f1 >= champion.f1", 0.01, 0.2).reason
    assert against("f1 >= champion.f1", -0.2, 0.9).reason == ""


def test_the_tests_of_a_gate_are_corrected_for_their_number() -> None:
    conditions = tuple(
        parse(text)
        for text in ("f1 >= champion.f1", "r2 >= champion.r2", "f1 >= 0.5", "recall >= champion.recall")
    )
    p_values = (0.01, 0.02, 0.9, None)
    measured = [
        Measurement(value=0.9, champion=0.8, difference=0.1, ci=(0.05, 0.15), p_value=p) for p in p_values
    ]
    first, second, number, certain = judge_all(conditions, measured)
    assert (first.status, first.p_value, first.p_adjusted) == ("passed", 0.01, 0.02)
    assert (second.status, second.p_value, second.p_adjusted) == ("passed", 0.02, 0.02)
    # What isn't a test doesn't count as one.
    assert (number.p_adjusted, certain.p_adjusted) == (None, None)
    measured[0] = Measurement(value=0.9, champion=0.8, difference=0.1, p_value=0.015)
    first, second, *_ = judge_all(conditions, measured)
    assert (first.status, second.status) == ("failed", "failed")
    assert first.reason == "the difference may be chance, with the gate's other tests counted"


def test_the_threshold_is_the_champions_figure_and_the_margin() -> None:
    result = against("f1 >= champion.f1 - 0.01", 0.1, 0.2)
    assert result.threshold == pytest.approx(0.79)
    assert (result.difference, result.p_value, result.p_adjusted) == (0.1, 0.2, 0.2)


def test_no_champion_yet_passes() -> None:
    result = judge(parse("f1 >= champion.f1"), Measurement(value=0.2, has_champion=False))
    assert (result.status, result.reason, result.threshold) == ("passed", "no champion yet", None)


def test_what_was_not_measured_is_not_evaluated() -> None:
    result = judge(parse("gpu_energy_j <= 1"), Measurement(reason="no GPU here"))
    assert (result.status, result.reason) == ("not evaluated", "no GPU here")
    unpaired = judge(parse("f1 >= champion.f1"), Measurement(value=0.2, reason="the champion: is gone"))
    assert unpaired.status == "not evaluated"


def test_what_lets_a_version_through() -> None:
    good = judge(parse("f1 >= 0.1"), Measurement(value=0.2))
    bad = judge(parse("f1 >= 0.1 optional"), Measurement(value=0.0))
    unknown = judge(parse("f1 >= 0.1"), Measurement(reason="?"))
    excused = judge(parse("f1 >= 0.1 optional"), Measurement(reason="?"))
    assert passed((good, excused))
    assert not passed((good, bad))
    assert not passed((good, unknown))
