"""MLflow's tracking: one database and one experiment a project, reached without touching MLflow's global state."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import tempfile
import warnings
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.store.files import copy_atomic, file_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_mlops.settings import Settings

    # A figure: its name, step, value, and when, in milliseconds.
    Point = tuple[str, int, float, int]

SQLITE = "sqlite:///"
_NOT_A_KEY = re.compile(r"[^A-Za-z0-9_\-. :/]")
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000
# What MLflow takes in one call.
_METRICS, _PARAMS = 900, 100
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

    @property
    def shown(self) -> str:
        """The address without a password."""
        return _shown(self.uri)

    def exists(self) -> bool:
        """Say whether there is anything to read; a server is taken to be there."""
        return self.file is None or self.file.is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock on MLflow: its SQLite store gives up after five busy seconds, this doesn't."""
        with file_lock(self.settings.state / "mlflow.lock"):
            yield

    def begin(self, name: str, tags: Mapping[str, str], at: int) -> str:
        """Begin a run of the project's experiment at ``at`` (milliseconds); return MLflow's id for it."""
        labels = {_key(key): value[:_LONGEST_TAG] for key, value in tags.items()}
        created = self.client.create_run(self.experiment, start_time=at, tags=labels, run_name=name)
        return str(created.info.run_id)

    def log(self, run_id: str, params: Mapping[str, Any], points: Iterable[Point]) -> None:
        """Keep parameters and figures with a run; what is there already changes nothing."""
        from mlflow.entities import Metric, Param

        settings = [Param(_key(key), str(value)[:_LONGEST_PARAM]) for key, value in params.items()]
        for start in range(0, len(settings), _PARAMS):
            self.client.log_batch(run_id, params=settings[start : start + _PARAMS])
        figures = [Metric(_key(key), value, at, step) for key, step, value, at in points]
        for start in range(0, len(figures), _METRICS):
            self.client.log_batch(run_id, metrics=figures[start : start + _METRICS])

    def _connect(self) -> Any:
        if self.file is not None and not self.file.is_file():
            _place_new(self.file)
        return opened(self.uri)

    def _create_experiment(self, name: str) -> str:
        # A server has a place of its own for them; a database has none.
        server = self.uri.startswith(("http://", "https://", "databricks"))
        artifacts = None if server else (self.settings.state / "artifacts").as_uri()
        return str(self.client.create_experiment(name, artifact_location=artifacts))


def _place_new(file: Path) -> None:
    """Put an empty database of MLflow's in place; to make one takes most of a second, so one is kept a version."""
    from importlib import metadata

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    kept = cache / "jupyter-mlops" / f"mlflow-{metadata.version('mlflow')}.db"
    try:
        if not kept.is_file():
            _make(kept)
        copy_atomic(kept, file)
    except OSError:  # no home, or one that can't be written to
        _make(file)


def _make(file: Path) -> None:
    """Make a database apart and put it in place in one step: MLflow can't go on with tables half made."""
    with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
        draft, whole = Path(folder) / "draft.db", Path(folder) / "whole.db"
        opened(f"{SQLITE}{draft}")
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            # MLflow makes its default experiment anew where it opens the copy, with the artifacts' place there.
            connection.execute("DELETE FROM experiments")
            connection.execute("VACUUM INTO ?", [str(whole)])
        with closing(sqlite3.connect(whole)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers then never keep a writer waiting
        copy_atomic(whole, file)


def opened(uri: str) -> Any:
    """Return an ``MlflowClient`` whose stores are open.

    Raises:
        SettingsError: when MLflow can't open its database or reach its server.
    """
    mlflow = load_mlflow()
    try:
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_registered_models(max_results=1)  # the registry's own store is opened now, in the lock
    except mlflow.exceptions.MlflowException as error:
        raise SettingsError(f"MLflow can't open {_shown(uri)}: {error}", hint="mend tracking_uri") from error
    return client


def load_mlflow() -> Any:
    """Import MLflow without its telemetry and without its warnings about itself."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    # Where a server is the mirror, it would say so on stdout, which is for results.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
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


def _shown(uri: str) -> str:
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)


def _key(text: str) -> str:
    """Replace what MLflow doesn't allow in a name."""
    return _NOT_A_KEY.sub("_", text)[:250]
