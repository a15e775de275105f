"""Keep the variables of a notebook that runs top to bottom, and compare them with what a pipeline's stages left.

Called in kernels: ``begin``, ``take`` and ``end`` in the one that runs the notebook, ``compare`` in another one that
has run the setup cells only.
"""

from __future__ import annotations

import functools
import importlib
import io
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import msgspec

from jupyter_mlops.pipeline import session
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence

INDEX = "index.json"
LOGGED = "logged.json"
_PROTOCOL = 5
_Cached = type(functools.lru_cache(len))


class Logged(Value, frozen=True, kw_only=True):
    """Hold what a run of the notebook logged."""

    metrics: dict[str, float] = msgspec.field(default_factory=dict)
    datasets: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()


class Crossing(Value, frozen=True, kw_only=True):
    """Name variables that a stage left and a later one read, and where both versions lie.

    ``notebook`` is a folder of ``take``, ``pipeline`` the products of the stages up to this one, or such a folder too.
    """

    stage: str
    names: tuple[str, ...]
    notebook: str
    pipeline: tuple[str, ...]


class Unequal(Value, frozen=True, kw_only=True):
    """Report a variable that isn't the same on both sides."""

    stage: str
    name: str
    place: str
    what: str


class Answer(Value, frozen=True, kw_only=True):
    """Report a comparison: what differs, how many were compared, and places of what has no content."""

    unequal: tuple[Unequal, ...] = ()
    compared: int = 0
    skipped: tuple[str, ...] = ()


def begin(pipeline: str) -> None:
    """Note from here on what the notebook logs."""
    session.start(pipeline, "", str(Path.cwd()))


def take(namespace: dict[str, Any], names: Sequence[str], folder: str) -> None:
    """Keep the variables as they are now, each in a file of its own; note why one can't be kept."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    index: dict[str, str] = {}
    for number, name in enumerate(names):
        if name not in namespace:
            index[name] = "missing"
            continue
        path = target / f"{number}.pkl"
        try:
            with path.open("wb") as file:
                _Pickler(file, namespace).dump(namespace[name])
            index[name] = path.name
        except Exception as error:  # noqa: BLE001 - a value's own code runs, and may raise anything
            index[name] = f"error: {type(error).__name__}: {error}"
    (target / INDEX).write_text(json.dumps(index))


def end(folder: str) -> None:
    """Keep what the notebook logged."""
    recording = session.current()
    if recording is None:
        return
    logged = Logged(
        metrics=json.loads(json.dumps(recording.metrics, default=float)),
        datasets=tuple((item.name, str(item.version)) for item in dict.fromkeys(recording.datasets)),
        models=tuple(item.name for item in recording.models),
    )
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / LOGGED).write_bytes(msgspec.json.encode(logged))


def compare(
    namespace: dict[str, Any], crossings: Sequence[Crossing], *, rtol: float = 0.0, atol: float = 0.0
) -> Answer:
    """Compare each variable's two versions; ``namespace`` has what the setup cells define."""
    unequal: list[Unequal] = []
    skipped: list[str] = []
    compared = 0
    for crossing in crossings:
        for name in crossing.names:
            place, what, passed_over = _compare_one(namespace, crossing, name, rtol, atol)
            skipped += [f"{crossing.stage}: {name}{path}" for path in passed_over]
            compared += 1
            if what:
                unequal.append(Unequal(stage=crossing.stage, name=name, place=place, what=what))
    return Answer(unequal=tuple(unequal), compared=compared, skipped=tuple(skipped))


def compare_files(namespace: dict[str, Any], question: str, answer: str) -> None:
    """Read a question's JSON file, compare, and write the answer's."""
    from jupyter_mlops.store.files import write_atomic

    asked = msgspec.json.decode(Path(question).read_bytes())
    crossings = msgspec.convert(asked["crossings"], tuple[Crossing, ...])
    found = compare(namespace, crossings, rtol=asked["rtol"], atol=asked["atol"])
    write_atomic(Path(answer), msgspec.json.encode(found))


def _compare_one(
    namespace: dict[str, Any], crossing: Crossing, name: str, rtol: float, atol: float
) -> tuple[str, str, list[str]]:
    from jupyter_mlops.pipeline.comparison.comparer import Comparer, Tolerance

    mine, why = _kept(Path(crossing.notebook), name)
    if why.startswith("error: "):
        return "", "", [f" (in the notebook it can't be kept: {why[7:160]})"]
    other, why_not = _left(namespace, crossing, name)
    if why or why_not:
        both = why == why_not == "missing"
        return "", "" if both else _absence(why, why_not), []
    comparer = Comparer(Tolerance(rtol=rtol, atol=atol))
    found = comparer.compare(mine, other)
    return (found.path, found.what, comparer.skipped) if found else ("", "", comparer.skipped)


def _absence(why: str, why_not: str) -> str:
    where, reason = ("pipeline", why_not) if why_not else ("notebook", why)
    return (
        f"the {where} doesn't have it"
        if reason == "missing"
        else f"the {where}'s can't be read: {reason[:200]}"
    )


def _kept(folder: Path, name: str) -> tuple[Any, str]:
    index = json.loads((folder / INDEX).read_text()) if (folder / INDEX).is_file() else {}
    entry = index.get(name, "missing")
    if not entry.endswith(".pkl"):
        return None, entry
    try:
        return pickle.loads((folder / entry).read_bytes()), ""  # noqa: S301 - written by take, a moment ago
    except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
        return None, f"error: {type(error).__name__}: {error}"


def _left(namespace: dict[str, Any], crossing: Crossing, name: str) -> tuple[Any, str]:
    """Return what the pipeline's stages left under a name; or why it isn't there."""
    paths = [Path(path) for path in crossing.pipeline]
    if paths and paths[-1].is_dir():
        return _kept(paths[-1], name)
    try:
        values = read_values([name], paths, dict(namespace))
    except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
        return None, f"{type(error).__name__}: {error}"
    return (values[name], "") if name in values else (None, "missing")


def read_values(names: Sequence[str], products: Sequence[Path], namespace: dict[str, Any]) -> dict[str, Any]:
    """Return what a stage right below the last of the products would read."""
    from jupyter_mlops.pipeline import leaving
    from jupyter_mlops.pipeline.above import Above
    from jupyter_mlops.pipeline.storage import Product

    setup = leaving.own_variables(namespace)
    above = Above("verify", {}, [Product(path) for path in products], setup=setup)
    return {name: above.take(name) for name in names if above.find(name) is not None}


def _cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def _global_generator() -> Any:
    """Return numpy's one global generator: scipy's distributions hold it, and its state isn't theirs."""
    return getattr(importlib.import_module("numpy.random.mtrand"), "_rand", None)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickle by value, and a notebook's function without the variables it reads: they are compared by themselves."""

    def __init__(self, file: io.BufferedWriter, namespace: dict[str, Any]) -> None:
        super().__init__(file, protocol=_PROTOCOL)
        self._namespace = namespace

    def reducer_override(self, obj: Any) -> Any:
        """Reduce a cached function to what it caches; the cache isn't content."""
        if isinstance(obj, _Cached):
            return _cached, (obj.__wrapped__, *obj.cache_parameters().values())
        if type(obj).__name__ == "RandomState" and obj is _global_generator():
            return _global_generator, ()
        return super().reducer_override(obj)

    def _dynamic_function_reduce(self, func: types.FunctionType) -> Any:
        reduced = super()._dynamic_function_reduce(func)
        if func.__globals__ is self._namespace:
            reduced[2][1]["__globals__"] = {}
        return reduced
