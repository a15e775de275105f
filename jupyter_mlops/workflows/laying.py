"""Lay out a folder in which a recorded notebook can run: the notebook, and the files and modules it met."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError, UsageError
from jupyter_mlops.execution.reads import FileDigests
from jupyter_mlops.records.reproduction import Change
from jupyter_mlops.store.files import copy_hashing, hash_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.store.opened import Store
    from jupyter_mlops.workflows.origin import Inputs, Origin

_OUTSIDE = "outside"
_BLOCK = 1 << 20
_FEW = 10_000


@dataclass(frozen=True)
class Laid:
    """Say where things were laid: the project's folder, the notebook; what is otherwise, and what there is to know."""

    root: Path
    notebook: Path
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def empty(folder: Path) -> Path:
    """Make an empty folder, or find it so.

    Raises:
        UsageError: when there is something in it, or it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder} can't be used: {error.strerror}", hint="name an empty folder") from None
    if taken:
        raise UsageError(f"{folder} is not empty", hint="name an empty folder, or one that isn't there yet")
    return folder.resolve()


def lay(store: Store, origin: Origin, found: Inputs, given: Mapping[str, Path], folder: Path) -> Laid:
    """Write the notebook and what it met into an empty folder.

    Args:
        store: where the contents are.
        origin: what the model was made of.
        found: the files.
        given: files to be used instead of recorded ones, by the recorded path.
        folder: the empty folder.

    Raises:
        DataError: when a content wasn't kept and isn't given.
        IntegrityError: when a stored content was changed.
        UsageError: when a file is given for a path that no stage read.
    """
    given = {os.path.normpath(path): file for path, file in given.items()}
    for path in given:
        if path not in found.stages:
            known = ", ".join(sorted(found.stages)[:5]) or "none"
            raise UsageError(f"no stage of {origin.label} read {path}", hint=f"they read: {known}")
    relative = PurePosixPath(origin.run.notebook)
    parent = PurePosixPath(relative.name).parent if relative.is_absolute() else relative.parent
    root = folder.joinpath(*[_OUTSIDE] * _levels_above(found, parent))
    beside = root / parent
    beside.mkdir(parents=True, exist_ok=True)
    notebook = beside / relative.name
    notebook.write_bytes(origin.document)
    changes, notes = [], []
    for name in found.folders:
        _target(folder, beside, name).mkdir(parents=True, exist_ok=True)
    for path in sorted({*found.files, *found.missing}):
        stage = found.stages[path]
        if path in given:
            changes += _use_given(store, found, path, given[path], _target(folder, beside, path))
        elif Path(path).is_absolute():
            changes += _use_absolute(origin, found, path)
        elif path in found.files:
            _from_store(store, found.files[path], path, stage, _target(folder, beside, path))
        else:
            notes.append(_from_project(store, origin, found, path, _target(folder, beside, path)))
    return Laid(root=root, notebook=notebook, changes=tuple(changes), notes=tuple(notes))


def describe_change(recorded: Path, used: Path) -> str:
    """Say how two contents differ: how many bytes, and where the first is."""
    sizes = recorded.stat().st_size, used.stat().st_size
    first, count = None, 0
    with recorded.open("rb") as one, used.open("rb") as two:
        for number in range(min(sizes) // _BLOCK + 1):
            left, right = one.read(_BLOCK), two.read(_BLOCK)
            if left == right:
                continue
            places = [place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b]
            first = number * _BLOCK + places[0] if first is None and places else first
            count += len(places)
            if count > _FEW:
                break
    where = "" if first is None else f", the first difference at byte {first:,}"
    if sizes[0] != sizes[1]:
        return f"it has {sizes[1]:,} bytes, not {sizes[0]:,}{where}"
    many = f"more than {_FEW:,}" if count > _FEW else f"{count:,}"
    return f"{many} of {sizes[0]:,} bytes {'differs' if count == 1 else 'differ'}{where}"


def _levels_above(found: Inputs, parent: PurePosixPath) -> int:
    """Return how many folders must lie around the project's, so that ``../data`` of the notebook is in ours."""
    paths = [path for path in (*found.files, *found.missing, *found.folders) if not Path(path).is_absolute()]
    most = max((_ups(path) for path in paths), default=0)
    return max(0, most - len(parent.parts))


def _ups(path: str) -> int:
    return len(list(takewhile(lambda part: part == os.pardir, Path(path).parts)))


def _target(folder: Path, beside: Path, path: str) -> Path:
    target = Path(os.path.normpath(beside / path))
    if not target.is_relative_to(
        folder
    ):  # pragma: no cover - there are as many folders around as paths go up
        raise UsageError(f"the recorded path {path} leads out of {folder}", hint="name the folder anew")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _from_store(store: Store, digest: str, path: str, stage: str, target: Path) -> None:
    try:
        source = store.objects.path(digest)
    except NotFoundError as error:
        raise NotFoundError(f"input {path} of stage {stage}: {error.message}", hint=error.hint) from None
    with source.open("rb") as stream, target.open("wb") as copy:
        actual = copy_hashing(stream, copy)
    if actual != digest:
        raise IntegrityError(
            f"input {path} of stage {stage}: its stored content {digest[:12]} was changed,"
            f" it now hashes to {actual[:12]}",
            hint=f"restore it from a copy, or give another one: --input {path}=FILE",
            expected=digest,
            actual=actual,
        )


def _use_given(store: Store, found: Inputs, path: str, file: Path, target: Path) -> list[Change]:
    if Path(path).is_absolute():
        raise UsageError(
            f"{path} is an absolute path: the notebook reads it where it is", hint="put the file there"
        )
    try:
        _copy(file, target)
    except (OSError, shutil.Error) as error:
        raise DataError(f"{file} can't be read: {error}", hint="check --input") from None
    if target.is_dir():
        return [_changed(path, found.files.get(path, ""), "", f"{file} stands for it")]
    actual = hash_file(target)
    digest = found.files.get(path, "")
    if actual == digest:
        return []
    kept = digest and store.objects.has(digest)
    what = describe_change(store.objects.path(digest), target) if kept else "its content differs"
    return [_changed(path, digest, actual, what)]


def _use_absolute(origin: Origin, found: Inputs, path: str) -> list[Change]:
    recorded = _recorded(origin, path)
    if not Path(path).is_file():
        where = f"; its content is in the store as {recorded[:12]}" if path in found.files else ""
        raise DataError(
            f"stage {found.stages[path]} reads {path} by its absolute path, and it is not there{where}",
            hint="put the file there, or use a relative path or mlops.dataset in the notebook",
        )
    actual = hash_file(Path(path))
    return [] if actual == recorded else [_changed(path, recorded, actual, "its content differs")]


def _from_project(store: Store, origin: Origin, found: Inputs, path: str, target: Path) -> str:
    """Take what wasn't kept from the project's own folder, where it still is as it was."""
    beside = (store.settings.root / origin.run.notebook).parent
    source = beside / path
    # A folder's digest is one of names, sizes and times.
    if FileDigests(beside).digest(path) == _recorded(origin, path):
        _copy(source, target)
        return (
            f"{path} was not kept ({found.missing[path]}); it was taken from {source}, where it is as it was"
        )
    state = "is not as it was" if source.exists() else "is gone"
    raise DataError(
        f"input {path} of stage {found.stages[path]} was not kept: {found.missing[path]}; in {beside} it {state}",
        hint=f"give it: --input {path}=PATH",
    )


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return
    with source.open("rb") as stream, target.open("wb") as copy:
        copy_hashing(stream, copy)


def _recorded(origin: Origin, path: str) -> str:
    for execution in origin.executions.values():
        for each, digest in {**execution.reads, **execution.kept}.items():
            if os.path.normpath(each) == path:
                return digest
    return ""


def _changed(path: str, recorded: str, used: str, what: str) -> Change:
    return Change(kind="input", name=path, recorded=recorded[:12], used=used[:12], what=what)
