"""Which way of explaining fits a model: the exact one for its kind where it holds, else the one for any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.explanation import gradients, linear, sampling, tables, trees
from jupyter_mlops.explanation.attributions import NotExplainableError, checked
from jupyter_mlops.explanation.outputs import best_of
from jupyter_mlops.explanation.preprocessing import unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.explanation.attributions import Data, Explainer

# So many background rows are attributed to see whether a way of explaining adds up for a model.
PROBED = 8
WIDEST = 2000


def choose(
    model: Any, background: Data | None, *, task: str, classes: Sequence[Any], width: int
) -> Explainer:
    """Return what explains a model, after trying it on background rows: what doesn't add up isn't used.

    Args:
        model: anything with ``predict``.
        background: rows that stand for "not knowing a column"; trees do without.
        task: ``classification``, ``regression`` or ``other``.
        classes: a classifier's, in the order of its probabilities.
        width: how many columns it takes.

    Raises:
        NotExplainableError: when nothing fits without background rows, or there are too many columns.
    """
    classifier = task == "classification" or (task == "other" and hasattr(model, "predict_proba"))
    for explainer in _exact(model, background, classes, classifier=classifier, width=width):
        if background is None or _adds_up(explainer, background):
            return explainer
    if background is None:
        raise NotExplainableError(
            "there are no rows to compare an answer with", hint="log the model with test=(X, y)"
        )
    if width > WIDEST:
        raise NotExplainableError(
            f"{width} columns are too many for a model of this kind", hint=f"at most {WIDEST} are explained"
        )
    return sampling.SampledExplainer(best_of(model, classifier=classifier, classes=classes), background)


def _exact(
    model: Any, background: Data | None, classes: Sequence[Any], *, classifier: bool, width: int
) -> Iterator[Explainer]:
    by_gradients = gradients.explainer(model, background) if background is not None else None
    if by_gradients is not None:
        yield by_gradients
    found = unwrap(model, width)
    if found is None:
        return
    steps, estimator = found
    by_paths = trees.explainer(steps, estimator, classes, classifier=classifier)
    if by_paths is not None:
        yield by_paths
    if background is not None:
        by_weights = linear.explainer(steps, estimator, classes, background, classifier=classifier)
        if by_weights is not None:
            yield by_weights


def _adds_up(explainer: Explainer, background: Data) -> bool:
    try:
        checked(explainer, tables.take(background, slice(0, PROBED)))
    # A library that meets a model it doesn't know fails in its own way; the next one is tried then.
    except Exception:  # noqa: BLE001 - see above
        return False
    return True


def load_for(model: Any, width: int) -> None:
    """Import what explaining a model will take, without asking the model anything."""
    found = unwrap(model, width)
    if found is not None and trees.is_tree(found[1]):
        trees.load_shap()
