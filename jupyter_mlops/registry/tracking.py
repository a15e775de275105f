"""MLflow's tracking: one database and one experiment a project, reached without touching MLflow's global state."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.store.files import copy_atomic, file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_mlops.records.run import Run
    from jupyter_mlops.settings import Settings

SQLITE = "sqlite:///"
_NOT_A_KEY = re.compile(r"[^A-Za-z0-9_\-. :/]")
_LONGEST_PARAM = 6000
# What MLflow takes in one call.
_METRICS, _PARAMS, _TAGS = 900, 100, 100
_CHATTY = ("mlflow", "alembic")


class Tracking:
    """Hold a project's connection to MLflow, opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.uri = settings.database_url("tracking_uri")
        self._client: Any = None
        self._experiment = ""

    @property
    def file(self) -> Path | None:
        """The database where it is a SQLite file, else ``None``."""
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    @property
    def client(self) -> Any:
        """The ``MlflowClient``; made, and its database migrated, by one process at a time.

        Raises:
            SettingsError: when MLflow can't open its database or reach its server.
        """
        if self._client is None:
            with self.locked(), quiet():
                self._client = self._connect()
        return self._client

    @property
    def experiment(self) -> str:
        """The id of the project's experiment, made on first use; artifacts go to ``.mlops/artifacts``."""
        if not self._experiment:
            client = self.client
            name = self.settings.root.name or "jupyter-mlops"
            with self.locked(), quiet():
                found = client.get_experiment_by_name(name)
                self._experiment = str(found.experiment_id if found else self._create_experiment(name))
        return self._experiment

    def exists(self) -> bool:
        """Say whether there is anything to read; a server is taken to be there."""
        return self.file is None or self.file.is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock on MLflow: its SQLite store gives up after five busy seconds, this doesn't."""
        with file_lock(self.settings.state / "mlflow.lock"):
            yield

    def log_run(self, run: Run) -> str:
        """Keep a pipeline's run as an MLflow run; return MLflow's id for it."""
        tags = {"jupyter_mlops.run": run.run_id, "jupyter_mlops.notebook": run.notebook}
        if run.commit is not None:
            tags["mlflow.source.git.commit"] = run.commit.sha
        experiment = self.experiment
        with self.locked(), quiet():
            run_id = self.start_run(experiment, run.run_id, run.params, run.metrics, tags)
            self.client.set_terminated(run_id, "FINISHED" if run.status == "succeeded" else "FAILED")
        return run_id

    def start_run(
        self,
        experiment: str,
        name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> str:
        """Begin a run with what is known of it; the caller holds the lock."""
        from mlflow.entities import Metric, Param, RunTag

        run_id: str = self.client.create_run(experiment, run_name=name).info.run_id
        at = int(time.time() * 1000)
        figures = [Metric(_key(key), float(value), at, 0) for key, value in metrics.items()]
        settings = [Param(_key(key), str(value)[:_LONGEST_PARAM]) for key, value in params.items()]
        labels = [RunTag(_key(key), value) for key, value in tags.items()]
        for start in range(0, max(len(figures), len(settings), len(labels)), min(_METRICS, _PARAMS, _TAGS)):
            part = slice(start, start + min(_METRICS, _PARAMS, _TAGS))
            self.client.log_batch(run_id, metrics=figures[part], params=settings[part], tags=labels[part])
        return run_id

    def _connect(self) -> Any:
        if self.file is not None and not self.file.is_file():
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._make(self.file)
        return self._opened(self.uri)

    def _make(self, file: Path) -> None:
        """Make the database apart and put it in place in one step: MLflow can't go on with tables half made."""
        draft, whole = (file.with_name(f"{file.name}.{suffix}") for suffix in ("draft", "whole"))
        _remove(draft, whole)
        self._opened(f"{SQLITE}{draft}")
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("VACUUM INTO ?", [str(whole)])
        with closing(sqlite3.connect(whole)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers then never keep a writer waiting
        copy_atomic(whole, file)
        _remove(draft, whole)

    def _opened(self, uri: str) -> Any:
        mlflow = load_mlflow()
        try:
            client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
            client.search_registered_models(
                max_results=1
            )  # the registry's own store is opened now, in the lock
        except mlflow.exceptions.MlflowException as error:
            raise SettingsError(f"MLflow can't open {uri}: {error}", hint="mend tracking_uri") from error
        return client

    def _create_experiment(self, name: str) -> str:
        artifacts = (self.settings.state / "artifacts").as_uri() if self.file is not None else None
        return str(self.client.create_experiment(name, artifact_location=artifacts))


def _remove(*databases: Path) -> None:
    for database in databases:
        for path in database.parent.glob(f"{database.name}*"):
            path.unlink()


def load_mlflow() -> Any:
    """Import MLflow without its telemetry and without its warnings about itself."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with quiet():
        import mlflow

        return mlflow


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's log lines and warnings, which speak of its own inside, away from the notebook."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _key(text: str) -> str:
    """Replace what MLflow doesn't allow in a name."""
    return _NOT_A_KEY.sub("_", text)[:250]
