"""What the code of a notebook records: datasets and figures; from a stage of a run or by hand."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError
from jupyter_mlops.pipeline.session import Session, current
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Outside a run a kernel records too: what it has read so far stands behind the model it logs next.
_by_hand: dict[Path, Session] = {}


def dataset(
    name: str, source: Any = None, *, query: str = "", derived_from: Sequence[str] | None = None
) -> Path:
    """Record ``source`` as a version of dataset ``name`` and return the path of exactly that content.

    Without a source it is the version on record that ``name`` or ``name@version`` means. A frame was made from the
    datasets that this stage has met so far, unless ``derived_from`` says otherwise.

    Raises:
        DataError: when the source is missing or can't be read.
        BlockedError: when it isn't as expected.
        NotFoundError: when there is no such version on record.
        UsageError: when the name can't name a dataset, or a version is named for a source.
    """
    from jupyter_mlops.data import sources, versions
    from jupyter_mlops.workflows import data, expectations, recorded

    if source is None:
        name, _, asked = name.partition("@")
        source = recorded.version_of(name, asked)
        if source is None:
            return _on_record(name, asked)
    settings, session = project()
    source, query = recorded.instead_of(name, source, query)
    store = open_store(settings)
    if derived_from is None:
        met = [] if isinstance(source, str | os.PathLike) else session.all_datasets()
        parents = [f"dataset/{each.name}@{each.version}" for each in met]
    else:
        parents = [str(versions.resolve(store, text).ref) for text in derived_from]
    listed = _listed(session, source)
    version = data.add(settings, name, source, query=query, parents=parents)
    path = versions.checkout(store, version, file_name=sources.own_name(source, query))
    session.datasets.append(NamedVersion(name=name, version=version.version))
    session.reads |= {**versions.reads_of(store, version, source), **listed}
    expectations.hold(settings, session, version)
    return path


def _on_record(name: str, asked: str) -> Path:
    """Return the path of a version's content; the newest, which may be another one next time, makes the stage run again."""
    from jupyter_mlops.data import versions
    from jupyter_mlops.workflows import data, expectations

    settings, session = project()
    store = open_store(settings)
    version = data.show(settings, f"{name}@{asked}" if asked else name)
    path = versions.checkout(store, version)
    session.datasets.append(NamedVersion(name=name, version=version.version))
    if not asked:
        session.reads[f"dataset://{name}"] = version.version
    expectations.hold(settings, session, version)
    return path


def _listed(session: Session, source: Any) -> dict[str, str]:
    """Return the digest of what a folder lists, so that a file more in it counts as a change; of others nothing."""
    if not isinstance(source, str | os.PathLike) or not Path(source).is_dir():
        return {}
    from jupyter_mlops.execution.reads import FileDigests

    # Where there are too many files for it, none is on record, which no folder has: the stage runs each time.
    return {os.fspath(source): FileDigests(Path(session.root)).digest(os.fspath(source)) or ""}


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Keep figures with the run that is under way; a later one of the same name replaces the earlier.

    With a ``step`` the earlier ones stay too, as a curve. Outside a run they go with the model that is logged next.

    Raises:
        DataError: when a figure is not a number, or the step not a whole one.
    """
    _, session = project()
    found = figures(metrics)
    if step is not None:
        if isinstance(step, bool) or not hasattr(step, "__index__"):
            raise DataError(f"step is {step!r}", hint="a step is a whole number, such as the epoch")
        at = time.time_ns() // 1_000_000
        for name, value in found.items():
            session.curves.setdefault(name, []).append((int(step), value, at))
    session.metrics.update(found)


def project() -> tuple[Settings, Session]:
    """Return the project that the code records for, and the session that collects what it records."""
    session = current()
    if session is not None:
        return load(Path(session.root)), session
    settings = load()
    if settings.root not in _by_hand:
        _by_hand[settings.root] = Session(run_id="", pipeline="", stage="", root=str(settings.root))
    return settings, _by_hand[settings.root]


def figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return figures as plain numbers.

    Raises:
        DataError: when one is not a finite number.
    """
    found = {}
    for name, value in metrics.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            raise DataError(f"metric {name!r} is {value!r}", hint="a metric is a number") from None
        if not math.isfinite(found[str(name)]):
            raise DataError(f"metric {name!r} is {value}", hint="a metric is a finite number")
    return found
