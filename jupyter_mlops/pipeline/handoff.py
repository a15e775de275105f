"""What a compiled stage's own cells call: take the inputs from the stages above, leave the outputs for those below.

A product is one file: a line of JSON that says what is in it, then one pickle of all outputs, so that two names for
one object stay one object. Large buffers are in the pickle; the header's ``format`` says so.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline import session
from jupyter_mlops.pipeline.layout import MARKER, RESERVED
from jupyter_mlops.pipeline.pickling import Pickler, Unpickler, fingerprint, shared_definitions, shared_roots
from jupyter_mlops.pipeline.restoring import restoring_into
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.run import NamedVersion
from jupyter_mlops.store.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FORMAT = 1
_NONE: Mapping[str, Any] = MappingProxyType({})


class Header(Value, frozen=True, kw_only=True):
    """Say what a product holds: a fingerprint for each variable, and what the stage recorded."""

    format: int = FORMAT
    pipeline: str
    stage: str
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    datasets: tuple[NamedVersion, ...] = ()
    upstream_datasets: tuple[NamedVersion, ...] = ()
    models: tuple[NamedVersion, ...] = ()
    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    reads: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass
class _Stage:
    """What is known of the stage that this process runs, between its first cell and its last."""

    name: str
    pipeline: str
    folder: Path
    params: tuple[str, ...] = ()
    upstream: dict[str, Path] = field(default_factory=dict)
    product: Path = Path()
    shared: dict[int, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    watched: dict[str, str] = field(default_factory=dict)

    def pickler(self, namespace: dict[str, Any]) -> Callable[..., Pickler]:
        owner = f"{self.pipeline}.{self.name}"
        return partial(Pickler, namespace=namespace, shared=self.shared, owner=owner)


_stage: _Stage | None = None


def enter(stage: str, *, pipeline: str, workdir: str, params: Sequence[str] = ()) -> None:
    """Open a stage: note the compiled folder, and go to the notebook's own.

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
        _refuse(
            f"stage {stage} runs in {folder}, which is not the compiled folder (it has no {MARKER})",
            "run papermill inside the compiled folder, or give it --cwd with that folder",
        )
    target = (folder / workdir).resolve()
    if not target.is_dir():
        _refuse(
            f"stage {stage} needs the notebook's folder {target}, which is not there",
            "compile the notebook again from where it lies now",
        )
    _stage = _Stage(name=stage, pipeline=pipeline, folder=folder, params=tuple(params))
    session.start(pipeline, stage, str(target))
    os.chdir(target)


def bind(namespace: dict[str, Any]) -> None:
    """Take ``upstream`` and ``product``, which ploomber or papermill may have set, out of the namespace."""
    stage = _running()
    given = {name: namespace.pop(name) for name in RESERVED}
    stage.upstream = {
        name: stage.folder / product["data"] for name, product in (given["upstream"] or {}).items()
    }
    stage.product = stage.folder / given["product"]["data"]
    recording = session.current()
    if recording is not None:
        recording.params = {name: namespace[name] for name in stage.params if name in namespace}


def load(namespace: dict[str, Any], inputs: Mapping[str, str] = _NONE, watched: Sequence[str] = ()) -> None:
    """Put a stage's inputs into its namespace; ``inputs`` maps each variable to the stage it comes from.

    Raises:
        HandoffError: when an upstream product is missing or can't be read.
    """
    stage = _running()
    stage.shared = shared_definitions(namespace)
    stage.inputs = dict(inputs)
    recording = session.current()
    for name, path in stage.upstream.items():
        header, values = _read(path, name, namespace)
        if recording is not None:
            recording.upstream_datasets += [*header.upstream_datasets, *header.datasets]
        for variable, producer in inputs.items():
            if producer == name and variable in values:
                namespace[variable] = values[variable]
    for variable in watched:
        if variable in namespace:
            stage.watched.update(_steady_fingerprint(variable, namespace, stage))


def publish(namespace: dict[str, Any], outputs: Mapping[str, tuple[int, int]] = _NONE) -> None:
    """Write a stage's outputs to its product in one step; a variable that the stage never bound is left out.

    Args:
        namespace: the stage's globals.
        outputs: each variable that a later stage reads, with the notebook's cell and line that bound it.

    Raises:
        HandoffError: when a variable can't be passed on, or an input was changed that mustn't be.
    """
    stage = _running()
    pickler = stage.pickler(namespace)
    _check_watched(stage, namespace)
    values = {name: namespace[name] for name in outputs if name in namespace}
    prints = {name: _fingerprint_or_refuse(name, values[name], outputs, stage, pickler) for name in values}
    header = _header(stage, prints)
    with replacing(stage.product) as file:
        file.write(msgspec.json.encode(header) + b"\n")
        pickler(file, roots=shared_roots(list(values.values()))).dump(values)
    session.finish()


def read_header(path: Path) -> Header:
    """Return what a product says of itself, without unpickling anything.

    Raises:
        HandoffError: when it isn't a product.
    """
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(), type=Header)
    except (OSError, msgspec.MsgspecError) as error:
        raise HandoffError(
            f"{path} is not a stage's product: {error}", hint="run the stage that makes it again"
        ) from None


def _read(path: Path, producer: str, namespace: dict[str, Any]) -> tuple[Header, dict[str, Any]]:
    if not path.is_file():
        _refuse(f"the product of stage {producer} is missing: {path}", f"run stage {producer} first")
    with path.open("rb") as file, restoring_into(namespace):
        try:
            header = msgspec.json.decode(file.readline(), type=Header)
            return header, Unpickler(file).load()
        except HandoffError as error:
            _refuse(
                f"stage {_running().name} can't load what stage {producer} made: {error.message}", error.hint
            )
        except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
            _refuse(
                f"stage {_running().name} can't load what stage {producer} made"
                f" ({type(error).__name__}: {error})",
                f"run stage {producer} again; import what its variables need in a setup cell",
            )


def _header(stage: _Stage, prints: dict[str, str]) -> Header:
    recording = session.current()
    if recording is None:
        return Header(pipeline=stage.pipeline, stage=stage.name, variables=prints)
    return Header(
        pipeline=stage.pipeline,
        stage=stage.name,
        variables=prints,
        datasets=tuple(dict.fromkeys(recording.datasets)),
        upstream_datasets=tuple(dict.fromkeys(recording.upstream_datasets)),
        models=tuple(dict.fromkeys(recording.models)),
        metrics=json.loads(json.dumps(recording.metrics, default=float)),
        reads=dict(recording.reads),
    )


def _fingerprint_or_refuse(
    name: str,
    value: Any,
    outputs: Mapping[str, tuple[int, int]],
    stage: _Stage,
    pickler: Callable[..., Pickler],
) -> str:
    try:
        return fingerprint(value, pickler)
    except Exception as error:  # noqa: BLE001 - a value's own code runs, and may raise anything
        cell, line = outputs[name]
        why = str(error) or type(error).__name__
        _refuse(
            f"variable {name!r} of stage {stage.name} can't be passed on (cell {cell}, line {line}):"
            f" {_article(type(value))} can't be pickled ({why})",
            _mend(value),
        )


def _steady_fingerprint(variable: str, namespace: dict[str, Any], stage: _Stage) -> dict[str, str]:
    """Return the fingerprint of an input, or nothing where pickling the same value twice gives two of them."""
    pickler = stage.pickler(namespace)
    try:
        first, second = (fingerprint(namespace[variable], pickler) for _ in range(2))
    except Exception:  # noqa: BLE001 - what can't be pickled can't be watched; it was loaded, so it is of use
        return {}
    return {variable: first} if first == second else {}


def _check_watched(stage: _Stage, namespace: dict[str, Any]) -> None:
    originals: dict[str, dict[str, Any]] = {}
    for variable, before in stage.watched.items():
        if (
            variable not in namespace
            or _steady_fingerprint(variable, namespace, stage).get(variable) == before
        ):
            continue
        producer = stage.inputs[variable]
        if producer not in originals:
            originals[producer] = _read(stage.upstream[producer], producer, dict(namespace))[1]
        if not _equal(originals[producer][variable], namespace[variable]):
            _refuse(
                f"stage {stage.name} changed {variable!r} in place, and a later stage reads it as stage"
                f" {producer} made it",
                f"work on a copy, or say that it changes: {variable} = {variable} in the cell that changes it",
            )


def _equal(before: Any, now: Any) -> bool:
    """Compare two values whose pickles differ: pandas regroups its columns when it is only read."""
    if type(before) is not type(now):
        return False
    try:
        if hasattr(before, "equals"):
            return bool(before.equals(now))
        same = before == now
        return bool(same.all()) if hasattr(same, "all") else bool(same)
    except Exception:  # noqa: BLE001 - a value's own comparison may raise anything
        return False


def _article(kind: type) -> str:
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _mend(value: Any) -> str:
    name = type(value).__name__.lower()
    if hasattr(value, "read") or hasattr(value, "write"):
        return "close it and pass on its path; open it again in the stage that needs it"
    if "generator" in name or hasattr(value, "__next__"):
        return "keep a list of its items instead"
    if "connection" in name or "cursor" in name or "engine" in name or "session" in name:
        return "open the connection in each stage that uses it, or in a setup cell"
    return "pass on what it is made from and make it again in the stage that needs it, or make it in a setup cell"


def _running() -> _Stage:
    if _stage is None:
        _refuse("no stage is open in this kernel", "run the notebook's cells from the first one on")
    return _stage


def _refuse(message: str, hint: str) -> NoReturn:
    error = HandoffError(message, hint=hint)
    # IPython asks an exception how it wants to be shown: one line, for the cells above are not the user's.
    vars(error)["_render_traceback_"] = lambda: [f"HandoffError: {error}"]
    raise error
