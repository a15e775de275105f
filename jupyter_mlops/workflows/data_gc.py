"""Take contents away that nothing kept needs."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from jupyter_mlops.data import folders
from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.base import Value, canonical_json
from jupyter_mlops.records.dataset import Collection, DatasetVersion
from jupyter_mlops.records.drift import DriftReport
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.records.model import ModelVersion, Retirement
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.store import changes, stamp
from jupyter_mlops.store.copying import silent
from jupyter_mlops.store.folder import GRACE_SECONDS
from jupyter_mlops.store.ledger import KINDS
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting, allow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_mlops.records.base import Record
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.copying import Progress
    from jupyter_mlops.store.opened import Store

# A content up to this size that begins as a JSON document does is looked into: it may name others.
LARGEST_DOCUMENT = 4 << 20
# So many contents are taken away before the ledger is asked again whether something new needs one of the next.
STEP = 200
_digest = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Collected(Value, frozen=True, kw_only=True):
    """Say what was taken away, or would be; ``versions`` are the dataset versions whose content it was."""

    versions: tuple[str, ...]
    contents: int
    size_bytes: int
    kept: int
    dry_run: bool = False


def collect(
    settings: Settings,
    *,
    keep: int | None = None,
    dry_run: bool = False,
    exclusive: bool = False,
    grace: float = GRACE_SECONDS,
    progress: Progress = silent,
) -> Collected:
    """Take every content out of the object store that nothing kept needs.

    Without ``keep`` everything on record is kept: only what broken-off work has left goes. With it the contents of
    older dataset versions, and the outputs of older runs, go too, unless a model that is in use, one of the last
    ``keep_runs`` runs or a kept dataset version was made from them. The records stay.

    Killed at any moment, every content is whole or gone, and the next call goes on.

    Args:
        settings: the project.
        keep: how many versions of each dataset are kept.
        dry_run: whether only to say what would go.
        exclusive: whether no other project uses the object store; asked for where it isn't in the project's folder.
        grace: contents put so many seconds ago, or later, stay: their record may not be written yet.
        progress: is told the size of each content that went, in bytes.

    Raises:
        UsageError: when the object store lies elsewhere, and nobody said that it is this project's alone; or it has
            contents and the ledger no record.
        IntegrityError: when a manifest that is needed was changed: what it names isn't known then.
    """
    store = open_store(settings)
    if not (exclusive or dry_run or _own(settings)):
        raise UsageError(
            f"the object store {settings.objects} isn't in the project's folder; another project may use it",
            hint="if none does, say --exclusive",
        )
    there = store.objects.digests()
    needs = _Needs(store, keep, there)
    if there and not needs.place:
        raise UsageError(
            f"{len(there):,} contents are in the object store, and no record in {settings.store}",
            hint="is that the database they belong to?",
        )
    going = {digest: size for digest, size in there.items() if digest not in needs.contents}
    versions = tuple(sorted(ref for ref, digest in needs.dropped.items() if digest in going))
    if not dry_run:
        allow(settings, "data.gc", "objects")
        _tidy(store, grace)
    if dry_run or not going:
        return _told(versions, going, len(there), dry_run=dry_run)
    with acting(settings, "data.gc", "objects", contents=len(going), versions=len(versions)) as act:
        # On record before the first one goes: what is missing from then on was taken away on purpose.
        store.ledger.append(
            Collection(
                collection_id=uuid4().hex,
                versions=versions,
                contents=len(going),
                size_bytes=sum(going.values()),
                created_at=stamp.now(),
                author=stamp.author(),
            )
        )
        gone = _take_away(store, needs, going, grace=grace, progress=progress)
        versions = tuple(ref for ref in versions if needs.dropped[ref] in gone)
        _drop_checkouts(store, versions)
        act.note(contents=len(gone), versions=len(versions), size_bytes=sum(gone.values()))
    return _told(versions, gone, len(there))


class _Needs:
    """Know the contents that kept records need: those that they name, and those that these name in turn.

    ``dropped`` maps the dataset versions that aren't kept to their content, ``place`` is how far the ledger was read.
    """

    def __init__(self, store: Store, keep: int | None, sizes: dict[str, int]) -> None:
        self.contents: set[str] = set()
        self.dropped: dict[str, str] = {}
        self.place = 0
        self._store = store
        self._sizes = sizes
        if keep is None:
            self.refresh()
            return
        records = list(self._read())
        kept = {str(record.ref): record for record in _kept(records, keep, store.settings.keep_runs)}
        for record in kept.values():
            self._add(record)
        self.dropped = {
            str(record.ref): record.version
            for record in records
            if isinstance(record, DatasetVersion) and str(record.ref) not in kept
        }

    def refresh(self) -> None:
        """Add what the records need that came since."""
        for record in self._read():
            self._add(record)

    def _read(self) -> Iterator[Record]:
        url = self._store.settings.database_url("store")
        for self.place, record in changes.since(url, self.place, list(KINDS)):  # noqa: B020 - how far it was read
            yield record

    def _add(self, record: Record) -> None:
        if isinstance(record, Collection):
            return  # it names what went
        text = canonical_json(record).decode()
        if isinstance(record, DatasetVersion) and record.content == "folder":
            text += " ".join(self._files(record.version))
        wanted = set(_digest.findall(text)) - self.contents
        while wanted:
            digest = wanted.pop()
            self.contents.add(digest)
            wanted |= self._named_in(digest) - self.contents

    def _files(self, version: str) -> list[str]:
        try:
            manifest = folders.read_manifest(self._store.objects, version)
        except NotFoundError:
            return []
        return [entry.sha256 for entry in manifest.files.values()]

    def _named_in(self, digest: str) -> set[str]:
        """Return the digests in a content that looks like a JSON document, such as a bundle's manifest."""
        if self._sizes.get(digest, 0) > LARGEST_DOCUMENT:
            return set()
        try:
            text = self._store.objects.path(digest).read_bytes()
        except NotFoundError:
            return set()
        return set(_digest.findall(text.decode(errors="replace"))) if text.startswith(b"{") else set()


def _kept(records: Sequence[Record], keep: int, keep_runs: int) -> list[Record]:
    """Return the records whose contents stay: the roots, and all that they were made from."""
    by_ref = {str(record.ref): record for record in records}
    executions: dict[str, list[str]] = {}
    for ref, record in by_ref.items():
        if isinstance(record, StageExecution):
            executions.setdefault(record.run_id, []).append(ref)
    wanted = [str(record.ref) for record in _roots(records, keep, keep_runs)]
    seen = set(wanted)
    while wanted:
        found = by_ref.get(wanted.pop())
        more = set(found.parents) if found else set()
        if isinstance(found, ModelVersion | Run):
            # A run that was killed has no record of its own, but its stages have.
            more.update(executions.get(found.run_id, ()))
        wanted += more - seen
        seen |= more
    return [record for ref, record in by_ref.items() if ref in seen]


def _roots(records: Sequence[Record], keep: int, keep_runs: int) -> Iterator[Record]:
    collected = {
        (record.name, record.version)
        for record in records
        if isinstance(record, Retirement) and record.cause == "collected"
    }
    counts: Counter[str] = Counter()
    for record in reversed(records):
        if isinstance(record, DatasetVersion):
            counts[f"dataset/{record.name}"] += 1
            root = counts[f"dataset/{record.name}"] <= keep
        elif isinstance(record, Run):
            counts["run"] += 1
            root = counts["run"] <= keep_runs
        elif isinstance(record, ModelVersion):
            root = (record.name, record.version) not in collected
        elif isinstance(record, Evaluation | Explanation):
            root = (record.model, record.version) not in collected
        else:
            # A report is readable without the data that it compared; a stage is kept by its run.
            root = not isinstance(record, DriftReport | StageExecution | Collection)
        if root:
            yield record


def _take_away(
    store: Store,
    needs: _Needs,
    going: dict[str, int],
    *,
    grace: float,
    progress: Progress,
) -> dict[str, int]:
    gone = {}
    order = sorted(going)
    for start in range(0, len(order), STEP):
        needs.refresh()
        for digest in order[start : start + STEP]:
            if digest not in needs.contents:
                store.objects.delete(digest, grace=grace)
                if not store.objects.has(digest):
                    gone[digest] = going[digest]
                progress(going[digest])
    return gone


def _drop_checkouts(store: Store, versions: Iterable[str]) -> None:
    """Take away the copies of contents that went."""
    for ref in versions:
        name, _, version = ref.removeprefix("dataset/").partition("@")
        shutil.rmtree(store.datasets / name / version[:12], ignore_errors=True)


def _tidy(store: Store, grace: float) -> None:
    """Take away what a killed command has left half-made."""
    store.objects.tidy()
    for path in (*store.datasets.glob("*/*/.*.tmp"), *(store.settings.state / "fetched").glob("*")):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - grace:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _told(
    versions: tuple[str, ...], going: dict[str, int], there: int, *, dry_run: bool = False
) -> Collected:
    return Collected(
        versions=versions,
        contents=len(going),
        size_bytes=sum(going.values()),
        kept=there - len(going),
        dry_run=dry_run,
    )


def _own(settings: Settings) -> bool:
    """Say whether the object store is in the project's folder."""
    root = settings.root.resolve()
    return "://" not in settings.objects and (root / settings.objects).resolve().is_relative_to(root)
