from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import GateError
from jupyter_mlops.evaluation import names
from jupyter_mlops.evaluation.conditions import metrics_of, parse, parse_all


@pytest.mark.parametrize(
    "text, metric, operator, constant, champion, optional",
    [
        ("accuracy >= 0.80", "accuracy", ">=", 0.8, {}, False),
        ("0.1 < r2", "r2", ">", 0.1, {}, False),
        ("roc_auc >= champion.roc_auc - 0.005", "roc_auc", ">=", -0.005, {"roc_auc": 1.0}, False),
        ("f1 > 0.9 * champion.f1 + (1 - 3) / 4", "f1", ">", -0.5, {"f1": 0.9}, False),
        ("-(champion.r2 * 2) < r2", "r2", ">", 0.0, {"r2": -2.0}, False),
        ("log_loss <= champion.log_loss / 2", "log_loss", "<=", 0.0, {"log_loss": 0.5}, False),
        (
            'demographic_parity_difference["SEX"] <= 0.10  # by sex',
            'demographic_parity_difference["SEX"]', "<=", 0.1, {}, False,
        ),
        (
            'equalized_odds_difference["#a"] <= champion.equalized_odds_difference["#a"]',
            'equalized_odds_difference["#a"]', "<=", 0.0, {'equalized_odds_difference["#a"]': 1.0}, False,
        ),
        ("accuracy.worst_slice >= +0.70", "accuracy.worst_slice", ">=", 0.7, {}, False),
        ("latency_ms.p95 <= champion.latency_ms.p95 + 1", "latency_ms.p95", "<=", 1.0, {"latency_ms.p95": 1.0}, False),
        ("gpu_peak_memory_mb <= 8000 optional # where there is one", "gpu_peak_memory_mb", "<=", 8000.0, {}, True),
        ("own_figure >= 1", "own_figure", ">=", 1.0, {}, False),
        (f"{'(' * 140}r2{')' * 140} >= {'-' * 10}1", "r2", ">=", 1.0, {}, False),
    ],
)  # fmt: skip
def test_what_parses(
    text: str, metric: str, operator: str, constant: float, champion: dict[str, float], optional: bool
) -> None:
    condition = parse(text)
    assert str(condition.metric) == metric
    assert condition.operator == operator
    assert condition.threshold.constant == pytest.approx(constant)
    assert {str(name): weight for name, weight in condition.threshold.champion} == champion
    assert condition.optional is optional
    assert "#" not in condition.text.replace('"#a"', "")
    assert "optional" not in condition.text
    assert len(metrics_of(condition)) == 1 + len(champion)


@pytest.mark.parametrize(
    "text, what",
    [
        ("", "it is empty"),
        ("# only words", "it is empty"),
        ("accuracy >=", "doesn't parse"),
        ("accuracy >= 0.8 0.9", "doesn't parse at column"),
        ("accuracy", "not a comparison"),
        ("0.1 <= r2 <= 0.2", "chain of comparisons"),
        ("accuracy == 0.8", "only >=, >, <= and <"),
        ("1 >= 2", "one side must be a metric"),
        ("f(x) >= 1", "one side must be a metric"),
        ("accuracy >= champion", "'champion' is neither a number"),
        ("accuracy >= f1", "'f1' is neither a number"),
        ("accuracy >= 'a'", "'a' is not a number"),
        ("accuracy >= True", "True is not a number"),
        ("accuracy >= 1e999", "too large"),
        ("accuracy >= 1 / 0", "divides by zero"),
        ("accuracy >= champion.accuracy * champion.f1", "can't be compared with"),
        ("accuracy >= 1 / champion.f1", "can't be compared with"),
        ("accuracy >= 2 ** 3", "can't be compared with"),
        ("accuracy.worst_slce >= 0.1", "accuracy has no 'worst_slce'; did you mean worst_slice?"),
        ("accuracy.a.b >= 0.1", "is not a metric"),
        ("latency_ms <= 3", "needs a percentile"),
        ("model_size_mb.p95 <= 3", "model_size_mb has no 'p95'; write model_size_mb"),
        ("demographic_parity_difference <= 0.1", "needs a protected attribute"),
        ("demographic_parity_difference[0] <= 0.1", "must be a name in quotes"),
        ('accuracy["SEX"] >= 0.1', "takes no attribute"),
        ("a\0b >= 1", "doesn't parse"),
        ("a >= '\ud800'", "doesn't parse"),
        (f"accuracy >= {'-' * 400}1", "more than 300 characters"),
        ("accuracy >= 0x" + "f" * 260, "too large"),
    ],
)
def test_what_is_refused_and_how(text: str, what: str) -> None:
    with pytest.raises(GateError) as caught:
        parse(text, "gate churn, line 2")
    assert what in str(caught.value)
    assert str(caught.value).startswith("gate churn, line 2: condition ")


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        condition = parse(text)
    except GateError:
        return
    assert condition.operator in (">=", ">", "<=", "<")


def test_all_errors_come_at_once() -> None:
    with pytest.raises(GateError) as caught:
        parse_all(("accuracy", "f1 >= 0.1", "f1 == 1"), "churn")
    assert "line 1" in str(caught.value)
    assert "line 3" in str(caught.value)
    assert caught.value.details["texts"] == ["accuracy", "f1 == 1"]


def test_a_gate_needs_a_condition() -> None:
    with pytest.raises(GateError, match="gate churn has no condition"):
        parse_all((), "churn")


def test_unknown_metrics_get_near_names() -> None:
    names.check_known("accuracy", ())
    names.check_known("my_figure", {"my_figure": 1.0})
    with pytest.raises(GateError, match=r"no metric 'acuracy'; did you mean .*accuracy"):
        names.check_known("acuracy", ())
