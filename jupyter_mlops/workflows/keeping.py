"""Keep what a stage read, so that a model can be built again when its notebook's folder is long gone."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline.cache_key import MODULE
from jupyter_mlops.settings import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_mlops.execution.reads import FileDigests
    from jupyter_mlops.records.run import StageExecution
    from jupyter_mlops.store.objects import Objects

# What a notebook's code says that makes a model: only then is anything kept.
LOGS_A_MODEL = "log_model"
MEGABYTE = 1 << 20
# The project's own configuration: it may hold a password, and says nothing about a model.
NO_INPUTS = (FILE, "pyproject.toml")


@dataclass(frozen=True)
class Kept:
    """Hold the digests of what is in the object store now, by path, and of the rest why it isn't."""

    files: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def keep(
    objects: Objects,
    files: FileDigests,
    named: Iterable[str],
    states: Mapping[str, tuple[int, int]],
    *,
    limit: int,
) -> Kept:
    """Put files into the object store; what is there already costs nothing.

    Args:
        objects: the object store.
        files: gives the digests of files relative to the notebook's folder.
        named: files, and folders that stand for all files in them.
        states: size in bytes and time in ns of each file, those in the folders included.
        limit: the size in MB up to which a file, or all of a folder, is kept.
    """
    found: dict[str, str] = {}
    left_out: dict[str, str] = {}
    # What a URL or a database gave is a dataset's content, which is in the store already.
    for name in sorted(name for name in {*named} - {*NO_INPUTS} if "://" not in name):
        members = _members(name, files, states)
        size = sum(_size(files, path) for path in members)
        if size > limit * MEGABYTE:
            left_out[name] = f"it has {size / MEGABYTE:,.0f} MB, more than keep_inputs = {limit}"
            continue
        if not members:
            # An empty folder has no content, but is met all the same.
            found[name] = ""
        for path in members:
            why = _put(objects, files, path, found)
            if why:
                left_out[path] = why
    return Kept(found, left_out)


def missed(
    above: Iterable[StageExecution], digest: Callable[[str], str | None], module: Callable[[str], str | None]
) -> set[str]:
    """Return what stages above read without keeping it, for nothing told of a model then, as far as it is unchanged.

    Args:
        above: their executions.
        digest: gives a file's digest as it is now.
        module: gives the digest of a module's code as it is now.
    """
    found = set()
    for execution in above:
        modules = {
            name.removeprefix(MODULE): code
            for name, code in execution.parts.items()
            if name.startswith(MODULE)
        }
        found |= {path for path, code in {**modules, **execution.modules}.items() if module(path) == code}
        found |= {path for path, content in execution.reads.items() if digest(path) == content}
        found -= execution.kept.keys()
    return found


def _members(name: str, files: FileDigests, states: Mapping[str, tuple[int, int]]) -> list[str]:
    if not (files.folder / name).is_dir():
        return [name]
    inside = name.rstrip("/") + "/"
    return sorted(path for path in states if path.startswith(inside))


def _size(files: FileDigests, path: str) -> int:
    try:
        return (files.folder / path).stat().st_size
    except OSError:
        return 0


def _put(objects: Objects, files: FileDigests, path: str, found: dict[str, str]) -> str:
    """Keep one file; say why not, where that can't be."""
    digest = files.digest(path)
    if digest is None:
        return "it is gone"
    try:
        stored = objects.put_file(files.folder / path, digest=digest)
    except OSError as error:
        return f"it can't be read: {os.strerror(error.errno or 0)}"
    if stored != digest:
        return "it changed while it was kept"
    found[path] = digest
    return ""
