"""Evaluate a gate: load the version and the champion, measure what is asked, judge, put it on record."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.evaluation.conditions import Condition, check, metrics_of, parse_all
from jupyter_mlops.evaluation.gates import judge_all, passed
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.records.evaluation import Evaluation, Figure, Slice
from jupyter_mlops.records.model import ModelVersion
from jupyter_mlops.registry import standing
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import explain
from jupyter_mlops.workflows.acting import acting
from jupyter_mlops.workflows.foreign import foreign_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.evaluation.gates import Measurement
    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.rows import TestRows
    from jupyter_mlops.records.pipeline import Gate
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store


def evaluate_gate(
    settings: Settings,
    gate: Gate,
    version: int | None = None,
    run_id: str = "",
    *,
    afresh: bool = True,
    on_step: Callable[[str], None] | None = None,
    clock: Callable[[], str] = stamp.now,
) -> Evaluation:
    """Judge a model version (default: the newest) by a gate, and record the evaluation.

    Unless ``afresh``, a version that these conditions have judged before, against the same champion, isn't judged
    again: that evaluation is returned.

    Args:
        settings: the project.
        gate: the gate.
        version: the version's number.
        run_id: the run that asks.
        afresh: whether it is judged once more where it was judged before.
        on_step: is told of each condition before it is measured.
        clock: tells the time.

    Raises:
        GateError: when a condition can't be understood or names a metric that doesn't exist.
        NotFoundError: when there is no such model or version.
        IntegrityError: when a bundle or the test rows were changed.
        DeniedError: when the user may not evaluate it.
    """
    conditions = parse_all(gate.conditions, gate.model)
    store = open_store(settings)
    model = _version(store, gate.model, version)
    manifest = store.bundles.manifest(model.bundle)
    check(conditions, gate.model, {*model.metrics, *manifest.own_metrics}, manifest.task)
    champion = _champion(store, gate.model) if any(c.threshold.champion for c in conditions) else None
    before = None if afresh else _judged_before(store, model, champion, conditions)
    if before is not None:
        return before
    with acting(settings, "model.evaluate", str(model.ref), run=run_id) as act:
        with foreign_code():
            found = _measured(store, model, champion, conditions, on_step or (lambda _line: None))
        evaluation = _judged(store, conditions, found, model, champion, run_id=run_id, at=clock())
        store.ledger.append(evaluation)
        act.note(passed=evaluation.passed)
    explain.request(settings, model)
    return evaluation


def _judged_before(
    store: Store, model: ModelVersion, champion: ModelVersion | None, conditions: tuple[Condition, ...]
) -> Evaluation | None:
    asked = [(condition.text, condition.optional) for condition in conditions]
    for found in store.ledger.find("evaluation", f"{model.name}.{model.version}"):
        if not isinstance(found, Evaluation) or any(
            result.status == "not evaluated" and not result.optional for result in found.conditions
        ):
            continue
        same = found.champion == (champion.version if champion else None)
        same = same and found.rule == store.settings.gate_rule
        if same and [(c.text, c.optional) for c in found.conditions] == asked:
            return found
    return None


class _Measured(NamedTuple):
    """Hold what was measured for each condition, of what, on which rows."""

    rows: TestRows | None
    own: Subject
    measurements: list[Measurement]


def _measured(
    store: Store,
    model: ModelVersion,
    champion: ModelVersion | None,
    conditions: tuple[Condition, ...],
    on_step: Callable[[str], None],
) -> _Measured:
    from jupyter_mlops.evaluation.measure import measure
    from jupyter_mlops.evaluation.metrics.own import check_conditions
    from jupyter_mlops.workflows import subjects

    metrics = [metric for condition in conditions for metric in metrics_of(condition)]
    asked = frozenset(metric.name for metric in metrics)
    batches = tuple(m.keyword("batch") for m in metrics if m.name in names.GPU and m.keyword("batch"))
    on_step(f"{model.name}/{model.version} answers its test rows")
    bundle = store.bundles.load(model.bundle)
    of_rows = asked & {*names.KNOWN, *bundle.manifest.own_metrics}
    frame = subjects.test_frame(store, model.test) if model.test and of_rows else None
    rows, frame = subjects.rows_of(frame, model.test, bundle)
    functions = subjects.own_metrics(store, model, asked, frame)
    check_conditions(conditions, functions)
    with ExitStack() as running:
        own_figures = frozenset(condition.metric.name for condition in conditions)
        bench = subjects.Bench(store, model.test, frame, asked, own_figures, running, batches, functions)
        own = subjects.of(bench, model, bundle)
        theirs = None
        if champion is not None:
            same = champion.version == model.version
            theirs = own if same else subjects.of_champion(bench, champion)
        measurements = []
        for place, condition in enumerate(conditions, 1):
            on_step(f"{condition.text} ({place} of {len(conditions)})")
            measurements.append(measure(condition, rows, own, theirs))
    return _Measured(rows, own, measurements)


def _judged(
    store: Store,
    conditions: tuple[Condition, ...],
    found: _Measured,
    model: ModelVersion,
    champion: ModelVersion | None,
    *,
    run_id: str,
    at: str,
) -> Evaluation:
    from jupyter_mlops.evaluation.device import kernels
    from jupyter_mlops.workflows.system import SystemProbe

    rows, system = found.rows, found.own.system
    results = judge_all(conditions, found.measurements, store.settings.gate_rule)
    figures, slices, notes = _breakdown(rows, found.own)
    return Evaluation(
        model=model.name,
        version=model.version,
        passed=passed(results),
        conditions=results,
        rows=0 if rows is None else len(rows),
        device="cpu" if rows is None else kernels.device(len(rows)),
        rule=store.settings.gate_rule,
        champion=champion.version if champion else None,
        run_id=run_id,
        figures=figures,
        slices=slices,
        notes=notes,
        accelerator=system.accelerator if isinstance(system, SystemProbe) else None,
        parents=_parents(model, champion),
        created_at=at,
        author=stamp.author(),
    )


def _breakdown(
    rows: TestRows | None, own: Subject
) -> tuple[tuple[Figure, ...], tuple[Slice, ...], tuple[str, ...]]:
    if rows is None or own.predictions is None:
        return (), (), ()
    from jupyter_mlops.evaluation.groups import breakdown

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
