"""Take the bundles of model versions away that nobody needs at hand; their records stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.model import ModelVersion, Promotion, Retirement
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.registry import standing, syncing
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.turns import turn
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

# So many versions of a model that was served stay at hand, to go back to.
SERVED = 5
NEWEST = 5


class Collected(Value, frozen=True, kw_only=True):
    """Name the versions whose bundle was taken away, or would be; ``size_bytes`` is what that frees."""

    versions: tuple[str, ...]
    size_bytes: int
    dry_run: bool = False


def collect(
    settings: Settings, name: str | None = None, *, keep: int = NEWEST, dry_run: bool = False
) -> Collected:
    """Take bundles away but those of the newest versions, of every alias, and of the last five served.

    Killed at any moment, no alias points at a version without its bundle, and the next call goes on.

    Args:
        settings: the project.
        name: of one model; default: all.
        keep: how many of the newest versions of each model stay.
        dry_run: only say what would go.

    Raises:
        NotFoundError: when there is no model of that name.
        UsageError: when nothing newest would be kept.
        DeniedError: when a rule says no.
    """
    if keep < 1:
        raise UsageError(f"--keep {keep} would leave nothing newest", hint="keep at least 1")
    store = open_store(settings)
    known = store.ledger.names("model")
    if name is not None and name not in known:
        raise NotFoundError.of("model", name, known)
    chosen = known if name is None else [name]
    if dry_run or not known:
        going = [version for each in chosen for version in _unneeded(store, each, keep)]
        return _told(store, known, going, dry_run=True)
    with (
        acting(settings, "model.gc", f"model/{name}" if name else "models", keep=keep) as act,
        turn(settings, standing.TURN),
    ):
        going = [version for each in chosen for version in _unneeded(store, each, keep)]
        told = _told(store, known, going, dry_run=False)
        # On record first: from here on nobody can promote them.
        store.ledger.append(*map(_retirement, going))
        _take_away(store, known)
        act.note(versions=list(told.versions), size_bytes=told.size_bytes)
    if going:
        syncing.request(settings)
    return told


def needed(
    versions: Sequence[ModelVersion], aliased: Iterable[int], served: Sequence[int], keep: int
) -> set[int]:
    """Return the numbers of the versions that stay (pure).

    Args:
        versions: of one model, the highest number first.
        aliased: the numbers that an alias points at.
        served: the numbers that were served, newest first; as often as they were.
        keep: how many of the newest stay.
    """
    last_served = list(dict.fromkeys(served))[:SERVED]
    return {*(version.version for version in versions[:keep]), *aliased, *last_served}


def _unneeded(store: Store, name: str, keep: int) -> list[ModelVersion]:
    versions = [one for one in standing.versions(store, name) if not _is_collected(store, one)]
    stay = needed(versions, standing.aliases(store, name).values(), _served(store, name), keep)
    return [version for version in versions if version.version not in stay]


def _served(store: Store, name: str) -> list[int]:
    """Return the versions that were put before clients or were champion, newest first."""
    events = [
        *store.ledger.find("deployment"),
        *store.ledger.find("promotion", f"{name}.{standing.CHAMPION}"),
    ]
    return [
        event.version
        for event in sorted(events, key=lambda record: record.created_at, reverse=True)
        if isinstance(event, Promotion) or (isinstance(event, Deployment) and event.model == name)
    ]


def _take_away(store: Store, names: Sequence[str]) -> None:
    going = _contents_going(store, names, ())
    bundles = {version.bundle for version in _all(store, names)} & going
    # The manifests last: whoever is killed before knows from them what else is to go.
    for digest in sorted(going, key=lambda digest: (digest in bundles, digest)):
        store.bundles.remove(digest)
        store.objects.delete(digest, grace=0.0)


def _told(store: Store, names: Sequence[str], going: Sequence[ModelVersion], *, dry_run: bool) -> Collected:
    sizes = store.objects.digests() if going else {}
    contents = _contents_going(store, names, going)
    return Collected(
        versions=tuple(f"{version.name}/{version.version}" for version in going),
        size_bytes=sum(sizes.get(digest, 0) for digest in contents),
        dry_run=dry_run,
    )


def _contents_going(store: Store, names: Sequence[str], also: Sequence[ModelVersion]) -> set[str]:
    """Return what the bundles of collected versions, and of ``also``, consist of and no other bundle does."""
    refs = {str(version.ref) for version in also}
    going: set[str] = set()
    staying: set[str] = set()
    for version in _all(store, names):
        goes = str(version.ref) in refs or _is_collected(store, version)
        (going if goes else staying).update(_contents(store, version))
    return going - staying


def _contents(store: Store, version: ModelVersion) -> tuple[str, ...]:
    try:
        return store.bundles.contents(version.bundle)
    except NotFoundError:
        return ()


def _all(store: Store, names: Sequence[str]) -> list[ModelVersion]:
    return [version for name in names for version in standing.versions(store, name)]


def _is_collected(store: Store, version: ModelVersion) -> bool:
    return standing.collected(store, version.name, version.version)


def _retirement(version: ModelVersion) -> Retirement:
    return Retirement(
        name=version.name,
        version=version.version,
        cause="collected",
        reason="neither among the newest nor the last served, and without an alias",
        parents=(str(version.ref),),
        created_at=stamp.now(),
        author=stamp.author(),
    )
