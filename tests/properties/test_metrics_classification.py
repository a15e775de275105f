"""Metrics of classification against scikit-learn, over odd data and odd weights."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from jupyter_mlops.evaluation.metrics.quality import quality_plan
from jupyter_mlops.evaluation.rows import NotMeasurableError, Predictions, TestRows
from tests.properties.measured import FEW, Case, figure, repeated, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KINDS: dict[str, Callable[[NDArray[np.int64]], NDArray[Any]]] = {
    "whole": lambda codes: codes - 1,
    "text": lambda codes: np.array(["no", "yes", "ä b", "-1"])[codes],
    "objects": lambda codes: np.array(["a", "b", "c", "d"], dtype=object)[codes],
    "floats": lambda codes: codes * 1.0 + 1,
}


@st.composite
def answers(draw: st.DrawFn, most: int = 4) -> tuple[Any, Any, Any, Any, int]:
    """Draw labels, predicted labels, weights (0 among them) and classes."""
    classes = draw(st.integers(2, most))
    size = draw(st.integers(2, 30))
    codes = arrays(np.int64, size, elements=st.integers(0, classes - 1))
    truth, predicted = draw(codes), draw(codes)
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 1, 0, 2, 3])))
    assume(weights.sum() > 1)
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    return kind(truth), kind(predicted), weights, kind(np.arange(classes)), classes


@FEW
@given(answers(), st.sampled_from([0.5, 1.0, 2.0]))
@pytest.mark.filterwarnings("ignore")
def test_labels(drawn: Any, beta: float) -> None:
    truth, predicted, weights, classes, _ = drawn
    rows, said = TestRows("classification", truth), Predictions(predicted)
    t, p = repeated(weights, truth, predicted)
    for name, theirs in (
        ("accuracy", sk.accuracy_score),
        ("zero_one_loss", sk.zero_one_loss),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("matthews_corrcoef", sk.matthews_corrcoef),
        ("cohen_kappa", sk.cohen_kappa_score),
    ):
        same(figure(name, rows, said, weights), theirs(t, p), name)
    adjusted = figure("balanced_accuracy", rows, said, weights, adjusted=True)
    if len(np.unique(t)) > 1:
        same(adjusted, sk.balanced_accuracy_score(t, p, adjusted=True), "adjusted")
    for apart in ("linear", "quadratic"):
        # Over the rows as they are: without a class between them two others come nearer.
        ours = _kappa(rows, said, apart)
        same(ours, sk.cohen_kappa_score(truth, predicted, weights=apart), apart)
    of_classes: dict[str, Any] = {
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
        "jaccard": sk.jaccard_score,
        "fbeta": lambda *a, **k: sk.fbeta_score(*a, beta=beta, **k),
    }
    for name, theirs in of_classes.items():
        more = {"beta": beta} if name == "fbeta" else {}
        for average in ("macro", "micro", "weighted"):
            ours = figure(name, rows, said, weights, average=average, **more)
            same(ours, theirs(t, p, average=average, zero_division=0), (name, average))
        for one in np.unique(np.concatenate([truth, predicted])):
            ours = figure(name, rows, said, weights, pos_label=one, **more)
            same(ours, theirs(t == one, p == one, zero_division=0), (name, one))
    for one in np.unique(np.concatenate([truth, predicted])):
        ours = figure("specificity", rows, said, weights, pos_label=one)
        same(ours, sk.recall_score(t != one, p != one, zero_division=0), "specificity")
    seen = np.unique(np.concatenate([t, p]))
    each = [sk.recall_score(t != one, p != one, zero_division=0) for one in seen]
    same(figure("specificity", rows, said, weights, average="macro"), np.mean(each), "specificity")
    everyone = figure(
        "specificity", rows, Predictions(predicted, classes=tuple(classes)), weights, average="micro"
    )
    assert 0 <= everyone <= 1


def _kappa(rows: TestRows, said: Predictions, apart: str) -> float:
    plan = quality_plan("cohen_kappa", rows, said, {"weights": apart})
    return float(plan.build(plan.columns)(np.ones((1, len(rows))))[0])


@st.composite
def scored(draw: st.DrawFn) -> tuple[Any, Any, Any, Any]:
    """Draw true classes, all of which occur, probabilities with ties, and weights."""
    classes = draw(st.integers(2, 4))
    size = draw(st.integers(classes, 25))
    codes = draw(arrays(np.int64, size, elements=st.integers(0, classes - 1)))
    codes[:classes] = np.arange(classes)
    raw = draw(arrays(np.float64, (size, classes), elements=st.sampled_from([0.0, 0.1, 0.1, 0.5, 1.0, 3.0])))
    raw[raw.sum(axis=1) == 0] = 1.0
    weights = draw(arrays(np.int64, size, elements=st.sampled_from([1, 1, 2, 0, 3])))
    weights[:classes] = np.maximum(weights[:classes], 1)
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    names_of = kind(np.arange(classes))
    return kind(codes), raw / raw.sum(axis=1, keepdims=True), weights, names_of


@FEW
@given(scored())
@pytest.mark.filterwarnings("ignore")
def test_scores(drawn: Any) -> None:
    truth, chances, weights, classes = drawn
    # The columns as the model has them, which is the order of its classes and not always that of the alphabet.
    order = np.argsort(classes)
    said = Predictions(truth, chances, tuple(classes.tolist()))
    rows = TestRows("classification", truth)
    t, c = repeated(weights, truth, chances[:, order])
    ordered = classes[order]
    two = len(classes) == 2
    s = (repeated(weights, chances)[0][:, 1]) if two else c
    codes = np.searchsorted(ordered, t)
    positive = (t == classes[1]).astype(int)
    same(figure("log_loss", rows, said, weights), sk.log_loss(t, c, labels=ordered), "log_loss")
    brier = (
        sk.brier_score_loss(positive, s)
        if two
        else sk.brier_score_loss(codes, c, labels=np.arange(len(classes)))
    )
    same(figure("brier_score", rows, said, weights), brier, "brier")
    same(
        figure("d2_log_loss", rows, said, weights), sk.d2_log_loss_score(t, c, labels=ordered), "d2_log_loss"
    )
    d2 = (
        sk.d2_brier_score(positive, s) if two else sk.d2_brier_score(codes, c, labels=np.arange(len(classes)))
    )
    same(figure("d2_brier", rows, said, weights), d2, "d2_brier")
    if two:
        same(figure("roc_auc", rows, said, weights), sk.roc_auc_score(positive, s), "auc")
        same(figure("average_precision", rows, said, weights), sk.average_precision_score(positive, s), "ap")
    hot = np.eye(len(classes))[codes]
    for average in ("macro", "micro", "weighted"):
        ours = figure("roc_auc", rows, said, weights, average=average)
        same(ours, sk.roc_auc_score(hot, c, average=average), ("auc", average))
        ours = figure("average_precision", rows, said, weights, average=average)
        same(ours, sk.average_precision_score(hot, c, average=average), ("ap", average))
        if average != "micro" and not two:
            ours = figure("roc_auc", rows, said, weights, average=average, multi_class="ovo")
            same(ours, sk.roc_auc_score(codes, c, average=average, multi_class="ovo"), ("ovo", average))
    for place, one in enumerate(classes):
        ours = figure("roc_auc", rows, said, weights, pos_label=one)
        same(ours, sk.roc_auc_score(t == one, repeated(weights, chances)[0][:, place]), one)
    k = 1 if two else 2
    if np.array_equal(order, np.arange(len(classes))):
        ours = figure("top_k_accuracy", rows, said, weights, k=k)
        theirs = sk.top_k_accuracy_score(positive if two else codes, s, k=k, labels=np.arange(len(classes)))
        same(ours, theirs, "top_k")
    if two:
        _calibration(rows, said, weights, positive, s)


def _calibration(rows: TestRows, said: Predictions, weights: Any, positive: Any, chance: Any) -> None:
    for bins in (1, 5, 10):
        frequency, mean = calibration_curve(positive, chance, n_bins=bins)
        place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], chance)
        sizes = np.bincount(place, minlength=bins)
        expected = np.sum(np.abs(frequency - mean) * sizes[sizes > 0]) / len(chance)
        same(figure("expected_calibration_error", rows, said, weights, n_bins=bins), expected, bins)
    assert 0 <= figure("expected_calibration_error", rows, said, weights, strategy="quantile") <= 1


def test_many_classes_are_counted_without_a_table_of_them() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 300, (2, 3_000))
    predicted[::2] = truth[::2]
    rows, said = TestRows("classification", truth), Predictions(predicted)
    with warnings.catch_warnings(action="ignore"):
        same(figure("f1", rows, said), sk.f1_score(truth, predicted, average="macro"), "f1")
        same(figure("matthews_corrcoef", rows, said), sk.matthews_corrcoef(truth, predicted), "mcc")


@pytest.mark.parametrize(
    "name, keywords, reason",
    [
        ("f1", {"average": "binary"}, "average='binary' is for two classes, and there are 3"),
        ("f1", {"pos_label": "z"}, "pos_label='z' is none of the classes 'a', 'b', 'c'"),
        ("roc_auc", {}, "needs predict_proba or decision_function"),
    ],
)
def test_what_labels_do_not_give(name: str, keywords: Case, reason: str) -> None:
    rows = TestRows("classification", np.array(["a", "b", "c"]))
    with pytest.raises(NotMeasurableError, match=reason):
        figure(name, rows, Predictions(rows.truth), **keywords)
