"""One model version from near: its gates drawn, its figures beside the champion's, what it decides by, its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jupyter_mlops.evaluation.pictures import axes
from jupyter_mlops.evaluation.pictures.groups_view import Chart, Section, point
from jupyter_mlops.evaluation.pictures.view import GateView, view
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.evaluation import Evaluation, Figure
from jupyter_mlops.records.expectation import Validation
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.registry import standing
from jupyter_mlops.registry.standing import CHAMPION
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.records.explanation import Importance
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

# The columns that matter; the rest is in the record.
_COLUMNS = 10
_DIGITS = 12


class DataStanding(Value, frozen=True, kw_only=True):
    """Say whether a dataset version is as expected: ``verdict`` in words, ``failures`` one a line."""

    name: str
    version: str
    use: str
    passed: bool | None
    verdict: str
    failures: tuple[str, ...] = ()


class Closeup(Value, frozen=True, kw_only=True):
    """Hold what the sidebar shows of a version that somebody looks at."""

    model: str
    version: int
    gates: tuple[GateView, ...]
    logged: dict[str, float]
    importance: Section | None
    data: tuple[DataStanding, ...]


def closeup(settings: Settings, text: str) -> Closeup:
    """Return a model version from near.

    Raises:
        NotFoundError: when there is none.
        DeniedError: when it may not be read.
    """
    shown = models.show(settings, text)
    store = open_store(settings)
    beside = _champion(store, shown.model)
    return Closeup(
        model=shown.model.name,
        version=shown.model.version,
        gates=tuple(view(each, beside) for each in shown.evaluations),
        logged=shown.model.metrics,
        importance=_importance(store, shown.model),
        data=tuple(_data(store, shown.model)),
    )


def _champion(store: Store, model: ModelVersion) -> Evaluation | None:
    """Return the champion's newest evaluation on the rows that this version was judged on; None where it has none."""
    number_ = standing.aliases(store, model.name).get(CHAMPION)
    if number_ is None or number_ == model.version:
        return None
    rows = {model.test.dataset, f"dataset/{model.test.dataset}"} if model.test else set()
    for found in store.ledger.find("evaluation", f"{model.name}.{number_}"):
        if isinstance(found, Evaluation) and found.figures and rows & set(found.parents):
            return found
    return None


def _importance(store: Store, model: ModelVersion) -> Section | None:
    found = store.ledger.find("explanation", f"{model.name}.{model.version}", limit=1)
    for each in found:
        if isinstance(each, Explanation) and each.importance:
            return Section(
                title="What it decides by",
                summary=", ".join(one.feature for one in each.importance[:3]),
                charts=(_chart(each),),
            )
    return None


def _chart(found: Explanation) -> Chart:
    by_loss = any(one.loss is not None for one in found.importance)
    shown = [
        (one, figure) for one in found.importance[:_COLUMNS] if (figure := _figure(one, by_loss=by_loss))
    ]
    axis = axes.around(0.0, *(end for _, each in shown for end in (each.value, *(each.ci or ()))))
    if axis is not None and axis.high < 1:
        axis = replace(axis, in_shares=True)
    points = [
        point(each, one.feature, axis, tag="protected" if one.protected else "", amount=True)
        for one, each in shown
    ]
    shuffled = f"What {found.metric or 'the figure'} loses when the column is shuffled among {found.rows:,} test rows."
    moved = f"How far the column moves the {found.scale or 'answer'} of a row, on average ({found.method})."
    rest = len(found.importance) - _COLUMNS
    more = f" {rest} more columns are on record." if rest > 0 else ""
    return Chart(title="", points=tuple(points), note=(shuffled if by_loss else moved) + more)


def _figure(one: Importance, *, by_loss: bool) -> Figure | None:
    value, ci = (one.loss, one.loss_ci) if by_loss else (one.attribution, one.attribution_ci)
    return None if value is None else Figure(metric=one.feature, value=value, ci=ci)


def _data(store: Store, model: ModelVersion) -> Iterator[DataStanding]:
    tested = model.test.dataset if model.test else ""
    uses = dict.fromkeys(model.datasets, "training")
    if tested:
        uses[tested] = "test"
    for dataset, use in uses.items():
        name, _, version = dataset.removeprefix("dataset/").partition("@")
        judged = store.ledger.find("validation", f"{name}.{version[:_DIGITS]}", limit=1)
        newest = next((each for each in judged if isinstance(each, Validation)), None)
        yield _standing(name, version[:_DIGITS], use, newest)


def _standing(name: str, version: str, use: str, found: Validation | None) -> DataStanding:
    if found is None:
        return DataStanding(
            name=name, version=version, use=use, passed=None, verdict="nothing is expected of it"
        )
    failures = tuple(
        f"{f'{each.column}: ' if each.column else ''}{each.expectation}"
        + (
            f", {each.failing:,} rows ({each.share:.1%})"
            if each.failing
            else f", {each.reason or each.status}"
        )
        for each in found.failed
    )
    held = len(found.results) - len(failures)
    return DataStanding(
        name=name,
        version=version,
        use=use,
        passed=found.passed,
        verdict=f"{'as expected' if found.passed else 'not as expected'}: {held} of {len(found.results)} hold",
        failures=failures,
    )
