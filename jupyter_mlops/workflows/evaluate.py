"""Evaluate a gate: load the version and the champion, measure what is asked, judge, put it on record."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError, NotFoundError
from jupyter_mlops.evaluation import names
from jupyter_mlops.evaluation.conditions import Condition, metrics_of, parse_all
from jupyter_mlops.evaluation.gates import judge, passed
from jupyter_mlops.records.evaluation import Evaluation, Figure, Slice
from jupyter_mlops.records.model import ModelVersion, TestData
from jupyter_mlops.registry import standing
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.rows import TestRows
    from jupyter_mlops.records.pipeline import Gate
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.store.opened import Store


def evaluate_gate(
    settings: Settings,
    gate: Gate,
    version: int | None = None,
    run_id: str = "",
    *,
    afresh: bool = True,
    clock: Callable[[], str] = stamp.now,
) -> Evaluation:
    """Judge a model version (default: the newest) by a gate, and record the evaluation.

    Unless ``afresh``, a version that these conditions have judged before, against the same champion, isn't judged
    again: that evaluation is returned.

    Raises:
        GateError: when a condition can't be understood or names a metric that doesn't exist.
        NotFoundError: when there is no such model or version.
        IntegrityError: when a bundle or the test rows were changed.
        DeniedError: when the user may not evaluate it.
    """
    conditions = parse_all(gate.conditions, gate.model)
    store = open_store(settings)
    model = _version(store, gate.model, version)
    for condition in conditions:
        for metric in metrics_of(condition):
            names.check_known(metric.name, model.metrics)
    champion = _champion(store, gate.model) if any(c.threshold.champion for c in conditions) else None
    before = None if afresh else _judged_before(store, model, champion, conditions)
    if before is not None:
        return before
    with acting(settings, "model.evaluate", str(model.ref), run=run_id) as act:
        evaluation = _evaluate(store, model, champion, conditions, run_id=run_id, at=clock())
        store.ledger.append(evaluation)
        act.note(passed=evaluation.passed)
    return evaluation


def _judged_before(
    store: Store, model: ModelVersion, champion: ModelVersion | None, conditions: tuple[Condition, ...]
) -> Evaluation | None:
    asked = [(condition.text, condition.optional) for condition in conditions]
    for found in store.ledger.find("evaluation", f"{model.name}.{model.version}"):
        if not isinstance(found, Evaluation) or any(c.status == "not evaluated" for c in found.conditions):
            continue
        same_champion = found.champion == (champion.version if champion else None)
        if same_champion and [(c.text, c.optional) for c in found.conditions] == asked:
            return found
    return None


def _evaluate(
    store: Store,
    model: ModelVersion,
    champion: ModelVersion | None,
    conditions: tuple[Condition, ...],
    *,
    run_id: str,
    at: str,
) -> Evaluation:
    from jupyter_mlops.evaluation.measure import measure

    asked = {metric.name for condition in conditions for metric in metrics_of(condition)}
    frame = _test_frame(store, model.test) if model.test and asked & (names.KNOWN - names.GPU) else None
    bundle = store.bundles.load(model.bundle)
    rows, frame = _rows(frame, model.test, bundle)
    own = _subject(store, model, bundle, frame, model.test, asked)
    theirs = None
    if champion is not None:
        theirs = (
            own
            if champion.version == model.version
            else _champion_subject(store, champion, frame, model.test, asked)
        )
    results = tuple(judge(condition, measure(condition, rows, own, theirs)) for condition in conditions)
    figures, slices, notes = _breakdown(rows, own)
    return Evaluation(
        model=model.name,
        version=model.version,
        passed=passed(results),
        conditions=results,
        rows=0 if rows is None else len(rows),
        champion=champion.version if champion else None,
        run_id=run_id,
        figures=figures,
        slices=slices,
        notes=notes,
        parents=_parents(model, champion),
        created_at=at,
        author=stamp.author(),
    )


def _breakdown(
    rows: TestRows | None, own: Subject
) -> tuple[tuple[Figure, ...], tuple[Slice, ...], tuple[str, ...]]:
    if rows is None or own.predictions is None:
        return (), (), ()
    from jupyter_mlops.evaluation import breakdown

    return breakdown.figures(rows, own.predictions), *breakdown.slices(rows, own.predictions)


def _parents(model: ModelVersion, champion: ModelVersion | None) -> tuple[str, ...]:
    refs = [str(model.ref)]
    if champion is not None:
        refs.append(str(champion.ref))
    if model.test is not None:
        dataset = model.test.dataset
        refs.append(dataset if dataset.startswith("dataset/") else f"dataset/{dataset}")
    return tuple(dict.fromkeys(refs))


def _version(store: Store, name: str, version: int | None) -> ModelVersion:
    found = store.ledger.get(f"model/{name}@{version}" if version is not None else f"model/{name}")
    if not isinstance(found, ModelVersion):  # pragma: no cover - the ledger decodes by kind
        raise NotFoundError(f"{found.ref} is not a model version")
    return found


def _champion(store: Store, name: str) -> ModelVersion | None:
    number = standing.aliases(store, name).get(standing.CHAMPION)
    return None if number is None else _version(store, name, number)


def _test_frame(store: Store, test: TestData) -> pd.DataFrame:
    from jupyter_mlops.data import versions

    return versions.load_frame(store, versions.resolve(store, test.dataset))


def _rows(
    frame: pd.DataFrame | None, test: TestData | None, bundle: Bundle
) -> tuple[TestRows | None, pd.DataFrame | None]:
    """Return the rows with a true value, as arrays and as the frame the models are asked with."""
    from jupyter_mlops.evaluation.rows import TestRows

    if frame is None or test is None:
        return None, None
    frame = frame[frame[test.target].notna()].reset_index(drop=True)
    if frame.empty:
        return None, None
    truth = frame[test.target]
    task = bundle.manifest.task
    if task == "other":
        task = "regression" if truth.dtype.kind == "f" else "classification"
    rows = TestRows(
        task,
        truth.to_numpy(),
        sensitive={name: frame[column].to_numpy() for name, column in test.sensitive.items()},
        features={name: frame[name].to_numpy() for name in test.features},
    )
    return rows, frame


def _subject(
    store: Store,
    model: ModelVersion,
    bundle: Bundle,
    frame: pd.DataFrame | None,
    test: TestData | None,
    asked: set[str],
) -> Subject:
    """Ask a version for the test rows, once, and only for what the conditions need."""
    from jupyter_mlops.evaluation import latency
    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.rows import NotMeasurableError, predict

    size = (
        sum((store.bundles.path(model.bundle) / name).stat().st_size for name in bundle.manifest.files) / 1e6
    )
    known: dict[str, Any] = {"logged": model.metrics, "size_mb": size, "gpu_problem": _gpu_problem()}
    if frame is None or test is None:
        return Subject(**known)
    try:
        features = _features(frame, bundle, test)
        answers = predict(
            bundle.model,
            features,
            classification=bundle.manifest.task != "regression",
            with_scores=bool(asked & names.SCORES),
        )
    except NotMeasurableError as error:
        return Subject(problem=str(error), **known)
    timed = partial(latency.single_row_milliseconds, bundle.model.predict, features)
    return Subject(predictions=answers, time_it=cache(timed), **known)


def _champion_subject(
    store: Store, champion: ModelVersion, frame: pd.DataFrame | None, test: TestData | None, asked: set[str]
) -> Subject:
    from jupyter_mlops.evaluation.measure import Subject

    try:
        bundle = store.bundles.load(champion.bundle)
    except MlopsError as error:
        return Subject(problem=str(error), logged=champion.metrics)
    return _subject(store, champion, bundle, frame, test, asked)


def _features(frame: pd.DataFrame, bundle: Bundle, test: TestData) -> Any:
    """Cut the test rows to what a bundle's signature asks for.

    Raises:
        NotMeasurableError: when the rows lack a column of it.
    """
    from jupyter_mlops.evaluation.rows import NotMeasurableError

    signature = bundle.manifest.signature
    if signature.layout == "array":
        width = signature.inputs[0].shape[-1]
        if width not in (-1, len(test.features)):
            raise NotMeasurableError(f"it takes {width} columns, the test rows have {len(test.features)}")
        return frame[list(test.features)].to_numpy()
    wanted = [tensor.name for tensor in signature.inputs]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise NotMeasurableError(f"the test rows lack its columns {', '.join(missing)}")
    return frame[wanted]


def _gpu_problem() -> str:
    return "figures of the GPU are not available yet" if Path("/dev/nvidiactl").exists() else "no GPU here"
