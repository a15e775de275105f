"""Model versions in MLflow's registry: numbers and aliases."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.registry import glance as peek
from jupyter_mlops.registry.flavors import save
from jupyter_mlops.registry.tracking import Tracking, load_mlflow, quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.records.model import Signature
    from jupyter_mlops.records.run import Run
    from jupyter_mlops.settings import Settings

CHALLENGER = "challenger"
CHAMPION = "champion"
SHADOW = "shadow"


class Registry:
    """Register model versions with MLflow and move its aliases; reading never makes a database."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tracking = Tracking(settings)

    def register(
        self,
        name: str,
        model: Any,
        signature: Signature,
        *,
        metrics: Mapping[str, float],
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        requirements: tuple[str, ...] = (),
    ) -> tuple[int, str]:
        """Log a model in a run of its own and register it; return the version number and MLflow's run id."""
        tracking = self.tracking
        experiment = tracking.experiment
        with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder, quiet():
            with tracking.locked():
                run_id = tracking.start_run(experiment, name, params, metrics, tags)
                logged = tracking.client.create_logged_model(experiment, name=name, source_run_id=run_id)
            saved = Path(folder) / "model"
            about = {"run_id": run_id, "model_id": logged.model_id, "artifact_path": logged.artifact_location}
            save(
                model,
                saved,
                signature=signature,
                requirements=list(requirements),
                root=self.settings.root,
                **about,
            )
            tracking.client.log_model_artifacts(logged.model_id, str(saved))
            with tracking.locked():
                version = self._create_version(name, logged, run_id, tags)
                tracking.client.set_terminated(run_id)
        return version, run_id

    def names(self) -> list[str]:
        """Return the registered models' names, sorted."""
        rows = self._glance(peek.NAMES)
        if rows is not None:
            return sorted(str(row[0]) for row in rows)
        with quiet():
            return sorted(model.name for model in self.tracking.client.search_registered_models())

    def versions(self, name: str) -> list[int]:
        """Return the numbers of a model's versions, newest first."""
        rows = self._glance(peek.VERSIONS, name)
        if rows is not None:
            return sorted((int(row[0]) for row in rows), reverse=True)
        with quiet():
            found = self.tracking.client.search_model_versions(f"name='{name}'")
        return sorted((int(version.version) for version in found), reverse=True)

    def aliases(self, name: str) -> dict[str, int]:
        """Return a model's aliases and the versions they point at."""
        rows = self._glance(peek.ALIASES, name)
        if rows is not None:
            return {str(alias): int(version) for alias, version in sorted(rows)}
        mlflow = load_mlflow()
        try:
            with quiet():
                found = self.tracking.client.get_registered_model(name).aliases
        except mlflow.exceptions.MlflowException:
            return {}
        return {alias: int(version) for alias, version in sorted(found.items())}

    def version(self, name: str, which: str | int) -> int:
        """Return the version that a number or an alias means.

        Raises:
            NotFoundError: when there is none; names what there is.
        """
        known = self.versions(name)
        if not known:
            raise NotFoundError.of("model", name, self.names())
        text = str(which)
        if text.isdigit():
            if int(text) in known:
                return int(text)
            raise NotFoundError.of(f"version of {name}", text, map(str, known))
        aliases = self.aliases(name)
        if text not in aliases:
            raise NotFoundError.of(f"alias of {name}", text, aliases)
        return aliases[text]

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        client = self.tracking.client
        with self.tracking.locked(), quiet():
            client.set_registered_model_alias(name, alias, str(version))

    def log_run(self, run: Run) -> str:
        """Keep a pipeline's run as an MLflow run; return MLflow's id for it."""
        return self.tracking.log_run(run)

    def _create_version(self, name: str, logged: Any, run_id: str, tags: Mapping[str, str]) -> int:
        mlflow = load_mlflow()
        client = self.tracking.client
        client.finalize_logged_model(logged.model_id, mlflow.entities.LoggedModelStatus.READY)
        if name not in self.names():
            client.create_registered_model(name)
        # By its folder, not as models:/<id>: MLflow would look that up in the global tracking database.
        created = client.create_model_version(
            name, logged.artifact_location, run_id=run_id, tags=dict(tags), model_id=logged.model_id
        )
        return int(created.version)

    def _glance(self, query: str, *values: str) -> list[tuple[Any, ...]] | None:
        if not self.tracking.exists():
            return []
        file = self.tracking.file
        return peek.glance(file, query, *values) if file is not None else None
