from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import GateError
from jupyter_mlops.evaluation.conditions import Metric, check, metrics_of, parse, parse_all
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from jupyter_mlops.evaluation.metrics.options import Setting


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
        ("own_figure(b=-1, a='x') >= 1", 'own_figure(a="x", b=-1)', ">=", 1.0, {}, False),
        ("f1(pos_label=True).worst_slice >= 1", "f1(pos_label=True).worst_slice", ">=", 1.0, {}, False),
        (
            'ndcg(query="q", k=10) >= champion.ndcg(k=10, query="q") - 0.01',
            'ndcg(k=10, query="q")', ">=", -0.01, {'ndcg(k=10, query="q")': 1.0}, False,
        ),
        ("mean_tweedie_deviance(power=-1) <= 3", "mean_tweedie_deviance(power=-1)", "<=", 3.0, {}, False),
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
        ("accuracy >=", "it doesn't parse at column 12: invalid syntax"),
        ("accuracy >= 0.8 0.9", "doesn't parse at column 17"),
        ("accuracy > > 0.8", "doesn't parse at column 12"),
        ("accuracy", "not a comparison"),
        ("0.1 <= r2 <= 0.2", "chain of comparisons"),
        ("accuracy == 0.8", "only >=, >, <= and <"),
        ("1 >= 2", "one side must be a metric"),
        ("f(x) >= 1", "'x' in brackets is no keyword; write for example f1"),
        ("f(x=y) >= 1", "x=y: it must be a number, a text in quotes, True or False"),
        ("f(x=1, x=2) >= 1", "names a keyword twice, or none"),
        ("f(**x) >= 1", "names a keyword twice, or none"),
        ('f1["sex"](average="macro") >= 1', "is not a metric; the order is name(keyword=...)"),
        ('f1(avrage="macro") >= 0.5', "f1 has no keyword 'avrage'; did you mean average?"),
        (
            'f1(average="makro") >= 0.5',
            "f1(average='makro'): it must be one of binary, macro, micro, weighted",
        ),
        ('accuracy(average="macro") >= 0.5', "accuracy has no keyword 'average'; there are: missing, noise"),
        ("top_k_accuracy(k=0) >= 0.5", "it must be a whole number of at least 1"),
        ("top_k_accuracy(k=True) >= 0.5", "it must be a whole number of at least 1"),
        ("mean_pinball_loss(alpha=1.5) <= 3", "it must be a number between 0 and 1"),
        ("fbeta(beta=-1) >= 0.5", "it must be a number greater than 0"),
        ("mean_tweedie_deviance(power=0.5) <= 3", "it must be a number that is not between 0 and 1"),
        ("balanced_accuracy(adjusted=1) >= 0.5", "it must be True or False"),
        ("ndcg >= 0.5", 'ndcg needs query; write ndcg(query="query_id")'),
        ('precision_at_k(query="q") >= 0.5', 'needs k; write precision_at_k(query="query_id", k=10)'),
        ('ndcg(query="q").worst_slice >= 0.5', "ndcg has no 'worst_slice'; write ndcg"),
        ("accuracy >= 0.8or 1", "it is not a comparison"),
        ("accuracy >= champion", "'champion' is neither a number"),
        ("accuracy >= f1", "'f1' is neither a number"),
        ("accuracy >= 'a'", "'a' is not a number"),
        ("accuracy >= True", "True is not a number"),
        ("accuracy >= 1e999", "too large"),
        ('f1(pos_label="\\ud800") >= 0.1', "is no text"),
        ('mean_error_gap["\\udfff"] >= 0.1', "is no text"),
        ("accuracy <= 1e308 * 10", "too large"),
        ("accuracy >= champion.accuracy * 1e308 * 10", "too large"),
        ("accuracy >= 1e308 * 10 - 1e308 * 10", "too large"),
        ("accuracy >= 1 / 0", "divides by zero"),
        ("accuracy >= champion.accuracy * champion.f1", "can't be compared with"),
        ("accuracy >= 1 / champion.f1", "can't be compared with"),
        ("accuracy >= 2 ** 3", "can't be compared with"),
        ("accuracy.worst_slce >= 0.1", "accuracy has no 'worst_slce'; did you mean worst_slice"),
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


ODD = st.text("a\"'#\\\n é", max_size=6)
SETTINGS = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.floats(-9, 9),
    ODD,
)


@given(
    st.dictionaries(st.sampled_from(["a", "b_2", "pos_label"]), SETTINGS, max_size=3),
    st.sampled_from(["", "worst_slice", "p95"]),
)
def test_a_figure_is_read_again_as_it_is_written(keywords: dict[str, Setting], part: str) -> None:
    figure = Metric(name="own", part=part, keywords=tuple(sorted(keywords.items())))
    read = parse(f"{figure} >= champion.{figure}")
    assert read.metric == figure
    assert read.threshold.champion == ((figure, 1.0),)
    assert parse(f"accuracy >= 1 {'# ' + str(figure)}").text == "accuracy >= 1"


@given(st.lists(ODD, min_size=1, max_size=3, unique=True))
def test_attributes_are_read_again_as_they_are_written(attributes: list[str]) -> None:
    figure = Metric(name="demographic_parity_difference", attributes=tuple(attributes))
    assert parse(f"{figure} <= 0.1").metric == figure


def test_a_giant_line_is_refused_at_once_and_in_short() -> None:
    with pytest.raises(GateError) as caught:
        parse("accuracy >= 0.8" + " " * 200_000 + "x")  # quadratic, this would take minutes
    assert len(str(caught.value)) < 1_000


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


@pytest.mark.parametrize(
    "asked, meant",
    [
        ("accuracy_score", "accuracy"),
        ("r2_score", "r2"),
        ("brier_score_loss", "brier_score"),
        ("neg_mean_squared_error", "mean_squared_error"),
        ("RMSE", "root_mean_squared_error"),
        ("auc", "roc_auc"),
        ("MAP", "mean_average_precision"),
    ],
)
def test_other_spellings_are_known(asked: str, meant: str) -> None:
    with pytest.raises(GateError, match=f"no metric '{asked}'; write {meant}$"):
        names.check_known(asked, ())


def test_what_a_model_cannot_have_is_refused_with_its_condition() -> None:
    asked = parse_all(("r2 >= 0.5", "accuracy >= champion.own - 1"), "churn")
    check(asked, "churn", {"own"}, "other")
    with pytest.raises(GateError) as caught:
        check(asked, "churn", {"own"}, "classification")
    assert str(caught.value) == (
        "gate churn: condition 'r2 >= 0.5': r2 is for regression; the model is a classifier; "
        "ask for accuracy, f1 or roc_auc"
    )
    with pytest.raises(GateError, match="accuracy is for classification; the model is a regression"):
        check(asked, "churn", {"own"}, "regression")


def test_all_unknown_figures_come_at_once() -> None:
    with pytest.raises(GateError) as caught:
        check(parse_all(("acuracy >= 0.8", "f11 > 0.1"), "churn"), "churn", (), "other")
    assert "'acuracy >= 0.8': no metric 'acuracy'; did you mean" in str(caught.value)
    assert "'f11 > 0.1': no metric 'f11'; did you mean f1" in str(caught.value)


def test_every_figure_says_which_keywords_it_takes() -> None:
    for name, entry in CATALOGUE.items():
        if "k" in entry.keywords:
            assert "query" in entry.keywords or name == "top_k_accuracy"
        for keyword, option in entry.keywords.items():
            assert not option.accepts("no such word") or keyword in ("query", "pos_label")
            assert option.what
