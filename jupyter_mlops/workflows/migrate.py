"""Move a project to what outgrows its defaults: PostgreSQL, an object store, an MLflow server.

Everything is copied and held against what was there before the settings name the new places, so that a project that
was killed in between works as before; the next call goes on where this one ended. Nothing is taken away at the old
places.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import msgspec

from jupyter_mlops.errors import IntegrityError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.store import audit_check, run_state
from jupyter_mlops.store.folder import is_digest
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.remote import CONTENTS_AT_A_TIME, ahead
from jupyter_mlops.workflows import configuring
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.moving import Moving
    from jupyter_mlops.store.opened import Store

    # Shows how far a step is: its words, how much there is to do, and whether that is bytes.
    Watch = Callable[[str, int | None, bool], AbstractContextManager[Callable[[int], None]]]

KEYS = ("objects", "tracking_uri", "store")
_SQL = ("sqlite", "postgresql")
_AT_A_TIME = 64


class Report(Value, frozen=True, kw_only=True):
    """Say what was moved: the settings that changed, rows by table, contents and their bytes, what MLflow was given.

    ``audit_intact`` is what a check of the audit log says at the new place.
    """

    settings: dict[str, str]
    file: str
    rows: dict[str, int] = msgspec.field(default_factory=dict)
    contents: int = 0
    content_bytes: int = 0
    audit_intact: bool = True
    mlflow: dict[str, Any] = msgspec.field(default_factory=dict)


def places(settings: Settings, to: Sequence[str]) -> dict[str, str]:
    """Return the settings that ``to`` changes: each a URL, or ``key=URL`` where a URL alone doesn't say what it is for.

    Raises:
        UsageError: when one is for no key, or two are for the same.
    """
    found: dict[str, str] = {}
    for text in to:
        key, equals, url = text.partition("=")
        if not (equals and key in KEYS):
            key, url = _key_of(text), text
        if key in found:
            raise UsageError(
                f"{key} can't be at two places", hint=f"name one; {key}=URL says what a URL is for"
            )
        found[key] = url
    return {key: found[key] for key in KEYS if key in found and found[key] != getattr(settings, key)}


def migrate(settings: Settings, to: Mapping[str, str], watch: Watch) -> Report:
    """Move what the settings ``to`` name, all of it, and write them to the project's file last.

    Raises:
        UsageError: when a run is under way.
        SettingsError: when a new place can't be used or holds something else, or the settings can't be changed.
        IntegrityError: when a copy isn't what was there; nothing was changed then.
        StorageError: when the object store doesn't answer.
        DeniedError: when the user may not migrate.
    """
    configuring.check(settings, to)
    _check_idle(settings)
    new = msgspec.structs.replace(settings, **to)
    shown = {key: shown_url(url) for key, url in to.items()}
    mover = _mover(settings, new) if "store" in to else None
    contents = _Contents(open_store(settings), open_store(new)) if "objects" in to else None
    mlflow: dict[str, Any] = {}
    with acting(settings, "migrate", ", ".join(to), to=shown):
        if contents:
            contents.copy(watch)
            contents.verify(watch)
        if "tracking_uri" in to:
            mlflow = _fill_mlflow(msgspec.structs.replace(settings, tracking_uri=new.tracking_uri), watch)
        rows = _move_rows(mover, watch) if mover else {}
    # What came since is little: nobody waits long for this part, in which nothing may come.
    with mover.holding() if mover else nullcontext():
        if contents:
            contents.copy(unwatched)
        if mover:
            rows = _move_rows(mover, unwatched)
        file = configuring.change(settings, to)
    if contents:
        # From somebody who had read the settings before.
        contents.copy(unwatched)
    return Report(
        settings=shown,
        file=file.name,
        rows=rows,
        contents=len(contents.moved) if contents else 0,
        content_bytes=sum(contents.moved.values()) if contents else 0,
        audit_intact=audit_check.check(open_store(new).audit).intact,
        mlflow=mlflow,
    )


def change_schema(settings: Settings, schema: int) -> None:
    """Take the project's database to the tables of another version of the package.

    Raises:
        UsageError: when there is no such schema, no database, or a run is under way.
        DeniedError: when the user may not migrate.
    """
    from jupyter_mlops.store import tables
    from jupyter_mlops.store.database import open_engine

    _check_idle(settings)
    engine = open_engine(settings.database_url("store"))
    tables.check_schema(engine, schema)
    # Afterwards the log may have no table to be written to: that it is done is put on record just before.
    with acting(settings, "migrate", f"schema {schema}"):
        pass
    tables.change_schema(engine, schema)


def shown_url(url: str) -> str:
    """Return a URL as it may be shown."""
    from jupyter_mlops.store.database import without_password

    return without_password(url)


@contextmanager
def unwatched(_what: str, _total: int | None, _in_bytes: bool) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda _done: None


class _Contents:
    """Copy the contents of one object store to another; ``moved`` has their sizes."""

    def __init__(self, source: Store, target: Store) -> None:
        self._source = source
        self._from, self._to = source.objects, target.objects
        self.moved: dict[str, int] = {}

    def copy(self, watch: Watch) -> None:
        """Copy what isn't there yet, with its signatures."""
        if not self.moved:
            self._keep_unpacked()
        there, sizes = self._to.digests(), self._from.digests()
        missing = [digest for digest in sizes if digest not in there]
        with watch("copying contents", sum(sizes[digest] for digest in missing), True) as tick:
            for start in range(0, len(missing), _AT_A_TIME):
                self._put(missing[start : start + _AT_A_TIME], tick)
        for digest in sizes:
            signature = self._from.signature(digest) if digest not in self.moved else None
            if signature is not None:
                self._to.put_signature(digest, signature)
        self.moved |= sizes

    def verify(self, watch: Watch) -> None:
        """Read every content back, and hold it against its name.

        Raises:
            IntegrityError: when one isn't what its name says.
        """
        with watch("verifying contents", sum(self.moved.values()), True) as tick:

            def check(digest: str) -> int:
                self._to.verify(digest)
                return self.moved[digest]

            for size in ahead(check, self.moved, CONTENTS_AT_A_TIME):
                tick(size)

    def _put(self, digests: list[str], tick: Callable[[int], None]) -> None:
        paths = self._from.paths(digests)
        for digest, kept in zip(digests, self._to.put_many(paths, progress=tick), strict=True):
            if kept != digest:
                raise IntegrityError(
                    f"stored content {digest[:12]} was changed: it now hashes to {kept[:12]}",
                    hint="restore it from a copy; `jupyter mlops data verify` names what is damaged",
                )
            if self._to.url and self._to.folder != self._from.folder:
                self._to.discard(digest)  # else the whole store would lie here once more

    def _keep_unpacked(self) -> None:
        """Make contents of bundles that the first release only kept as folders."""
        folder = self._source.bundles.folder
        for bundle in folder.iterdir() if folder.is_dir() else ():
            if is_digest(bundle.name) and bundle.is_dir() and not self._from.has(bundle.name):
                self._source.bundles.keep(bundle.name)


def _key_of(url: str) -> str:
    scheme = urlparse(url).scheme
    if scheme in ("http", "https"):
        return "tracking_uri"
    return "store" if scheme.partition("+")[0] in _SQL else "objects"


def _check_idle(settings: Settings) -> None:
    running = [run.run_id for run in run_state.runs(settings) if run.status == "running"]
    if running:
        raise UsageError(f"run {running[0]} is under way", hint="wait for its end, or stop it")


def _mover(settings: Settings, new: Settings) -> Moving:
    from jupyter_mlops.store.moving import Moving

    mover = Moving(settings.database_url("store"), new.database_url("store"))
    mover.prepare()
    return mover


def _move_rows(mover: Moving, watch: Watch) -> dict[str, int]:
    with watch("copying records", mover.missing(), False) as tick:
        mover.copy(tick)
    with watch("comparing records", mover.uncompared(), False) as tick:
        return mover.compare(tick)


def _fill_mlflow(new: Settings, watch: Watch) -> dict[str, Any]:
    from jupyter_mlops.registry import syncing

    with watch("filling MLflow", None, False) as tick:
        found: dict[str, Any] = msgspec.to_builtins(syncing.sync(new, lambda _ref: tick(1)))
    return found
