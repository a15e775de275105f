"""The versions under test: load them, lay their test rows before them, and say how to measure them as systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.evaluation.metrics import names

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    import pandas as pd

    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.metrics.own import OwnMetrics
    from jupyter_mlops.evaluation.rows import TestRows
    from jupyter_mlops.records.model import ModelVersion, TestData
    from jupyter_mlops.store.bundles import Bundle
    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.as_served import Served
    from jupyter_mlops.workflows.on_gpu import OnGpu


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
        groups={name: frame[column].to_numpy() for name, column in test.groups.items()},
    )
    return rows, frame


def own_metrics(
    store: Store, model: ModelVersion, asked: frozenset[str], frame: pd.DataFrame | None
) -> OwnMetrics:
    """Return the functions that a version is measured by, where one is asked for, and the rows for those that want them."""
    from jupyter_mlops.evaluation.metrics.own import OwnMetrics

    manifest = store.bundles.manifest(model.bundle)
    if not asked & set(manifest.own_metrics):
        return OwnMetrics()
    features: Any = None if frame is None or model.test is None else frame[list(model.test.features)]
    if features is not None and manifest.signature.layout == "array":
        features = _rows_of_shape(features, manifest.signature.inputs[0].shape[1:])
    return OwnMetrics(store.bundles.metrics(model.bundle), features)


@dataclass(frozen=True)
class Bench:
    """Hold what the versions under test have in common.

    Args:
        store: the project's.
        test: what their rows are, as logged with the version that is judged.
        frame: these rows; None where there are none.
        asked: the figures that conditions name.
        served: those figures of the version itself for which it has to be served.
        running: ends what was started to measure them.
        batches: rows a batch that conditions on a GPU ask for.
        own: the functions that the judged version brought along, which its champion is measured by too.
    """

    store: Store
    test: TestData | None
    frame: pd.DataFrame | None
    asked: frozenset[str]
    served: frozenset[str]
    running: ExitStack
    batches: tuple[int, ...]
    own: OwnMetrics


def of(bench: Bench, model: ModelVersion, bundle: Bundle) -> Subject:
    """Ask a version for the test rows, once, and only for what the conditions need."""
    from jupyter_mlops.evaluation.measure import Subject
    from jupyter_mlops.evaluation.metrics.own import wants_scores
    from jupyter_mlops.evaluation.robustness import harmed
    from jupyter_mlops.evaluation.rows import NotMeasurableError, predict
    from jupyter_mlops.workflows.system import SystemProbe

    folder = bench.store.bundles.path(model.bundle)
    if bench.frame is None or bench.test is None:
        return Subject(logged=model.metrics, system=SystemProbe(folder, bundle))
    try:
        features = features_of(bench.frame, bundle, bench.test)
        served = _served(bench, model, features)
        gpu = _on_gpu(bench, folder, bundle, features)
        ask = partial(
            predict,
            classification=bundle.manifest.task != "regression",
            with_scores=bool(bench.asked & names.OF_SCORES) or wants_scores(bench.own, bench.asked),
            with_spread=bool(bench.asked & names.FORECASTS),
        )
        answers = ask(bundle.model if gpu is None else gpu.answering(bundle.model), features)
    except NotMeasurableError as error:
        problem = str(error)
        return Subject(
            problem=problem, logged=model.metrics, system=SystemProbe(folder, bundle, None, problem)
        )
    return Subject(
        predictions=answers,
        logged=model.metrics,
        system=SystemProbe(folder, bundle, served, gpu=gpu),
        again=cache(lambda harm, place: ask(bundle.model, harmed(features, harm, place))),
        own=bench.own,
    )


def of_champion(bench: Bench, champion: ModelVersion) -> Subject:
    """Ask the champion for the same rows; where it can't be loaded, the reason stands in for its answers."""
    from jupyter_mlops.evaluation.measure import Subject

    try:
        bundle = bench.store.bundles.load(champion.bundle)
    except MlopsError as error:
        return Subject(problem=str(error), logged=champion.metrics)
    return of(replace(bench, served=frozenset()), champion, bundle)


def _served(bench: Bench, model: ModelVersion, features: Any) -> Served | None:
    """Return the version's serving process where a figure of it is asked for, under way already where it surely is."""
    if not bench.asked & names.SERVED:
        return None
    from jupyter_mlops.workflows.as_served import Served

    served = Served(bench.store, model, features)
    bench.running.callback(served.close)
    if bench.served & names.SERVED:
        served.start()
    return served


def _on_gpu(bench: Bench, folder: Path, bundle: Bundle, features: Any) -> OnGpu | None:
    """Run a PyTorch model on a GPU where there is one; None where neither it nor a figure needs one."""
    from jupyter_mlops.store.networks import Network

    measured = bool(bench.asked & names.GPU)
    if not (measured or isinstance(bundle.model, Network)):
        return None
    from jupyter_mlops.workflows import on_gpu

    sizes = bench.batches if measured else None
    return on_gpu.attempt(bundle.model, folder, bench.store.keys.folder, features, sizes)


def features_of(frame: pd.DataFrame, bundle: Bundle, test: TestData) -> Any:
    """Cut the test rows to what a bundle's signature asks for.

    Raises:
        NotMeasurableError: when the rows lack a column of it.
    """
    from jupyter_mlops.evaluation.rows import NotMeasurableError

    signature = bundle.manifest.signature
    if signature.layout == "array":
        shape = signature.inputs[0].shape[1:]
        if -1 not in shape and prod(shape) != len(test.features):
            raise NotMeasurableError(
                f"it takes {prod(shape)} columns, the test rows have {len(test.features)}"
            )
        return _rows_of_shape(frame[list(test.features)], shape)
    wanted = [tensor.name for tensor in signature.inputs]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise NotMeasurableError(f"the test rows lack its columns {', '.join(missing)}")
    return frame[wanted]


def _rows_of_shape(frame: pd.DataFrame, shape: tuple[int, ...]) -> Any:
    """Return rows as an array, those of more dimensions than one as they were before they were laid out flat."""
    return frame.to_numpy().reshape(len(frame), *(shape if len(shape) > 1 else (-1,)))
