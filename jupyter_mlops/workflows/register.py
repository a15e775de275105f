"""Register a model version: check it, keep its bundle, put it on record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.model import Manifest, ModelVersion, TestData
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.registry import standing, syncing
from jupyter_mlops.store import stamp
from jupyter_mlops.store.names import check_name
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.turns import turn
from jupyter_mlops.workflows.acting import acting
from jupyter_mlops.workflows.record import figures, project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from jupyter_mlops.pipeline.session import Session
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store


@dataclass(frozen=True)
class _Prepared:
    """A model checked and pickled, with everything about it that is known before anything is written."""

    data: bytes
    model: Any
    manifest: Manifest
    table: pd.DataFrame | None
    test: dict[str, Any]
    metrics: bytes = b""


def log_model(
    model: Any,
    name: str,
    *,
    example: Any = None,
    test: tuple[Any, Any] | None = None,
    sensitive: Any = None,
    groups: Any = None,
    metrics: Mapping[str, float | Callable[..., Any]] | None = None,
) -> ModelVersion:
    """Register a model: bundle first, then version and alias ``challenger`` on record in one step.

    Everything that can be refused is refused before anything is written. After a crash on the way nothing is on
    record. MLflow learns of it afterwards, by itself.

    Raises:
        DataError: when the model can't be pickled, or example, test rows or metrics don't fit it.
        UsageError: when the name can't name a model.
        DeniedError: when a rule says no.
    """
    check_name("model", name)
    functions = {key: value for key, value in (metrics or {}).items() if callable(value)}
    given = figures({key: value for key, value in (metrics or {}).items() if key not in functions})
    settings, session = project()
    prepared = _prepare(model, name, settings, example, test, (sensitive, groups))
    if functions:
        prepared = _with_metrics(prepared, functions, settings)
    with acting(settings, "model.log", f"model/{name}") as act:
        store = open_store(settings)
        made = {"metrics": given, **_circumstances(store, session, given)}
        judged_on = _keep_test_rows(store, name, prepared)
        bundle = store.bundles.write_pickled(prepared.data, prepared.manifest, prepared.metrics)
        version = _register(store, session, prepared, bundle, judged_on, made)
        act.note(subject=str(version.ref), bundle=bundle)
    session.models.append(NamedVersion(name=name, version=version.version))
    if not session.run_id:
        # In a run the run asks for it when it is done.
        session.metrics.clear()
        session.curves.clear()
        syncing.request(settings)
    return version


def _prepare(
    model: Any, name: str, settings: Settings, example: Any, test: Any, beside: tuple[Any, Any]
) -> _Prepared:
    """Check a model and its test rows; ``beside`` these stand protected attributes, and groups of rows."""
    from jupyter_mlops.registry import contents, signatures
    from jupyter_mlops.store import networks
    from jupyter_mlops.store.bundles import pickle_model

    if test is not None and not (isinstance(test, tuple) and len(test) == 2):  # noqa: PLR2004 - a pair
        raise DataError(f"test is a {type(test).__name__}", hint="pass test=(X, y)")
    if example is None and test is not None:
        example = test[0]
    if example is None:
        raise DataError(
            "without rows to ask the model about, what it takes isn't known",
            hint="pass example=X[:5], or test=(X, y)",
        )
    for what, columns in zip(("sensitive attributes", "groups"), beside, strict=True):
        if columns is not None and test is None:
            raise DataError(f"{what} belong to test rows", hint="pass test=(X, y) too")
    model, example, test = networks.taken(model, example, test)
    rows = signatures.example_rows(example)
    data = pickle_model(model, root=settings.root)
    needed = ("pandas",) if hasattr(rows, "columns") else ()
    # What is checked is what will be served: the copy that was pickled, not the object in the notebook.
    copy, requirements = contents.unpack(data, *needed)
    signature = signatures.infer(copy, rows)
    table, parts, truth = _test_table(rows, test, beside)
    manifest = Manifest(
        name=name,
        task=signatures.task_of(copy, signature, truth),
        signature=signature,
        classes=signatures.classes_of(copy),
        requirements=requirements,
    )
    return _Prepared(data=data, model=model, manifest=manifest, table=table, test=parts)


def _with_metrics(
    prepared: _Prepared, functions: dict[str, Callable[..., Any]], settings: Settings
) -> _Prepared:
    """Add the functions that this version is measured by; they travel in its bundle.

    Raises:
        DataError: when one of them can't be a metric, or there are no rows to measure on.
    """
    from jupyter_mlops.evaluation.metrics import own as own_metrics
    from jupyter_mlops.store.bundles import pickle_model

    for name, function in functions.items():
        own_metrics.check(name, function)
    if prepared.table is None:
        raise DataError(
            f"metric {next(iter(functions))!r} has no rows to be measured on", hint="pass test=(X, y) too"
        )
    return replace(
        prepared,
        manifest=msgspec.structs.replace(prepared.manifest, own_metrics=tuple(functions)),
        metrics=pickle_model(functions, root=settings.root, what=f"metric {', '.join(functions)}"),
    )


def _test_table(rows: Any, test: Any, more: tuple[Any, Any]) -> tuple[Any, dict[str, Any], Any]:
    if test is None:
        return None, {}, None
    from jupyter_mlops.data.rows import as_features, as_target, attributes, beside, combine

    features = as_features(test[0], like=rows)
    target = as_target(test[1], list(features.columns))
    table, columns = combine(features, target, more[0])
    groups = attributes(more[1], "group column", "groups={'query_id': values}")
    table, grouped = beside(table, features, groups, "group column")
    parts = {
        "target": target.name,
        "features": tuple(features.columns),
        "sensitive": columns,
        "groups": grouped,
    }
    return table, parts, target


def _keep_test_rows(store: Store, name: str, prepared: _Prepared) -> TestData | None:
    if prepared.table is None:
        return None
    from jupyter_mlops.data import versions

    version = versions.add(store, f"{name}-test", prepared.table)
    return TestData(dataset=str(version.ref), **prepared.test)


def _circumstances(store: Store, session: Session, given: dict[str, float]) -> dict[str, Any]:
    """Return what stands behind a version beside its data; commit and machine are the run's, where one is under way."""
    from jupyter_mlops.pipeline import environment
    from jupyter_mlops.workflows import provenance

    curves, objects = session.curves, store.objects
    found: dict[str, Any] = {
        "environment": objects.put_bytes(canonical_json(environment.snapshot())),
        "curves": objects.put_bytes(canonical_json(curves)) if curves else "",
    }
    if not session.run_id:
        found["metrics"] = {**session.metrics, **given}
        found["commit"] = provenance.commit_of(store.settings.root, objects)
        found["hardware"] = provenance.hardware()
        found["seeds"] = provenance.seeds_by_hand()
    return found


def _register(
    store: Store,
    session: Session,
    prepared: _Prepared,
    bundle: str,
    test: TestData | None,
    made: dict[str, Any],
) -> ModelVersion:
    name = prepared.manifest.name
    datasets = tuple(f"dataset/{read.name}@{read.version}" for read in session.all_datasets())
    with turn(store.settings, standing.TURN):
        # The same bundle may have belonged to a version that was taken away just now.
        if not store.bundles.whole(bundle):
            store.bundles.write_pickled(prepared.data, prepared.manifest, prepared.metrics)
        moment = stamp.now()
        version = ModelVersion(
            name=name,
            version=standing.next_number(store, name),
            bundle=bundle,
            signature=prepared.manifest.signature,
            run_id=session.run_id,
            stage=session.stage,
            datasets=datasets,
            test=test,
            params=dict(session.params),
            hyperparameters=_hyperparameters(prepared.model),
            parents=_parents(session, datasets, test),
            created_at=moment,
            author=stamp.author(),
            **made,
        )
        over = standing.taken_over(store, name)
        challenger = standing.moved(store, version, standing.CHALLENGER, at=moment)
        store.ledger.append(version, *(one for one in over if one.alias != standing.CHALLENGER), challenger)
    return version


def _parents(session: Session, datasets: tuple[str, ...], test: TestData | None) -> tuple[str, ...]:
    run = (f"run/{session.run_id}",) if session.run_id else ()
    judged_on = (test.dataset,) if test is not None else ()
    return tuple(dict.fromkeys((*run, *datasets, *judged_on)))


def _hyperparameters(model: Any) -> dict[str, Any]:
    """Return what an estimator was set to, as far as it is plain numbers, text and truth values."""
    ask = getattr(model, "get_params", None)
    if not callable(ask):
        return {}
    try:
        found = ask()
    except (TypeError, ValueError, AttributeError):  # not scikit-learn's kind of get_params
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): value for key, value in found.items() if type(value) in (bool, int, float, str)}
