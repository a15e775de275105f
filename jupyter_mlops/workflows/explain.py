"""Explain a model version: what it decides by, measured on its test rows and put on record; and single answers."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError, NotFoundError
from jupyter_mlops.pipeline.session import RUN_VARIABLE
from jupyter_mlops.records.explanation import Explanation, Importance
from jupyter_mlops.store import detached, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.turns import turn
from jupyter_mlops.workflows import background, models, subjects
from jupyter_mlops.workflows.acting import acting, allow
from jupyter_mlops.workflows.foreign import foreign_code

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jupyter_mlops.explanation.attributions import Attributions, Explainer
    from jupyter_mlops.explanation.importance import Losses
    from jupyter_mlops.records.model import ModelVersion, TestData
    from jupyter_mlops.serving.explaining import Explained
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.store.opened import Store

# What shuffling, and what attributing, may take.
SECONDS = 10.0


def explain(
    settings: Settings,
    text: str,
    *,
    afresh: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
    clock: Callable[[], str] = stamp.now,
) -> Explanation:
    """Return what a version decides by; unless ``afresh``, what is on record of it is not measured again.

    Raises:
        NotFoundError: when there is no such version.
        NotExplainableError: when it has no test rows, or can't answer them.
        DeniedError: when a rule says no.
    """
    model = models.resolve(settings, text)
    store = open_store(settings)
    found = None if afresh else background.newest(store, model)
    if found is not None:
        allow(settings, "read", str(model.ref))
        return found
    with acting(settings, "model.explain", str(model.ref)) as act, turn(settings, "explain"):
        # Who waited for the turn may find done what it came for.
        found = None if afresh else background.newest(store, model)
        if found is not None:
            return found
        with foreign_code():
            explanation = _explained(store, model, on_step, at=clock())
        store.ledger.append(explanation)
        act.note(method=explanation.method, rows=explanation.rows)
    return explanation


def request(settings: Settings, model: ModelVersion) -> None:
    """See to it that a version is explained; by the setting ``explain`` now, soon, or not at all.

    Where it can't be explained nothing is on record, and the version's card says so.
    """
    if (
        settings.explain == "off"
        or model.test is None
        or background.newest(open_store(settings), model) is not None
    ):
        return
    label = f"{model.name}/{model.version}"
    if settings.explain == "background":
        detached.start(settings, "jupyter_mlops", "models", "explain", label, without=RUN_VARIABLE)
        return
    with suppress(MlopsError):
        explain(settings, label)


def explain_prediction(settings: Settings, text: str, prediction_id: str) -> Explained:
    """Return what each input added to an answered prediction, asking the version that gave it.

    Raises:
        NotFoundError: when there is no such version, or it answered no prediction of that id.
        NotExplainableError: when its answers can't be explained.
        DeniedError: when the version may not be asked.
    """
    from jupyter_mlops.serving.explaining import Explaining
    from jupyter_mlops.serving.loader import ServedModel
    from jupyter_mlops.store.predictions import PredictionLog
    from jupyter_mlops.workflows.serve import PREDICTIONS

    model = models.resolve(settings, text)
    allow(settings, "predict", str(model.ref))
    path = settings.state / PREDICTIONS
    if not path.is_file():
        raise NotFoundError(f"no prediction {prediction_id!r}", hint="nothing was predicted yet")
    log = PredictionLog(path)
    try:
        prediction = log.find(prediction_id)
    finally:
        log.close()
    if (prediction.model, prediction.version) != (model.name, model.version):
        raise NotFoundError(
            f"prediction {prediction_id!r} was answered by {prediction.model}/{prediction.version}",
            hint="name that version",
        )
    store = open_store(settings)
    with foreign_code():
        bundle = store.bundles.load(model.bundle)
        rows = background.digest_of(store, model, bundle.manifest)
        served = ServedModel(bundle.model, bundle.manifest)
        return Explaining(served, store.objects.read(rows) if rows else b"").explain(prediction.inputs)


def _explained(store: Store, model: ModelVersion, on_step: Callable[[str], None], *, at: str) -> Explanation:
    from jupyter_mlops.explanation import importance
    from jupyter_mlops.explanation.attributions import NotExplainableError

    begun = time.perf_counter()
    bundle = store.bundles.load(model.bundle)
    frame = subjects.test_frame(store, model.test) if model.test is not None else None
    rows, frame = subjects.rows_of(frame, model.test, bundle)
    if model.test is None or rows is None or frame is None:
        raise NotExplainableError(
            f"{model.name}/{model.version} has no test rows to explain it on", hint="log it with test=(X, y)"
        )
    some = background.some(frame, importance.ROWS)
    data = background.features_of(some, bundle, model.test)
    measured = _asked(partial(_lost, bundle, data, some[model.test.target].to_numpy(), rows.task, on_step))
    stored = background.keep(store, model.test, bundle, frame)
    explainer, attributed, note = _attributed(bundle, data, frame, model.test, on_step)
    parts = _importances(model.test, data, measured, attributed)
    known = {} if measured is None else {"metric": measured[0], "score": measured[1].score}
    counted = {} if measured is None else {"rows": measured[1].rows, "rounds": measured[1].rounds}
    how: dict[str, Any] = {}
    if explainer is not None and attributed is not None:
        how = {"method": explainer.method, "scale": explainer.scale, "outputs": explainer.outputs}
        how["attributed_rows"] = len(attributed.answers)
    return Explanation(
        model=model.name,
        version=model.version,
        importance=parts,
        background=stored,
        seconds=round(time.perf_counter() - begun, 3),
        notes=(*note, *_notes(model.test, bundle, len(some), len(frame), measured)),
        parents=(str(model.ref), model.test.dataset),
        created_at=at,
        author=stamp.author(),
        **known,
        **counted,
        **how,
    )


def _asked(ask: Callable[[], Any]) -> Any:
    """Return what ``ask`` gives, with what the model raises in one line.

    Raises:
        NotExplainableError: when the model's own code raises.
    """
    from jupyter_mlops.explanation.attributions import NotExplainableError

    try:
        return ask()
    except MlopsError:
        raise
    # A user's model can raise anything.
    except Exception as error:
        raise NotExplainableError(
            f"the model can't answer its test rows: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def _lost(
    bundle: Bundle, data: Any, truth: Any, task: str, on_step: Callable[[str], None]
) -> tuple[str, Losses] | None:
    from jupyter_mlops.explanation.importance import losses
    from jupyter_mlops.explanation.scores import score_of

    found = score_of(bundle.model, data, truth, task=task, classes=bundle.manifest.classes)
    if found is None:
        return None
    score, truth = found
    on_step(f"shuffling {data.shape[1]} columns of {len(data):,} rows")
    return score.metric, losses(score, data, truth, seconds=SECONDS)


def _attributed(
    bundle: Bundle, data: Any, frame: pd.DataFrame, test: TestData, on_step: Callable[[str], None]
) -> tuple[Explainer | None, Attributions | None, tuple[str, ...]]:
    from jupyter_mlops.explanation.attributions import NotExplainableError
    from jupyter_mlops.explanation.choosing import choose
    from jupyter_mlops.explanation.importance import attributed

    rows = background.features_of(background.some(frame, background.ROWS), bundle, test)
    manifest = bundle.manifest
    try:
        explainer = _asked(
            partial(
                choose,
                bundle.model,
                rows,
                task=manifest.task,
                classes=manifest.classes,
                width=data.shape[1],
            )
        )
        on_step(f"attributing answers by {explainer.method}")
        return explainer, _asked(partial(attributed, explainer, data, seconds=SECONDS)), ()
    except NotExplainableError as error:
        return None, None, (f"answers aren't attributed: {error.message}",)


def _importances(
    test: TestData, data: Any, measured: tuple[str, Losses] | None, found: Attributions | None
) -> tuple[Importance, ...]:
    from jupyter_mlops.explanation import importance, tables

    names = tables.names_of(data) if hasattr(data, "columns") else test.features
    # By its own name too: an attribute that says in words what the feature says in codes has a column of its own.
    protected = {
        name: attribute for attribute, column in test.sensitive.items() for name in (attribute, column)
    }
    losses = measured[1] if measured else None
    sizes = importance.mean_sizes(found) if found is not None else []
    directions = importance.directions(found, data) if found is not None else []
    parts = [
        Importance(
            feature=name,
            loss=losses.loss[place] if losses else None,
            loss_ci=losses.intervals[place] if losses else None,
            attribution=sizes[place][0] if sizes else None,
            attribution_ci=sizes[place][1] if sizes else None,
            direction=directions[place] if directions else None,
            protected=protected.get(name, ""),
        )
        for place, name in enumerate(names)
    ]
    return tuple(
        sorted(parts, key=lambda each: (-(each.loss or 0.0), -(each.attribution or 0.0), each.feature))
    )


def _notes(
    test: TestData, bundle: Bundle, used: int, there: int, measured: tuple[str, Losses] | None
) -> list[str]:
    from jupyter_mlops.explanation.importance import ROUNDS

    signature = bundle.manifest.signature
    taken = [tensor.name for tensor in signature.inputs] if signature.layout == "frame" else test.features
    notes = [
        f"{attribute} is no input of the model"
        for attribute, column in test.sensitive.items()
        if not {attribute, column} & set(taken)
    ]
    if measured is None:
        return [
            *notes,
            "no loss was measured: the true values are all alike, or the model gives several numbers",
        ]
    if measured[1].rows < used or measured[1].rounds < ROUNDS:
        notes.append(
            f"the model is slow: {measured[1].rows:,} of {there:,} test rows, {measured[1].rounds} rounds"
        )
    return notes
