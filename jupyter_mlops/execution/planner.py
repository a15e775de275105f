"""Decide whether a stage runs, and say why; which stages a run needs, and which wait for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.pipeline import cache_key
from jupyter_mlops.pipeline.product import Component, Header, Tombstone, latest
from jupyter_mlops.pipeline.spoken import spoken
from jupyter_mlops.records.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

    from jupyter_mlops.records.pipeline import Pipeline, Stage
    from jupyter_mlops.records.run import StageExecution

RUN, CACHED, SKIP = "run", "cached", "skip"
_NO_REASONS: Mapping[str, str] = {}


def _no_module(_path: str) -> str | None:
    """Know of no module."""
    return None


def decide(  # noqa: PLR0913 - what a decision hangs on
    stage: Stage,
    parts: Mapping[str, str],
    *,
    same_key: Sequence[StageExecution],
    last: StageExecution | None,
    above: Sequence[Header],
    digest: Callable[[str], str | None],
    standing: Callable[[str, str | None], str | None],
    stored: Callable[[str], bool],
    present: Collection[str] = (),
    left_above: Mapping[str, str] = _NO_REASONS,
    module: Callable[[str], str | None] = _no_module,
    causes: Mapping[str, str] = _NO_REASONS,
    unwanted: Container[str] = (),
    force: bool = False,
) -> Decision:
    """Decide between ``run`` and ``cached``; the evidence of ``cached`` is the execution's ref.

    Args:
        stage: the stage.
        parts: its key's parts as they are now.
        same_key: earlier executions under the same key, newest first.
        last: the stage's newest execution under any key.
        above: what the stages above left, in page order.
        digest: gives a file's digest as the stage would meet it, None where there is no such file.
        standing: gives a file's digest as it is now, for one that the stage had left with the given digest.
        present: files that the code means and that no stage of its own or below made.
        left_above: the digests of files as the stages above leave them.
        module: gives the digest of a module's code.
        stored: says whether a content is in the object store.
        causes: why a stage above ran, for those that did.
        unwanted: the variables that no stage below can mention.
        force: whether to run it whatever is on record.
    """
    if force:
        return Decision(verdict=RUN, reasons=("--force",))
    if not stage.options.cache:
        return Decision(verdict=RUN, reasons=("--no-cache",))
    obstacles: tuple[str, ...] = ()
    for execution in same_key:
        found = (
            *changed_inputs(execution, above, causes),
            *(
                f"{spoken(name)} is needed now and wasn't kept"
                for name in execution.unkept
                if name not in unwanted
            ),
            *_changed_files(execution, digest, standing),
            *_new_files(execution, present),
            *_met_otherwise(execution, left_above),
            *_changed_modules(execution, module),
        )
        if not found and not (stored(execution.product) and stored(execution.executed)):
            found = ("its stored outputs are gone or damaged",)
        if not found:
            return Decision(
                verdict=CACHED, reasons=("nothing changed",), evidence={"execution": str(execution.ref)}
            )
        obstacles = obstacles or found
    if obstacles:
        return Decision(verdict=RUN, reasons=obstacles)
    if last is None:
        return Decision(verdict=RUN, reasons=("never run",))
    told = cache_key.explain(last.parts, parts)
    if last.parts.get(cache_key.HANDOFF) == parts.get(cache_key.HANDOFF):
        told = (*told, *changed_inputs(last, above, causes))
    return Decision(verdict=RUN, reasons=told or ("its earlier run is not on record",))


def header_of(execution: StageExecution) -> Header:
    """Return which variables an execution left, as far as a stage below asks which version is the latest."""
    names = sorted(execution.outputs)
    gone = Tombstone(why="can't be passed on", mend="", cell=0, line=0)
    return Header(
        pipeline=execution.pipeline,
        stage=execution.stage,
        components=tuple(Component(names=(name,), digest=execution.outputs[name]) for name in names),
        variables={name: place for place, name in enumerate(names)},
        deleted=execution.deleted,
        tombstones=dict.fromkeys(execution.lost, gone),
    )


def changed_inputs(
    execution: StageExecution, above: Sequence[Header], causes: Mapping[str, str] = _NO_REASONS
) -> tuple[str, ...]:
    """Say in words what an execution would find otherwise now; empty where it would find all as it was."""
    found = []
    for name, pull in sorted(execution.pulls.items()):
        now = latest(name, above)
        if now is None:
            found.append(f"input {spoken(name)} from {pull.stage} is gone")
        elif isinstance(now, Tombstone):
            found.append(f"input {spoken(name)} can't be passed on any more")
        elif now.digest != pull.digest:
            cause = f" ({now.stage} ran: {causes[now.stage]})" if now.stage in causes else ""
            moved = "" if now.stage == pull.stage else f", it was {pull.stage}'s before"
            found.append(f"input {spoken(name)} from {now.stage} changed{moved}{cause}")
    for name in execution.absent:
        now = latest(name, above)
        if now is not None:
            maker = now.stage if not isinstance(now, Tombstone) else "a stage above"
            found.append(f"{spoken(name)}, which no stage above had, comes from {maker} now")
    return tuple(found)


def page_order(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the stages in page order; where a stage takes from one that begins below it, that one comes first."""
    order: list[str] = []
    waiting = {stage.name: set(stage.upstream) for stage in pipeline.stages}
    while waiting:
        ready = next((name for name, upstream in waiting.items() if upstream <= set(order)), None)
        if ready is None:
            return (*order, *waiting)
        order.append(ready)
        del waiting[ready]
    return tuple(order)


def selection(
    pipeline: Pipeline, names: Sequence[str], edges: Mapping[str, Iterable[str]]
) -> tuple[str, ...]:
    """Return the stages that a run of ``names`` needs, in page order: they, and all that they wait for."""
    order = page_order(pipeline)
    if not names:
        return order
    needed = set(names)
    pending = list(names)
    while pending:
        for name in edges.get(pending.pop(), ()):
            if name not in needed:
                needed.add(name)
                pending.append(name)
    return tuple(name for name in order if name in needed)


def joined(order: Sequence[str], *graphs: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return one graph out of several; an edge from a stage to one above it, which no schedule can keep, is left out."""
    place = {name: number for number, name in enumerate(order)}
    found: dict[str, tuple[str, ...]] = {}
    for name in order:
        upstream = {other for graph in graphs for other in graph.get(name, ()) if other in place}
        found[name] = tuple(
            sorted((other for other in upstream if place[other] < place[name]), key=place.__getitem__)
        )
    return found


def recorded_edges(last: Mapping[str, StageExecution]) -> dict[str, tuple[str, ...]]:
    """Return from which stages each stage took something when it last ran."""
    return {
        name: tuple(dict.fromkeys(pull.stage for pull in execution.pulls.values()))
        for name, execution in last.items()
    }


def _changed_files(
    execution: StageExecution,
    digest: Callable[[str], str | None],
    standing: Callable[[str, str | None], str | None],
) -> tuple[str, ...]:
    """Say in words which files stand against using an earlier execution's outputs."""
    found = []
    for path, before in execution.reads.items():
        now = digest(path)
        if now is None and "://" in path:
            found.append(f"what {path} holds now is not known before it is asked")
        elif now != before:
            what = f"what is expected of {path.partition('://')[2]}" if "://" in path else f"file {path}"
            found.append(f"{what} {'is gone' if now is None else 'changed'}")
    for path in execution.writes:
        left = execution.left.get(path)
        now = standing(path, left)
        if now is None:
            found.append(f"file {path}, which it writes, is gone")
        elif left is not None and now != left:
            found.append(f"file {path}, which it writes, is not as it left it")
    return tuple(found)


def _new_files(execution: StageExecution, present: Collection[str]) -> tuple[str, ...]:
    """Say in words which files are there that an earlier execution looked for in vain, if it did."""
    known = {*execution.reads, *execution.writes, *execution.found}
    return tuple(f"file {path} is new" for path in present if path not in known)


def _met_otherwise(execution: StageExecution, left_above: Mapping[str, str]) -> tuple[str, ...]:
    """Say in words which of the files that it writes it would find otherwise now, before it does."""
    return tuple(
        f"file {path}, which it writes, is written above it now"
        for path in execution.left
        if path in left_above and execution.found.get(path) != left_above[path]
    )


def _changed_modules(execution: StageExecution, module: Callable[[str], str | None]) -> tuple[str, ...]:
    """Say in words which modules differ that came with what a stage took."""
    now = {path: module(path) for path in execution.modules}
    return tuple(
        f"module {path} {'is gone' if now[path] is None else 'changed'}"
        for path, before in execution.modules.items()
        if now[path] != before
    )
