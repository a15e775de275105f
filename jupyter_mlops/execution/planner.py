"""Decide whether a stage runs, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.pipeline import cache_key
from jupyter_mlops.records.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_mlops.records.pipeline import Pipeline, Stage
    from jupyter_mlops.records.run import StageExecution

RUN, CACHED, SKIP = "run", "cached", "skip"


def decide(
    stage: Stage,
    parts: Mapping[str, str],
    *,
    same_key: Sequence[StageExecution],
    last: StageExecution | None,
    digest: Callable[[str], str | None],
    stored: Callable[[str], bool],
    force: bool = False,
) -> Decision:
    """Decide between ``run`` and ``cached``; the evidence of ``cached`` is the execution's ref.

    Args:
        stage: the stage.
        parts: its key's parts as they are now.
        same_key: earlier executions under the same key, newest first.
        last: the stage's newest execution under any key.
        digest: gives a file's digest as it is now, None where there is no such file.
        stored: says whether a content is in the object store.
        force: whether to run it whatever is on record.
    """
    if force:
        return Decision(verdict=RUN, reasons=("--force",))
    if not stage.options.cache:
        return Decision(verdict=RUN, reasons=("--no-cache",))
    obstacles: tuple[str, ...] = ()
    for execution in same_key:
        found = _obstacles(execution, digest, stored)
        if not found:
            return Decision(
                verdict=CACHED, reasons=("nothing changed",), evidence={"execution": str(execution.ref)}
            )
        obstacles = obstacles or found
    if obstacles:
        return Decision(verdict=RUN, reasons=obstacles)
    if last is None:
        return Decision(verdict=RUN, reasons=("never run",))
    return Decision(
        verdict=RUN, reasons=cache_key.explain(last.parts, parts) or ("its earlier run is not on record",)
    )


def selection(pipeline: Pipeline, names: Sequence[str]) -> tuple[str, ...]:
    """Return the stages that a run of ``names`` needs, in page order: they, and all above them."""
    if not names:
        return tuple(stage.name for stage in pipeline.stages)
    needed = set(names)
    for name in names:
        needed.update(cache_key.ancestors(pipeline, pipeline.stage(name)))
    return tuple(stage.name for stage in pipeline.stages if stage.name in needed)


def _obstacles(
    execution: StageExecution, digest: Callable[[str], str | None], stored: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return what stands against using an earlier execution's outputs."""
    found = []
    for path, before in execution.reads.items():
        now = digest(path)
        if now != before:
            found.append(f"file {path} {'is gone' if now is None else 'changed'}")
    found += [f"file {path}, which it writes, is gone" for path in execution.writes if digest(path) is None]
    if not stored(execution.product) or not stored(execution.executed):
        found.append("its stored outputs are gone or damaged")
    return tuple(found)
