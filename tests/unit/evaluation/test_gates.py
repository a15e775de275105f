from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.evaluation.conditions import parse
from jupyter_mlops.evaluation.gates import Measurement, judge, passed

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
    result = judge(parse(text), Measurement(value=value, ci=(0.7, 0.9)))
    assert (result.status, result.threshold, result.ci) == (status, 0.8, (0.7, 0.9))


def against(text: str, difference: float, ci: tuple[float, float] | None) -> ConditionResult:
    measured = Measurement(value=0.8 + difference, champion=0.8, difference=difference, ci=ci, p_value=0.2)
    return judge(parse(text), measured)


@pytest.mark.parametrize(
    "text, difference, ci, status",
    [
        ("f1 >= champion.f1 - 0.01", 0.0, (-0.009, 0.009), "passed"),
        ("f1 >= champion.f1 - 0.01", 0.0, (-0.011, 0.011), "failed"),
        ("f1 >= champion.f1 + 0.01", 0.03, (0.02, 0.04), "passed"),
        ("f1 >= champion.f1", 0.0, (0.0, 0.0), "passed"),
        ("f1 > champion.f1", 0.0, (0.0, 0.0), "failed"),
        ("f1 <= champion.f1 + 0.01", 0.0, (-0.5, 0.009), "passed"),
        ("f1 <= champion.f1 + 0.01", 0.0, (-0.5, 0.011), "failed"),
        ("f1 >= champion.f1 - 0.01", 0.0, None, "passed"),
        ("f1 >= champion.f1 - 0.01", -0.02, None, "failed"),
    ],
)
def test_the_interval_decides_against_the_champion(
    text: str, difference: float, ci: tuple[float, float] | None, status: str
) -> None:
    assert against(text, difference, ci).status == status


def test_the_reason_says_when_it_is_only_chance() -> None:
    assert "may be chance" in against("f1 >= champion.f1", 0.01, (-0.01, 0.03)).reason
    assert against("f1 >= champion.f1", -0.2, (-0.3, -0.1)).reason == ""


def test_the_threshold_is_the_champions_figure_and_the_margin() -> None:
    result = against("f1 >= champion.f1 - 0.01", 0.1, (0.05, 0.15))
    assert result.threshold == pytest.approx(0.79)
    assert (result.difference, result.p_value) == (0.1, 0.2)


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
