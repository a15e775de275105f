"""What the code of a notebook records: datasets, models, figures; from a stage of a run or by hand."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError
from jupyter_mlops.pipeline.session import Session, current
from jupyter_mlops.records.model import Manifest, ModelVersion, TestData
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.store import stamp
from jupyter_mlops.store.names import check_name
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from jupyter_mlops.store.opened import Store

# Outside a run a kernel records too: what it has read so far stands behind the model it logs next.
_by_hand: dict[Path, Session] = {}


@dataclass(frozen=True)
class _Prepared:
    """A model checked and pickled, with everything about it that is known before anything is written."""

    data: bytes
    model: Any
    manifest: Manifest
    table: pd.DataFrame | None
    test: dict[str, Any]


def dataset(name: str, source: Any) -> Path:
    """Record ``source`` as a version of dataset ``name`` and return the path of exactly that content.

    Raises:
        DataError: when the file is missing or can't be read.
        UsageError: when the name can't name a dataset.
    """
    from jupyter_mlops.data import versions

    settings, session = _project()
    store = open_store(settings)
    version = versions.add(store, name, source)
    is_file = isinstance(source, str | os.PathLike)
    path = versions.checkout(store, version, file_name=Path(source).name if is_file else None)
    session.datasets.append(NamedVersion(name=name, version=version.version))
    if is_file:
        session.reads[os.fspath(source)] = version.version
    return path


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Keep figures with the run that is under way; a later one of the same name replaces the earlier.

    Raises:
        DataError: when a figure is not a number.
    """
    _, session = _project()
    session.metrics.update(_figures(metrics))


def log_model(
    model: Any,
    name: str,
    *,
    example: Any = None,
    test: tuple[Any, Any] | None = None,
    sensitive: Any = None,
    metrics: Mapping[str, float] | None = None,
) -> ModelVersion:
    """Register a model: bundle, MLflow version, record, alias ``challenger``, in this order.

    Everything that can be refused is refused before anything is written. After a crash on the way the version has
    no record, so nothing uses it.

    Raises:
        DataError: when the model can't be pickled, or example, test rows or metrics don't fit it.
        UsageError: when the name can't name a model.
    """
    check_name("model", name)
    figures = _figures(metrics or {})
    settings, session = _project()
    prepared = _prepare(model, name, settings, example, test, sensitive)
    store = open_store(settings)
    judged_on = _keep_test_rows(store, name, prepared)
    bundle = store.bundles.write_pickled(prepared.data, prepared.manifest)
    return _register(store, session, prepared, bundle, judged_on, figures)


def _project() -> tuple[Settings, Session]:
    session = current()
    if session is not None:
        return load(Path(session.root)), session
    settings = load()
    if settings.root not in _by_hand:
        _by_hand[settings.root] = Session(run_id="", pipeline="", stage="", root=str(settings.root))
    return settings, _by_hand[settings.root]


def _prepare(model: Any, name: str, settings: Settings, example: Any, test: Any, sensitive: Any) -> _Prepared:
    from jupyter_mlops.registry import contents, signatures
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
    if sensitive is not None and test is None:
        raise DataError("sensitive attributes belong to test rows", hint="pass test=(X, y) too")
    rows = signatures.example_rows(example)
    data = pickle_model(model, root=settings.root)
    needed = ("pandas",) if hasattr(rows, "columns") else ()
    # What is checked is what will be served: the copy that was pickled, not the object in the notebook.
    copy, requirements = contents.unpack(data, *needed)
    signature = signatures.infer(copy, rows)
    table, parts, truth = _test_table(rows, test, sensitive)
    manifest = Manifest(
        name=name,
        task=signatures.task_of(copy, signature, truth),
        signature=signature,
        classes=signatures.classes_of(copy),
        requirements=requirements,
    )
    return _Prepared(data=data, model=model, manifest=manifest, table=table, test=parts)


def _test_table(rows: Any, test: Any, sensitive: Any) -> tuple[Any, dict[str, Any], Any]:
    if test is None:
        return None, {}, None
    from jupyter_mlops.data.rows import as_features, as_target, combine

    features = as_features(test[0], like=rows)
    target = as_target(test[1], list(features.columns))
    table, columns = combine(features, target, sensitive)
    parts = {"target": target.name, "features": tuple(features.columns), "sensitive": columns}
    return table, parts, target


def _keep_test_rows(store: Store, name: str, prepared: _Prepared) -> TestData | None:
    if prepared.table is None:
        return None
    from jupyter_mlops.data import versions

    version = versions.add(store, f"{name}-test", prepared.table)
    return TestData(dataset=str(version.ref), **prepared.test)


def _register(
    store: Store,
    session: Session,
    prepared: _Prepared,
    bundle: str,
    test: TestData | None,
    metrics: dict[str, float],
) -> ModelVersion:
    from jupyter_mlops.registry.models import CHALLENGER, Registry

    name, signature = prepared.manifest.name, prepared.manifest.signature
    datasets = tuple(f"dataset/{read.name}@{read.version}" for read in session.all_datasets())
    hyperparameters = _hyperparameters(prepared.model)
    registry = Registry(store.settings)
    number, mlflow_run = registry.register(
        name,
        prepared.model,
        signature,
        metrics=metrics,
        params={**hyperparameters, **session.params},
        tags=_tags(session, bundle, datasets),
        requirements=prepared.manifest.requirements,
    )
    version = ModelVersion(
        name=name,
        version=number,
        bundle=bundle,
        signature=signature,
        mlflow_run=mlflow_run,
        run_id=session.run_id,
        stage=session.stage,
        datasets=datasets,
        test=test,
        metrics=metrics,
        params=dict(session.params),
        hyperparameters=hyperparameters,
        parents=_parents(session, datasets, test),
        created_at=stamp.now(),
        author=stamp.author(),
    )
    store.ledger.append(version)
    registry.set_alias(name, CHALLENGER, number)
    session.models.append(NamedVersion(name=name, version=number))
    return version


def _parents(session: Session, datasets: tuple[str, ...], test: TestData | None) -> tuple[str, ...]:
    run = (f"run/{session.run_id}",) if session.run_id else ()
    judged_on = (test.dataset,) if test is not None else ()
    return tuple(dict.fromkeys((*run, *datasets, *judged_on)))


def _tags(session: Session, bundle: str, datasets: tuple[str, ...]) -> dict[str, str]:
    tags = {
        "bundle": bundle,
        "run": session.run_id,
        "stage": session.stage,
        "datasets": " ".join(datasets),
    }
    return {f"jupyter_mlops.{key}": value for key, value in tags.items() if value}


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    figures = {}
    for name, value in metrics.items():
        try:
            figures[str(name)] = float(value)
        except (TypeError, ValueError):
            raise DataError(f"metric {name!r} is {value!r}", hint="a metric is a number") from None
        if not math.isfinite(figures[str(name)]):
            raise DataError(f"metric {name!r} is {value}", hint="a metric is a finite number")
    return figures


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
