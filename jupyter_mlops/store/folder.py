"""The folder of contents: ``<first two hex digits>/<sha256>``, each read-only, each whole from the moment it has that name."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.store.files import sync_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READ_ONLY = 0o444
# What was put, or put again, so short ago isn't taken away: whoever put it may not have it on record yet.
GRACE_SECONDS = 3600.0
# Smaller contents are hashed sooner than remembered.
LARGE = 1 << 20
_digest = re.compile("[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Say whether a text is a SHA-256 as hex, so that it can name nothing outside of the folder."""
    return _digest.fullmatch(text) is not None


class Folder:
    """Know where contents are, how old they are, and which were found whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.incoming = path / "incoming"

    def place(self, digest: str) -> Path:
        """Return where a content is, or would be."""
        return self.path / digest[:2] / digest

    def signature(self, digest: str) -> Path:
        """Return where the signature of a content is, or would be."""
        return self.path / digest[:2] / f"{digest}.sig"

    def has(self, digest: str) -> bool:
        """Say whether a content is here."""
        return is_digest(digest) and self.place(digest).is_file()

    def make_place(self, digest: str) -> Path:
        """Return where a content goes, with the folder for it made."""
        place = self.place(digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def sync_names(self, places: Iterable[Path]) -> None:
        """Make it durable that the contents in ``places`` have their names."""
        for folder in {place.parent for place in places}:
            sync_file(folder)
        sync_file(self.path)

    def freshen(self, digest: str) -> bool:
        """Say whether a content is here; if so, it is as safe from being taken away as one that was just put."""
        place = self.place(digest)
        try:
            if place.stat().st_mtime < time.time() - GRACE_SECONDS / 2:
                with self._locked(fcntl.LOCK_SH):
                    os.utime(place)
        except FileNotFoundError:
            return False
        except OSError:  # somebody else's, or read-only: then nobody who may not write takes it away either
            return place.is_file()
        return True

    def digests(self) -> Iterator[tuple[str, int]]:
        """Give the digest and size of every content that is here."""
        for number in range(256):
            with suppress(FileNotFoundError), os.scandir(self.path / f"{number:02x}") as entries:
                for entry in entries:
                    if is_digest(entry.name):
                        with suppress(FileNotFoundError):
                            yield entry.name, entry.stat().st_size

    def delete(self, digest: str, *, grace: float) -> int:
        """Take a content away, unless it was put less than ``grace`` seconds ago; return the bytes that are free now."""
        place = self.place(digest)
        if not place.exists():
            return 0
        with self._locked(fcntl.LOCK_EX):
            try:
                state = place.stat()
            except FileNotFoundError:  # another process was first
                return 0
            if state.st_mtime > time.time() - grace:
                return 0
            place.unlink()
        for beside in (self.signature(digest), self._note(digest)):
            beside.unlink(missing_ok=True)
        return state.st_size

    def known_whole(self, digest: str) -> bool:
        """Say whether a large content is as it was when it was last found whole, by its size, time and inode."""
        try:
            return self._note(digest).read_text(encoding="ascii") == _state(self.place(digest))
        except OSError:
            return False

    def note_whole(self, digest: str) -> None:
        """Remember that a content was found whole; for a small one that isn't worth it."""
        place = self.place(digest)
        if place.stat().st_size >= LARGE:
            note = self._note(digest)
            note.parent.mkdir(exist_ok=True)
            # Half a note says nothing true, so that the content is hashed once more: no harm in it.
            note.write_text(_state(place), encoding="ascii")

    def unsent(self, digest: str) -> bool:
        """Say whether a content here still has to go to the object store."""
        return (self.path / "unsent" / digest).exists()

    def note_unsent(self, digest: str) -> None:
        """Remember that a content has to go to the object store."""
        note = self.path / "unsent" / digest
        note.parent.mkdir(exist_ok=True)
        note.touch()

    def note_sent(self, digest: str) -> None:
        """Forget that a content had to go to the object store."""
        (self.path / "unsent" / digest).unlink(missing_ok=True)

    def _note(self, digest: str) -> Path:
        return self.path / "verified" / digest

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Keep looking at a content's age and taking it away apart from making it young again."""
        with (self.path / "lock").open("ab") as stream:
            fcntl.flock(stream, how)
            yield


def _state(path: Path) -> str:
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ino}"
