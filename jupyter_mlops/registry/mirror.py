"""MLflow as a mirror of the ledger: whatever is missing there is made, whatever is there stays as it is.

A run, a version or a deletion that was done half, because its process was killed, is found by its tags and completed.
The mirror is never asked what a version's number or an alias is.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import MlopsError, SettingsError
from jupyter_mlops.records.base import Value, canonical_json, digest_of, from_json
from jupyter_mlops.records.model import ModelVersion, Retirement
from jupyter_mlops.records.run import Run
from jupyter_mlops.registry import attachments, standing
from jupyter_mlops.registry.mirrored_versions import Versions
from jupyter_mlops.registry.models import Registry
from jupyter_mlops.registry.tracking import load_mlflow, quiet
from jupyter_mlops.store import changes, stamp
from jupyter_mlops.store.recording import recorded
from jupyter_mlops.store.turns import turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.records.base import Record
    from jupyter_mlops.store.opened import Store

KINDS = ("run", "model", "retirement")
_OFTEN = 50
_MOST = 200  # no more than one look at the ledger gives
_RUN = "jupyter_mlops.run"
_NOTEBOOK = "jupyter_mlops.notebook"
_ALIAS = "jupyter_mlops.alias."


class Report(Value, frozen=True, kw_only=True):
    """Say what was done to make MLflow agree, and what was found there that shouldn't be."""

    runs: int = 0
    versions: int = 0
    aliases: int = 0
    findings: tuple[str, ...] = ()


class Mark(Value, frozen=True, kw_only=True):
    """Say how far the ledger was mirrored, and which places before that didn't work and are to be tried again."""

    after: int = 0
    again: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str) -> Mark:
        """Return what ``text`` says; the beginning, where somebody changed it into nonsense."""
        try:
            return from_json(text, cls)
        except msgspec.DecodeError:
            return cls()

    @property
    def text(self) -> str:
        """The form that MLflow keeps."""
        return canonical_json(self).decode()

    def past(self, place: int, *, again: bool = False) -> Mark:
        """Return the mark when the record at ``place`` was looked at."""
        others = tuple(one for one in self.again if one != place)
        return Mark(after=max(self.after, place), again=(*others, place)[-_MOST:] if again else others)


class Mirror:
    """Bring one project's MLflow up to date; the caller sees to it that only one does.

    Args:
        store: the project's.
        on_step: is told the reference of each record that is looked at.
    """

    def __init__(self, store: Store, on_step: Callable[[str], None] | None = None) -> None:
        self._store = store
        self._on_step = on_step or (lambda _ref: None)
        self._registry = Registry(store.settings)
        self._tracking = self._registry.tracking
        self._versions = Versions(store, self._tracking)
        self._findings: list[str] = []
        self._done = {"run": 0, "model": 0, "retirement": 0, "alias": 0}

    def sync(self) -> Report:
        """Make MLflow say what the ledger says.

        Raises:
            SettingsError: when MLflow can't be reached; what was done until then stays, the next sync goes on.
        """
        mlflow = load_mlflow()
        try:
            with quiet():
                self._go_through_changes()
                for name in self._store.ledger.names("model"):
                    self._aliases(name)
                if self._tracking.file is None:
                    self._registry.remember(self._versions.numbers())
        except mlflow.exceptions.MlflowException as error:
            raise SettingsError(
                f"MLflow at {self._tracking.shown} can't be brought up to date: {error}",
                hint="everything is on record; run `jupyter mlops models sync` when MLflow is there again",
            ) from error
        return Report(
            runs=self._done["run"],
            versions=self._done["model"],
            aliases=self._done["alias"],
            findings=tuple(self._findings),
        )

    def _go_through_changes(self) -> None:
        """Mirror what came since the last time; how far that was MLflow keeps, so a new one gets everything."""
        url = self._store.settings.database_url("store")
        key = f"jupyter_mlops.after.{digest_of(url)[:12]}"
        client, experiment = self._tracking.client, self._tracking.experiment
        mark = Mark.read(client.get_experiment(experiment).tags.get(key, ""))
        begun = mark
        again = (changes.at(url, mark.again), changes.since(url, mark.after, KINDS))
        for number, (place, record) in enumerate(itertools.chain(*again), 1):
            self._on_step(str(record.ref))
            try:
                self._done[record.ref.kind] += self._one(record)
                mark = mark.past(place)
            except MlopsError as error:
                # A version whose bundle is gone or can't be loaded here; the others don't hang on it.
                self._findings.append(f"{record.ref}: {error.message}")
                mark = mark.past(place, again=True)
            if number % _OFTEN == 0:
                client.set_experiment_tag(experiment, key, mark.text)
        if mark != begun:
            client.set_experiment_tag(experiment, key, mark.text)

    def _one(self, record: Record) -> bool:
        """Mirror a record; return whether anything was missing."""
        if isinstance(record, Run):
            return self._run(record)
        if isinstance(record, ModelVersion):
            if standing.collected(self._store, record.name, record.version):
                return False
            return self._versions.make(record, self._findings)
        if isinstance(record, Retirement):
            return self._versions.retire(record)
        return False

    def _run(self, run: Run) -> bool:
        if not any(stage.status in ("executed", "failed") for stage in run.stages):
            return False  # nothing but what is in MLflow from the run that did it
        client = self._tracking.client
        # The runs of versions name the pipeline's run too, but no notebook.
        mine = f"tags.`{_RUN}` = '{run.run_id}' and tags.`{_NOTEBOOK}` LIKE '%'"
        found = client.search_runs([self._tracking.experiment], mine)
        if found and found[0].info.status != "RUNNING":
            return False
        at = attachments.milliseconds(run.created_at)
        tags = {_RUN: run.run_id, _NOTEBOOK: run.notebook, "mlflow.user": run.author}
        tags["mlflow.source.name"] = run.notebook
        if run.commit is not None:
            tags["mlflow.source.git.commit"] = run.commit.sha
        run_id = found[0].info.run_id if found else self._tracking.begin(run.run_id, tags, at)
        ended = attachments.milliseconds(run.finished_at or run.created_at)
        executions = attachments.executions(self._store, run)
        digests = [execution.curves for execution in executions]
        points = attachments.points(self._store, run.metrics, digests, ended)
        self._tracking.log(run_id, run.params, points)
        with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
            attachments.write(self._store, run, executions, Path(folder))
            client.log_artifacts(run_id, folder)
        client.set_terminated(run_id, "FINISHED" if run.status == "succeeded" else "FAILED", ended)
        return True

    def _aliases(self, name: str) -> None:
        """Point MLflow's aliases where the ledger's point; one that somebody moved there is put back, and told."""
        with turn(self._store.settings, standing.TURN):
            over = standing.taken_over(self._store, name)
            if over:
                log, why = self._store.audit, over[0].reason
                with recorded(log, stamp.author(), "model.promote", f"model/{name}", reason=why, details={}):
                    self._store.ledger.append(*over)
        wanted = standing.aliases(self._store, name)
        client = self._tracking.client
        mlflow = load_mlflow()
        try:
            there = client.get_registered_model(name)
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return
        for alias in standing.ALIASES:
            self._alias(name, alias, wanted.get(alias), there)

    def _alias(self, name: str, alias: str, version: int | None, there: Any) -> None:
        client = self._tracking.client
        now = there.aliases.get(alias)
        ours = there.tags.get(_ALIAS + alias)
        number = None if version is None else self._versions.number_of(name, version)
        if version is not None and number is None:
            self._findings.append(
                f"{name}@{alias}: version {version} is not in MLflow, so the alias isn't either"
            )
            return
        wanted = None if number is None else str(number)
        if now is not None and ours is not None and str(now) not in (ours, wanted):
            self._findings.append(
                f"{name}@{alias} was moved to version {now} in MLflow; it is {wanted or 'no version'} on record,"
                " and so it is again in MLflow (move it with `jupyter mlops models promote`)"
            )
        if wanted is None:
            if now is not None and ours is None:
                self._findings.append(
                    f"{name}@{alias} is version {now} in MLflow, on record it is none; nothing uses it"
                )
            elif now is not None:
                # Set by an earlier sync, for a version that turned out not to be a result.
                client.delete_registered_model_alias(name, alias)
                self._done["alias"] += 1
            if ours is not None:
                client.delete_registered_model_tag(name, _ALIAS + alias)
            return
        if str(now) != wanted:
            client.set_registered_model_alias(name, alias, wanted)
            self._done["alias"] += 1
        # After it: between the two a killed process leaves what looks like a change of its own, not of a stranger's.
        if ours != wanted:
            client.set_registered_model_tag(name, _ALIAS + alias, wanted)
