"""Datasets of a build that is made again: what no longer is where it came from, comes from the record.

A database, a URL or an absolute path isn't asked a second time: its answer then is in the object store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.data import sources, versions
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.records.run import StageExecution
    from jupyter_mlops.store.opened import Store

VARIABLE = "JUPYTER_MLOPS_RECORDED"


class Recorded(Value, frozen=True, kw_only=True):
    """Name a dataset version by what it was recorded from, and the path of that very content."""

    name: str
    version: str = ""
    source: str
    query: str = ""
    path: str


def check_out(
    store: Store, executions: Iterable[StageExecution], laid: Iterable[str], folder: Path
) -> tuple[Recorded, ...]:
    """Put the contents of datasets that the stages recorded on paths of their own, but for those that lie there anyway.

    Args:
        store: where they are.
        executions: the stages.
        laid: the digests of the files that were laid out beside the notebook.
        folder: where to.

    Raises:
        NotFoundError: when a content is gone.
        IntegrityError: when a content was changed.
    """
    there, found = frozenset(laid), []
    named = dict.fromkeys(item for execution in executions for item in execution.datasets)
    for number, item in enumerate(named):
        version = versions.resolve(store, f"{item.name}@{item.version}")
        beside = version.version in there or (version.content == "folder" and not _elsewhere(version.source))
        if beside:
            continue
        path = versions.checkout(store, version, folder / str(number))
        found.append(
            Recorded(
                name=version.name,
                version=version.version,
                source=version.source,
                query=version.query,
                path=str(path),
            )
        )
    return tuple(found)


def instead_of(name: str, source: Any, query: str) -> tuple[Any, str]:
    """Return what a dataset is to be made from: ``source`` itself, or its content on record in a build made again."""
    place = os.environ.get(VARIABLE)
    if not place or not isinstance(source, str | os.PathLike):
        return source, query
    plain = not query and not sources.is_url(source) and not str(source).endswith(sources.DVC)
    if plain and Path(source).exists():
        return source, query
    mine = [each for each in _known(place) if each.name == name and each.query == query]
    label = sources.without_credentials(str(source)) if sources.is_url(source) else str(source)
    same = [each for each in mine if each.source == label] or [
        each for each in mine if sources.file_name(each.source) == sources.file_name(label)
    ]
    chosen = (same or mine)[:1]
    return (Path(chosen[0].path), "") if chosen else (source, query)


def version_of(name: str, version: str) -> Path | None:
    """Return the content of a version that is asked for by its hash's beginning, or of the only one, in a build made again."""
    place = os.environ.get(VARIABLE)
    found = [each for each in _known(place) if each.name == name] if place else []
    return next((Path(each.path) for each in found if each.version.startswith(version)), None)


def _known(place: str) -> tuple[Recorded, ...]:
    return msgspec.json.decode(Path(place).read_bytes(), type=tuple[Recorded, ...])


def _elsewhere(source: str) -> bool:
    return sources.is_url(source) or Path(source).is_absolute()
