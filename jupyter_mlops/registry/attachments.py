"""What goes along with a run into MLflow: its curves, and files that say what it ran on."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.records.run import Run, StageExecution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_mlops.registry.tracking import Point
    from jupyter_mlops.store.opened import Store

# A figure's steps, as they were logged: step, value, time in milliseconds.
Curves = dict[str, list[tuple[int, float, int]]]


def milliseconds(moment: str) -> int:
    """Return a record's time as MLflow has it; 0 for none."""
    with suppress(ValueError):
        return int(datetime.fromisoformat(moment).timestamp() * 1000)
    return 0


def curves(store: Store, digest: str) -> Curves:
    """Return the figures logged step by step that are kept under a digest; none for an empty one.

    Raises:
        MlopsError: when they aren't in the object store any more, or not what they were.
    """
    return msgspec.json.decode(store.objects.path(digest).read_bytes(), type=Curves) if digest else {}


def points(store: Store, metrics: Mapping[str, float], digests: Iterable[str], at: int) -> list[Point]:
    """Return figures as MLflow takes them: curves point by point, those without one at the time ``at``.

    Args:
        store: the project's.
        metrics: each figure's last value.
        digests: where curves are kept; those that are gone are left out.
        at: milliseconds.
    """
    found: Curves = {}
    for digest in digests:
        with suppress(MlopsError):
            found |= curves(store, digest)
    plain = [(name, 0, value, at) for name, value in metrics.items() if name not in found]
    return [*plain, *((name, *point) for name, each in found.items() for point in each)]


def executions(store: Store, run: Run) -> list[StageExecution]:
    """Return the executions that a run did itself; what it took over stands with the run that made it."""
    found = [store.ledger.get(ref) for ref in run.parents if ref.startswith("stage/")]
    return [one for one in found if isinstance(one, StageExecution) and one.run_id == run.run_id]


def write(store: Store, run: Run, done: Sequence[StageExecution], folder: Path) -> None:
    """Write a run's files to ``folder``: the notebook, its executed stages, the difference from the commit, packages."""
    files = {PurePath(run.notebook).name: run.notebook_digest, "environment.json": run.environment}
    if run.commit is not None:
        files["uncommitted.diff"] = run.commit.diff
    files |= {f"executed/{execution.stage}.ipynb": execution.executed for execution in done}
    for name, digest in files.items():
        with suppress(MlopsError):
            if digest:
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(store.objects.path(digest).read_bytes())
