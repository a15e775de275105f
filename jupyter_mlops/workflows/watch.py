"""Compare today's data with what was: files, dataset versions, live traffic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from msgspec.structs import replace

from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd

    from jupyter_mlops.records.drift import DriftReport
    from jupyter_mlops.records.serving import Prediction
    from jupyter_mlops.settings import Settings

LIVE = "live:"
_HINT = "name a CSV or Parquet file, a dataset (name or name@version), or live:model"


@dataclass(frozen=True)
class _Sample:
    frame: pd.DataFrame
    name: str
    parents: tuple[str, ...] = ()


def drift(
    settings: Settings,
    reference: str,
    current: str,
    *,
    columns: Sequence[str] | None = None,
    report: Path | None = None,
    clock: Callable[[], str] = stamp.now,
) -> DriftReport:
    """Compare two samples and put the report on record.

    Args:
        settings: the project.
        reference: what was: a file, a dataset ``name[@version]``, or ``live:model``.
        current: what is, likewise.
        columns: which columns to compare; default: all, or what a model takes where one side is its live traffic.
        report: where to write the HTML page, if anywhere.
        clock: gives the time of the record.

    Raises:
        DataError: when a sample is missing, unreadable or empty, or nothing can be compared.
        NotFoundError: when there is no such dataset.
    """
    from jupyter_mlops.monitoring.drift import compare

    store = open_store(settings)
    samples = [_sample(store, text) for text in (reference, current)]
    first, second = samples
    if columns is None and any(text.startswith(LIVE) for text in (reference, current)):
        # Training data has a target and keys that no request carries; that is no drift.
        columns = [
            name for name in map(str, first.frame.columns) if name in set(map(str, second.frame.columns))
        ]
    at = clock()
    compared = compare(
        first.frame, second.frame, names=(first.name, second.name), columns=columns, rule=settings.drift
    )
    compared = replace(
        compared,
        report_id=_report_id(at),
        parents=tuple(dict.fromkeys((*first.parents, *second.parents))),
        created_at=at,
        author=stamp.author(),
    )
    if report is not None:
        write_report(compared, report)
    store.ledger.append(compared)
    return compared


def write_report(compared: DriftReport, path: Path) -> None:
    """Write a report's HTML page to ``path``; its folder is made when it isn't there.

    Raises:
        DataError: when it can't be written there.
    """
    from jupyter_mlops.monitoring.report import render
    from jupyter_mlops.store.files import write_atomic

    page = render(compared).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror}", hint="name another file") from None


def _report_id(at: str) -> str:
    digits = "".join(character for character in at if character.isdigit())[:14]
    return f"{digits[:8]}-{digits[8:]}-{uuid4().hex[:6]}"


def _sample(store: Store, text: str) -> _Sample:
    if text.startswith(LIVE):
        return _live(store, text)
    path = Path(text)
    if path.exists() or _looks_like_a_file(path):
        return _file(path)
    return _dataset(store, text)


def _looks_like_a_file(path: Path) -> bool:
    from jupyter_mlops.data.frames import TABLES

    return path.suffix.removeprefix(".").lower() in TABLES or len(path.parts) > 1


def _file(path: Path) -> _Sample:
    from jupyter_mlops.data.frames import TABLES, read_frame

    if path.is_dir():
        raise DataError(f"{path} is a folder", hint=_HINT)
    if not path.is_file():
        near = NotFoundError.of("file", path.name, _neighbours(path), hint="")
        raise DataError(f"no file {path}", hint=near.hint if near.details["near"] else _HINT, **near.details)
    form = path.suffix.removeprefix(".").lower()
    if form not in TABLES:
        raise DataError(f"{path} is not a table", hint=f"a table is one of: {', '.join(TABLES)}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty", hint="there is nothing to compare")
    return _Sample(read_frame(path, form, name=str(path)), path.name)


def _neighbours(path: Path) -> Iterable[str]:
    try:
        return [
            entry.name
            for entry in path.parent.iterdir()
            if entry.is_file() and not entry.name.startswith(".")
        ]
    except OSError:
        return []


def _dataset(store: Store, text: str) -> _Sample:
    from jupyter_mlops.data import versions

    try:
        version = versions.resolve(store, text)
    except NotFoundError as error:
        raise NotFoundError(
            f"{text!r} is neither a file nor a dataset: {error.message}",
            hint=error.hint or _HINT,
            **error.details,
        ) from None
    name = f"{version.name}@{version.version[:12]}"
    return _Sample(versions.load_frame(store, version), name, (str(version.ref),))


def _live(store: Store, text: str) -> _Sample:
    from jupyter_mlops.store.predictions import PredictionLog

    model, _, version = text.removeprefix(LIVE).partition("@")
    if version and not version.isdigit():
        raise DataError(
            f"{text}: {version!r} is not a version number", hint="write live:model or live:model@3"
        )
    path = store.settings.state / "predictions.db"
    hint = f"serve it (jupyter mlops serve {model or 'model'}) and send it requests"
    if not path.is_file():
        raise DataError(f"{text}: nothing was served in this project yet", hint=hint)
    log = PredictionLog(path)
    try:
        served = list(log.rows(model, int(version) if version else None))
    finally:
        log.close()
    if not served:
        raise DataError(f"{text}: no prediction of {model!r} is in the log", hint=hint)
    deployments = dict.fromkeys(f"deployment/{prediction.deployment}" for prediction in served)
    return _Sample(_frame(served), text, tuple(deployments))


def _frame(served: Iterable[Prediction]) -> pd.DataFrame:
    """Put the inputs of all requests under each other; a matrix becomes columns ``x0``, ``x1``, ..."""
    import pandas as pd

    return pd.concat([pd.DataFrame(_columns(prediction)) for prediction in served], ignore_index=True)


def _columns(prediction: Prediction) -> dict[str, list[Any]]:
    inputs = prediction.inputs
    if len(inputs) != 1:
        return inputs
    [values] = inputs.values()
    if not values or not isinstance(values[0], list):
        width = len(values) // prediction.rows if prediction.rows else 1
        if width <= 1:
            return inputs
        values = [values[start : start + width] for start in range(0, len(values), width)]
    return {f"x{place}": list(column) for place, column in enumerate(zip(*values, strict=True))}
