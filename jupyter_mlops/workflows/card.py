"""Gather what is on record of a model version, and write it as a card or as a bill of materials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from jupyter_mlops.errors import IntegrityError, MlopsError, NotFoundError
from jupyter_mlops.governance.model_card.record import Card, Event, Vote
from jupyter_mlops.records.access import Approval
from jupyter_mlops.records.base import from_json
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.description import Description
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import Manifest, ModelVersion, Promotion, Retirement
from jupyter_mlops.records.run import Environment, Run
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.registry.standing import ALIASES, CHAMPION
from jupyter_mlops.store import access, stamp
from jupyter_mlops.store.bundles import signed_text
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import approvals, background, history, models
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyter_mlops.governance.model_card.record import Tone
    from jupyter_mlops.notebook.card_text import CardText
    from jupyter_mlops.records.base import Record
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.opened import Store

Form = Literal["md", "html", "cyclonedx"]
_R = TypeVar("_R", bound="Record")


def card(settings: Settings, text: str, *, clock: Callable[[], str] = stamp.now) -> Card:
    """Gather the card of the version that ``churn/3``, ``churn@champion`` or ``churn`` (the newest) names.

    Raises:
        NotFoundError: when there is no such version.
    """
    view = models.show(settings, text)
    store, model = open_store(settings), view.model
    made = sorted(store.ledger.children(str(model.ref)), key=lambda record: record.created_at)
    run = _record(store, f"run/{model.run_id}", Run) if model.run_id else None
    written, written_in = _text(store, model, run)
    stored = _bundle(store, model.bundle)
    return Card(
        model=model,
        at=clock(),
        lineage=history.lineage(settings, str(model.ref)),
        aliases=view.aliases,
        evaluations=view.evaluations,
        explanation=background.newest(store, model),
        events=tuple(_events(store, model, made)),
        votes=_votes(store, model),
        approvals_needed=_needed(store, model),
        override=_override(model, made) if CHAMPION in view.aliases else None,
        retired=_retired(made),
        run=run,
        text=written,
        text_from=written_in,
        datasets=_datasets(store, model.datasets),
        test=next(iter(_datasets(store, (model.test.dataset,))), None) if model.test else None,
        manifest=stored.manifest,
        size_bytes=stored.size_bytes,
        signed_by=stored.signed_by,
        broken=stored.broken,
        environment=_environment(store, (run.environment if run else "") or model.environment),
    )


def write(found: Card, form: Form) -> str:
    """Write a card as Markdown, as one HTML page, or as a CycloneDX bill of materials in JSON."""
    if form == "cyclonedx":
        from jupyter_mlops.governance import bom

        return bom.render(found)
    from jupyter_mlops.governance.model_card.layout import lay_out

    if form == "html":
        from jupyter_mlops.governance.model_card import page

        return page.render(lay_out(found))
    from jupyter_mlops.governance.model_card import markdown

    return markdown.render(lay_out(found))


def _record(store: Store, ref: str, kind: type[_R]) -> _R | None:
    try:
        found = store.ledger.get(ref)
    except NotFoundError:
        return None
    return found if isinstance(found, kind) else None


def _datasets(store: Store, refs: Iterable[str]) -> tuple[DatasetVersion, ...]:
    named = (ref if ref.startswith("dataset/") else f"dataset/{ref}" for ref in refs)
    found = (_record(store, ref, DatasetVersion) for ref in dict.fromkeys(named))
    return tuple(version for version in found if version is not None)


def _environment(store: Store, digest: str) -> Environment | None:
    try:
        return from_json(store.objects.read(digest), Environment) if digest else None
    except (MlopsError, msgspec.DecodeError):
        return None


@dataclass(frozen=True)
class _Stored:
    """What is in the store of a bundle; ``broken`` says what is wrong with it."""

    manifest: Manifest | None = None
    size_bytes: int | None = None
    signed_by: str = ""
    broken: str = ""


def _bundle(store: Store, digest: str) -> _Stored:
    """Return what a bundle's manifest says; the model in it is neither unpacked nor loaded."""
    try:
        manifest = store.bundles.manifest(digest)
    except IntegrityError as error:
        return _Stored(broken=error.message)
    except MlopsError:
        return _Stored()
    size = _size(store, manifest)
    signature = store.objects.signature(digest)
    if signature is not None and store.keys.verify(signed_text(digest), signature):
        return _Stored(manifest, size, signed_by=manifest.signed_by)
    broken = "its bundle isn't signed by a key that this project trusts" if manifest.signed_by else ""
    return _Stored(manifest, size, broken=broken)


def _size(store: Store, manifest: Manifest) -> int | None:
    try:
        return sum(store.objects.path(content).stat().st_size for content in manifest.files.values())
    except (MlopsError, OSError):
        return None


def _text(store: Store, model: ModelVersion, run: Run | None) -> tuple[CardText | None, str]:
    """Return what was said about the model, and where: the run whose notebook says it, or who said it by hand."""
    from jupyter_mlops.notebook import card_text, cells

    for each in _runs_of(store, model, run):
        try:
            notebook = cells.parse(store.objects.read(each.notebook_digest), each.notebook)
        except MlopsError:
            continue
        # A newer notebook without a card takes back what an older one said.
        text = card_text.of_notebook(notebook, model.name)
        return text, f"run {each.run_id}" if text else ""
    said = None if run else _description(store, model)
    return (card_text.parse(said.text), f"{said.author}, {said.created_at}") if said else (None, "")


def _runs_of(store: Store, model: ModelVersion, run: Run | None) -> list[Run]:
    """Return the runs that gave this version, the newest first.

    A later run in which the stage was unchanged gives the same version: what was written since is about it too.
    """
    ending = f".{model.stage}@{model.run_id}"
    later = [
        record
        for ref in (run.parents if run else ())
        if ref.startswith("stage/") and f"{ending}." in f"{ref}."
        for record in store.ledger.children(ref, "run")
        if isinstance(record, Run) and record.status == "succeeded"
    ]
    known = {each.run_id: each for each in [*later, *([run] if run else [])]}
    return sorted(known.values(), key=lambda each: each.created_at, reverse=True)


def _description(store: Store, model: ModelVersion) -> Description | None:
    """Return the newest words about the model before the version after this one was registered."""
    later = [
        record.created_at
        for record in store.ledger.find("model", model.name)
        if isinstance(record, ModelVersion) and record.version > model.version
    ]
    said = [
        record
        for record in store.ledger.find("description", model.name)
        if isinstance(record, Description) and not (later and record.created_at >= min(later))
    ]
    return said[0] if said else None


def describe(settings: Settings, name: str, text: str, *, clock: Callable[[], str] = stamp.now) -> None:
    """Record what a card cell that was run by hand says of a model; the same words again change nothing.

    In a folder that no project has left anything in yet there is nothing to describe, and nothing is made.

    Raises:
        DeniedError: when a rule says no.
    """
    if not settings.state.is_dir():
        return
    ledger = open_store(settings).ledger
    before = ledger.find("description", name, limit=1)
    if before and isinstance(before[0], Description) and before[0].text == text:
        return
    with acting(settings, "model.log", f"model/{name}", what="the text of its card"):
        ledger.append(Description(name=name, text=text, created_at=clock(), author=stamp.author()))


def _votes(store: Store, model: ModelVersion) -> tuple[Vote, ...]:
    """Return the words about exactly this bundle that count, each user's newest, oldest first."""
    counted = approvals.counting(store, access.policy(store.ledger), model)
    return tuple(
        Vote(
            at=word.created_at,
            author=word.author,
            approved=word.verdict == "approved",
            reason=word.reason,
        )
        for word in sorted(counted, key=lambda word: word.created_at)
    )


def _needed(store: Store, model: ModelVersion) -> int | None:
    rules = access.policy(store.ledger).rules_for(model.name)
    return max((rule.approvals for rule in rules), default=0) or None


def _override(model: ModelVersion, made: list[Record]) -> Event | None:
    """Return the promotion by which the version is champion now, where gates or rules stood against it."""
    found = [
        record
        for record in made
        if isinstance(record, Promotion) and record.alias == CHAMPION and record.version == model.version
    ]
    if not found or not found[-1].override:
        return None
    return Event(at=found[-1].created_at, author=found[-1].author, reason=found[-1].reason, what="override")


def _retired(made: list[Record]) -> str:
    causes = [record for record in made if isinstance(record, Retirement)]
    return ", ".join(dict.fromkeys(record.reason or record.cause for record in causes))


def _events(store: Store, model: ModelVersion, made: list[Record]) -> list[Event]:
    """Return what was decided about the version and done with it, oldest first."""
    stage = f" by stage {model.stage} of run {model.run_id}" if model.run_id else " by hand"
    first = Event(at=model.created_at, author=model.author, what=f"registered{stage}")
    found = [event for record in made if (event := _event(model, record)) is not None]
    return [first, *sorted([*found, *_replaced(store, model)], key=lambda event: event.at)]


def _replaced(store: Store, model: ModelVersion) -> Iterator[Event]:
    """Yield the promotions of other versions that took an alias from this one."""
    for alias in ALIASES:
        for record in store.ledger.find("promotion", f"{model.name}.{alias}"):
            if isinstance(record, Promotion) and record.previous == model.version != record.version:
                what = f"replaced as {alias} by {model.name}/{record.version}"
                yield Event(at=record.created_at, author=record.author, what=what, reason=record.reason)


def _event(model: ModelVersion, record: Record) -> Event | None:
    at, author = record.created_at, record.author
    if isinstance(record, Evaluation) and (record.model, record.version) == (model.name, model.version):
        what = "gate passed" if record.passed else "gate failed"
        return Event(at=at, author=author, what=what, tone="ok" if record.passed else "bad")
    if isinstance(record, Promotion) and record.version == model.version:
        how = "made {} again, by a rollback" if record.rollback else "made {}"
        how = "made {} by an override" if record.override else how
        tone: Tone = "bad" if record.override else ""
        return Event(at=at, author=author, what=how.format(record.alias), reason=record.reason, tone=tone)
    if isinstance(record, Approval) and record.bundle == model.bundle:
        tone = "ok" if record.verdict == "approved" else "bad"
        return Event(at=at, author=author, what=record.verdict, reason=record.reason, tone=tone)
    if isinstance(record, Retirement):
        return Event(at=at, author=author, what=record.cause, reason=record.reason, tone="warn")
    address = record.address if isinstance(record, Deployment) else ""
    return Event(at=at, author=author, what=f"served at {address}") if address else None
