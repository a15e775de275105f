"""What a compiled stage's own cells call: take what it reads from the stages above, leave the rest for those below.

What travels is decided while the stage runs. Its first cell gives it a namespace that asks the stages above for what
isn't there; its last cell stores what was bound, rebound or changed.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline import leaving, opened, session, storage, watching
from jupyter_mlops.pipeline.above import Above, is_pseudo, refuse
from jupyter_mlops.pipeline.layout import MARKER, RESERVED
from jupyter_mlops.pipeline.leaving import Baseline, Leaving, Left
from jupyter_mlops.pipeline.local_code import loaded_beside
from jupyter_mlops.pipeline.namespace import Namespace, move_into, running_shell
from jupyter_mlops.pipeline.product import NOT_KEPT, Header, Tombstone
from jupyter_mlops.pipeline.serialization import restoring
from jupyter_mlops.pipeline.serialization.pickling import Scope
from jupyter_mlops.pipeline.state import setup as setup_state
from jupyter_mlops.pipeline.state.facet import Start, start_of
from jupyter_mlops.pipeline.state.process import ProcessState
from jupyter_mlops.pipeline.storage import Product, read_header
from jupyter_mlops.pipeline.values import read_values
from jupyter_mlops.settings import ROOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bind", "define", "enter", "keep", "load", "publish", "read_header", "read_values"]

_NONE: Mapping[str, Any] = MappingProxyType({})
_UNKEPT = Tombstone(why=NOT_KEPT, mend="name it in the stage that needs it", cell=0, line=1)


@dataclass
class _Stage:
    """What is known of the stage that this process runs, between its first cell and its last."""

    name: str
    pipeline: str
    folder: Path
    params: tuple[str, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict)
    upstream: dict[str, Path] = field(default_factory=dict)
    product: Path = Path()
    scope: Scope = field(default_factory=lambda: Scope({}))
    before: Baseline = field(default_factory=Baseline)
    above: Above = field(default_factory=lambda: Above("", {}))
    start: Start = field(default_factory=Start)
    state: ProcessState | None = None


_stage: _Stage | None = None


def enter(stage: str, *, pipeline: str, workdir: str, params: Sequence[str] = ()) -> None:
    """Open a stage: note the compiled folder, go to the notebook's own, and give IPython our namespace.

    Args:
        stage: the stage's name.
        pipeline: the pipeline's name.
        workdir: the notebook's folder, relative to the compiled folder.
        params: names of the pipeline's parameters, to be recorded with their values.

    Raises:
        HandoffError: when this isn't the compiled folder, or the notebook's folder is gone.
    """
    global _stage  # noqa: PLW0603 - one process runs one stage
    folder = Path.cwd()
    if not (folder / MARKER).is_file():
        refuse(
            f"stage {stage} runs in {folder}, which is not the compiled folder (it has no {MARKER})",
            "run papermill inside the compiled folder, or give it --cwd with that folder",
        )
    target = (folder / workdir).resolve()
    if not target.is_dir():
        refuse(
            f"stage {stage} needs the notebook's folder {target}, which is not there",
            "compile the notebook again from where it lies now",
        )
    _stage = _Stage(name=stage, pipeline=pipeline, folder=folder, params=tuple(params))
    session.start(pipeline, stage, str(target), str(folder))
    os.chdir(target)
    opened.start()
    _stage.start = start_of(str(target))
    shell = running_shell()
    if shell is not None:
        move_into(shell)


def keep(namespace: dict[str, Any]) -> None:
    """Put the notebook's own variables ``upstream`` and ``product`` aside, before the parameters take their names."""
    _running().kept = {name: namespace[name] for name in RESERVED if name in namespace}


def bind(namespace: dict[str, Any]) -> None:
    """Take ``upstream`` and ``product``, which ploomber or papermill may have set, out of the namespace."""
    stage = _running()
    given = {name: namespace.pop(name) for name in RESERVED}
    namespace.update(stage.kept)
    stage.upstream = {
        name: stage.folder / product["data"] for name, product in (given["upstream"] or {}).items()
    }
    stage.product = stage.folder / given["product"]["data"]
    recording = session.current()
    if recording is not None:
        recording.params = {name: namespace[name] for name in stage.params if name in namespace}


def load(
    namespace: dict[str, Any],
    order: Sequence[str] = (),
    since: Mapping[str, int] = _NONE,
    shadowed: Sequence[str] = (),
    words: Sequence[str] = (),
    varying: Sequence[str] = (),
) -> None:
    """Let the stage read what the stages above left.

    Args:
        namespace: the stage's globals, after the setup cells.
        order: the stages above, in page order; those whose product isn't given are left out.
        since: for names that a setup cell binds below some of those stages, how many these are.
        shadowed: builtins that some stage binds as variables.
        words: names in the notebook's code which say that it may change the state of the process.
        varying: names that setup cells bind to another value each time they run; the first stage's is for all.

    Raises:
        HandoffError: when a product is missing or can't be read.
    """
    stage = _running()
    names = [name for name in order if name in stage.upstream]
    names += [name for name in stage.upstream if name not in names]
    products = [_product(name, stage.upstream[name]) for name in names]
    _tell_datasets(products)
    setup = leaving.own_variables(namespace)
    stage.scope = Scope(namespace, setup_state.shared_definitions(setup), f"{stage.pipeline}.{stage.name}")
    counted = {name: sum(each in names for each in order[:count]) for name, count in since.items()}
    stage.above = Above(
        stage.name, namespace, products, setup=setup, since=counted, shadowed=frozenset(shadowed)
    )
    stage.above.fingerprint = lambda value: leaving.own_digest(value, stage.scope)
    stage.before = leaving.baseline(namespace, stage.scope, _definition)
    _make_room(namespace, stage, varying)
    stage.state = ProcessState(stage.above, stage.scope, stage.start, frozenset(words))
    stage.state.begin()
    for name in stage.above.names():
        if name.startswith("<setup "):
            setup_state.put(stage.above.take(name), _definition)
    if isinstance(namespace, Namespace):
        namespace.source = stage.above
        namespace.borrows = True
        watching.watch(namespace, stage.above)
    else:
        stage.above.take_all(name for name in stage.above.names() if not is_pseudo(name))


def publish(
    namespace: dict[str, Any],
    places: Mapping[str, tuple[int, int]] = _NONE,
    unwanted: Sequence[str] = (),
    *,
    last: bool = False,
) -> None:
    """Write what the stage bound, rebound or changed to its product, in one step.

    Args:
        namespace: the stage's globals.
        places: the notebook's cell and line of the stage's bindings, for messages.
        unwanted: names that no later stage can mention.
        last: there is no later stage.

    Raises:
        HandoffError: when the stage went on though it read what can't be passed on.
    """
    stage = _running()
    above = stage.above
    above.closed = True
    if isinstance(namespace, Namespace):
        watching.stop()
        namespace.borrows = False
        namespace.give_back()
    if above.refusals:
        # The stage's own code may have caught it, and gone on without what it wanted.
        raise above.refusals[0]
    changed = stage.state.end() if stage.state is not None else {}
    held = stage.state.held if stage.state is not None else {}
    leaving_ = Leaving(namespace, stage.scope, above, stage.before, places, frozenset(unwanted), held)
    left = Left() if last else leaving_.find(changed)
    _warn_of_state(left)
    unkept = sorted(stage.state.unkept) if stage.state is not None and not last else []
    header = _header(
        stage,
        deleted=left.deleted,
        tombstones={**left.tombstones, **dict.fromkeys(unkept, _UNKEPT)},
        pulls=dict(sorted(above.pulls.items())),
        absent=tuple(sorted(above.absent)),
    )
    # A run of ours sees to that itself, beside the next stages.
    durable = session.RUN_VARIABLE not in os.environ
    storage.write(stage.product, header, left.stored, durable=durable)
    session.finish()


def define(namespace: dict[str, Any], names: Sequence[str]) -> None:
    """Take note of what a setup cell between a stage's own cells bound: definitions go by name like all such."""
    stage = _running()
    new = {name: namespace[name] for name in names if dict.__contains__(namespace, name)}
    shared = {**stage.scope.shared, **setup_state.shared_definitions(new)}
    stage.scope = Scope(namespace, shared, stage.scope.owner)
    stage.above.setup = {**stage.above.setup, **new}


def _warn_of_state(left: Left) -> None:
    for name, why in left.tombstones.items():
        if is_pseudo(name) and not name.startswith(("<class ", "<setup ")):
            sys.stderr.write(
                f"the state of {name[1:-1]} that this stage leaves can't be passed on: {why.why}\n"
            )
    for note in left.notes:
        sys.stderr.write(f"{note}\n")


def _make_room(namespace: dict[str, Any], stage: _Stage, varying: Sequence[str]) -> None:
    """Take away what setup cells bound and a stage above has anew, so that reading it takes that."""
    above, values = stage.above, stage.before.values
    anew = {name for name in values if above.find(name) is not None or above.was_deleted(name)}
    for name in anew:
        del namespace[name]
    kept = {name: value for name, value in values.items() if name not in (*anew, *varying)}
    stage.before = Baseline(kept, stage.before.digests)


def _definition(path: str) -> Any:
    stage = _running()
    with restoring.restoring_into(restoring.Target(stage.scope.namespace, stage.above.setup)):
        return restoring.setup_object(path)


def _product(producer: str, path: Path) -> Product:
    if not path.is_file():
        refuse(f"the product of stage {producer} is missing: {path}", f"run stage {producer} first")
    return Product(path)


def _tell_datasets(products: Sequence[Product]) -> None:
    recording = session.current()
    if recording is not None:
        for product in products:
            recording.upstream_datasets += [*product.header.upstream_datasets, *product.header.datasets]


def _header(stage: _Stage, **found: Any) -> Header:
    recording = session.current()
    if recording is None:
        return Header(pipeline=stage.pipeline, stage=stage.name, **found)
    return Header(
        pipeline=stage.pipeline,
        stage=stage.name,
        datasets=tuple(dict.fromkeys(recording.datasets)),
        upstream_datasets=tuple(dict.fromkeys(recording.upstream_datasets)),
        models=tuple(dict.fromkeys(recording.models)),
        metrics=json.loads(json.dumps(recording.metrics, default=float)),
        curves={name: tuple(points) for name, points in recording.curves.items()},
        reads={**recording.reads, **recording.expected},
        loaded=loaded_beside(recording.root, os.environ.get(ROOT_VARIABLE, "")),
        opened=opened.only_read(recording.root),
        **found,
    )


def _running() -> _Stage:
    if _stage is None:
        refuse("no stage is open in this kernel", "run the notebook's cells from the first one on")
    return _stage
