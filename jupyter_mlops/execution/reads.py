"""Which files a stage read and wrote, as far as its code names them."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline import cache_key
from jupyter_mlops.settings import STATE
from jupyter_mlops.store.files import hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# How much a file's time may be behind the clock's, in ns.
_CLOCK_TICK = 10_000_000
MOST_ENTRIES = 10_000
_NOT_DATA = (STATE, "__pycache__", ".ipynb_checkpoints")
_wildcard = re.compile(r"[*?\[]")


class FileDigests:
    """Give the digest of files by the text that names them, relative to a folder; each content is hashed once.

    A folder's digest covers names, sizes and times of what is in it.
    """

    def __init__(self, folder: Path, elsewhere: Callable[[str], str | None] = lambda _text: None) -> None:
        """Look at files in ``folder``; of ``kind://name`` what lies ``elsewhere`` tells the digest."""
        self.folder = folder
        self._elsewhere = elsewhere
        self._known: dict[tuple[str, int, int], str] = {}
        self._lock = threading.Lock()

    def digest(self, text: str) -> str | None:
        """Return the digest of what ``text`` names, None where there is nothing."""
        if "://" in text:
            return self._elsewhere(text)
        path = self.folder / text
        try:
            state = path.stat()
            if path.is_dir():
                return _folder_digest(path)
            if not path.is_file():
                return None
            key = (str(path), state.st_mtime_ns, state.st_size)
            with self._lock:
                found = self._known.get(key)
            if found is None:
                found = hash_file(path)
                with self._lock:
                    self._known[key] = found
        except (OSError, ValueError):
            return None
        return found

    def existing(self, texts: Iterable[str]) -> dict[str, str]:
        """Return the digest of each text that names something; the project's own state doesn't count."""
        digests = {name: self.digest(name) for name in self._names(texts)}
        return {name: digest for name, digest in digests.items() if digest is not None}

    def present(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the texts that name something; the project's own state doesn't count."""
        return tuple(name for name in self._names(texts) if (self.folder / name).exists())

    def unchanged(self, opened: Iterable[str], touched: Touched, since: int) -> dict[str, str]:
        """Return the digests of files that were opened, but for those touched and those written since a time in ns."""
        known = {os.path.normpath(path) for path in (*touched.reads, *touched.writes)}
        digests = {
            path: self.digest(path)
            for path in opened
            if path not in known and _written(self.folder / path) < since - _CLOCK_TICK
        }
        return {path: digest for path, digest in digests.items() if digest is not None}

    def snapshot(self, texts: Iterable[str]) -> Snapshot:
        """Return the state of all that the texts name."""
        named = self.existing(texts)
        states: dict[str, tuple[int, int]] = {}
        for name in named:
            for path, state in _files_at(self.folder, name):
                states[path] = (state.st_size, state.st_mtime_ns)
        return Snapshot(named, states)

    def _names(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            name = _before_wildcard(text)
            path = self.folder / name
            if name and not self._is_above(path) and STATE not in path.parts:
                yield name

    def _is_above(self, path: Path) -> bool:
        """Say whether the path is the notebook's folder or one that it lies in: too much to mean anything."""
        normal = Path(os.path.normpath(path))
        return normal == self.folder or normal in self.folder.parents


@dataclass(frozen=True)
class Touched:
    """Hold what a stage did with the files that its code names.

    ``reads`` maps what stayed as it was to its digest; ``writes`` are what changed; ``left`` and ``found`` map the
    files among them to their digests after and before. A folder is in ``writes`` only: its files stand for it.
    """

    reads: dict[str, str]
    writes: tuple[str, ...]
    left: dict[str, str]
    found: dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """Hold the digest of each thing that a code names, and size and time of the files: those, and those in folders."""

    named: dict[str, str]
    states: dict[str, tuple[int, int]]


def tell_apart(before: Snapshot, after: Snapshot, files: FileDigests) -> Touched:
    """Return what was read and what was written: what changed while a stage ran, it wrote."""
    new = {name for name, digest in after.named.items() if before.named.get(name) != digest}
    rewritten = {name for name, state in after.states.items() if before.states.get(name) != state}
    left = {}
    for name in sorted(rewritten):
        digest = files.digest(name)
        if digest is not None:
            left[name] = digest
    return Touched(
        reads={
            name: digest
            for name, digest in before.named.items()
            if after.named.get(name) == digest and name not in left
        },
        writes=tuple(sorted({*new, *left})),
        left=left,
        found={name: before.named[name] for name in left if name in before.named},
    )


def local_modules(texts: Iterable[str], folder: Path) -> dict[str, tuple[str, str]]:
    """Return the modules beside the notebook that code imports, and those that these import.

    Returns:
        Relative path to digest (comments don't count) and text, sorted by path.
    """
    found: dict[str, tuple[str, str]] = {}
    pending = [(name, folder) for name in cache_key.imported_names(texts)]
    while pending:
        name, base = pending.pop()
        for path in _module_files(name, base, folder):
            relative = str(path.relative_to(folder))
            if relative in found:
                continue
            read = _module(path)
            if read is None:
                continue
            found[relative] = read
            text = read[1]
            pending += [(inner, path.parent) for inner in cache_key.imported_names((text,))]
    return dict(sorted(found.items()))


def module_digest(path: Path) -> str | None:
    """Return the digest of a module's code, None where it can't be read; comments don't count."""
    read = _module(path)
    return None if read is None else read[0]


def _module(path: Path) -> tuple[str, str] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return hashlib.sha256("\n".join(cache_key.normalised((text,))).encode()).hexdigest(), text


def _module_files(name: str, base: Path, folder: Path) -> list[Path]:
    """Return the files that a module's name stands for: its packages' ``__init__`` and itself."""
    level = len(name) - len(name.lstrip("."))
    start = folder if level == 0 else base
    for _ in range(level - 1):
        start = start.parent
    if start != folder and folder not in start.parents:
        return []
    files: list[Path] = []
    for part in [part for part in name.lstrip(".").split(".") if part]:
        files += [path for path in (start / f"{part}.py", start / part / "__init__.py") if path.is_file()]
        start /= part
    return files


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return sys.maxsize


def _before_wildcard(text: str) -> str:
    found = _wildcard.search(text)
    return os.path.dirname(text[: found.start()]) if found else text  # noqa: PTH120 - any text, kept as it is


def _folder_digest(folder: Path) -> str | None:
    digest = hashlib.sha256()
    for entries, (name, state) in enumerate(_files_in(folder), 1):
        if entries > MOST_ENTRIES:
            return None
        digest.update(f"{folder}/{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files_at(folder: Path, name: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield a file, or the files in a folder, each by the name that leads to it."""
    place = folder / name
    if place.is_file():
        yield name, place.stat()
    for path, state in _files_in(place):
        yield f"{name.rstrip('/')}/{path}", state


def _files_in(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files in a folder and below with their states, by their paths in it; not more than anybody means."""
    entries = 0
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_DATA)
        for name in sorted(files):
            entries += 1
            if entries > MOST_ENTRIES + 1:
                return
            found = Path(path) / name
            yield str(found.relative_to(folder)), found.lstat()
