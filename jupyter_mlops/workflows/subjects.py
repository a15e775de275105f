"""The versions under test: load them, lay their test rows before them, and say how to measure them as systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.evaluation import names

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.rows import TestRows
    from jupyter_mlops.records.model import ModelVersion, TestData
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.store.opened import Store


def test_frame(store: Store, test: TestData) -> pd.DataFrame:
    """Return the table that a version's test rows are kept in."""
    from jupyter_mlops.data import versions

    return versions.load_frame(store, versions.resolve(store, test.dataset))


def rows_of(
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


def of(
    store: Store,
    model: ModelVersion,
    bundle: Bundle,
    frame: pd.DataFrame | None,
    test: TestData | None,
    asked: set[str],
) -> Subject:
    """Ask a version for the test rows, once, and only for what the conditions need."""
    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.rows import NotMeasurableError, predict
    from jupyter_mlops.workflows.system import SystemProbe

    if frame is None or test is None:
        return Subject(logged=model.metrics, system=SystemProbe(store, model, bundle))
    try:
        features = features_of(frame, bundle, test)
        answers = predict(
            bundle.model,
            features,
            classification=bundle.manifest.task != "regression",
            with_scores=bool(asked & names.SCORES),
        )
    except NotMeasurableError as error:
        problem = str(error)
        return Subject(
            problem=problem, logged=model.metrics, system=SystemProbe(store, model, bundle, problem)
        )
    return Subject(
        predictions=answers, logged=model.metrics, system=SystemProbe(store, model, bundle, features=features)
    )


def of_champion(
    store: Store, champion: ModelVersion, frame: pd.DataFrame | None, test: TestData | None, asked: set[str]
) -> Subject:
    """Ask the champion for the same rows; where it can't be loaded, the reason stands in for its answers."""
    from jupyter_mlops.evaluation.measure import Subject

    try:
        bundle = store.bundles.load(champion.bundle)
    except MlopsError as error:
        return Subject(problem=str(error), logged=champion.metrics)
    return of(store, champion, bundle, frame, test, asked)


def features_of(frame: pd.DataFrame, bundle: Bundle, test: TestData) -> Any:
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
