"""Model versions in MLflow: made from what is on record, under the same numbers wherever MLflow lets that be."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError, MlopsError
from jupyter_mlops.records.base import digest_of
from jupyter_mlops.records.model import ModelVersion, Retirement
from jupyter_mlops.registry import attachments
from jupyter_mlops.registry.flavors import save
from jupyter_mlops.registry.tracking import Tracking, load_mlflow

if TYPE_CHECKING:
    from jupyter_mlops.store.opened import Store

_RECORD = "jupyter_mlops.record"
_PLACEHOLDER = "jupyter_mlops.placeholder"


class Versions:
    """Find and make versions of one project in MLflow's registry."""

    def __init__(self, store: Store, tracking: Tracking) -> None:
        self._store = store
        self._tracking = tracking

    def make(self, version: ModelVersion, findings: list[str]) -> bool:
        """Register a version and its model, unless that was done; return whether it was missing.

        Raises:
            MlopsError: when its bundle is gone, changed, or can't be loaded here.
        """
        if self._find(version) is not None:
            return False
        run_id = self._run(version)
        logged = self._logged_model(version, run_id)
        self._save(version, run_id, logged)
        created = self._register(version, run_id, logged)
        self._tracking.client.set_terminated(run_id, "FINISHED", attachments.milliseconds(version.created_at))
        if created != version.version:
            findings.append(
                f"{version.ref} is version {created} in MLflow, where somebody else registered number {version.version}"
            )
        return True

    def retire(self, retirement: Retirement) -> bool:
        """Delete a version whose bundle was taken away, and its files; return whether it was there."""
        if retirement.cause != "collected":
            return False
        record = self._store.ledger.get(f"model/{retirement.name}@{retirement.version}")
        found = self._find(record) if isinstance(record, ModelVersion) else None
        if found is None:
            return False
        client = self._tracking.client
        if found.model_id:
            client.delete_logged_model(found.model_id)
        client.delete_model_version(found.name, str(found.version))
        return True

    def number_of(self, name: str, number: int) -> int | None:
        """Return the number that a version has in MLflow, None where it isn't there."""
        known = self._store.ledger.find("model", name)
        version = next(
            (one for one in known if isinstance(one, ModelVersion) and one.version == number), None
        )
        if version is None:
            # Registered in MLflow alone, in earlier days.
            return number if self._numbered(name, number) is not None else None
        found = self._find(version)
        return None if found is None else int(found.version)

    def numbers(self) -> dict[str, int]:
        """Return the highest number of each registered model; a model without versions has none."""
        client = self._tracking.client
        numbers: dict[str, int] = {}
        for model in client.search_registered_models(max_results=1000):
            highest = client.search_model_versions(
                f"name='{model.name}'", max_results=1, order_by=["version_number DESC"]
            )
            if highest:
                numbers[model.name] = int(highest[0].version)
        return numbers

    def _find(self, version: ModelVersion) -> Any:
        """Return MLflow's version that was made from this record, None where there is none."""
        key = key_of(version)
        same_number = self._numbered(version.name, version.version)
        if same_number is not None:
            made_there = version.mlflow_run and same_number.run_id == version.mlflow_run
            if made_there or same_number.tags.get(_RECORD) == key:
                return same_number
        found = self._tracking.client.search_model_versions(
            f"name='{version.name}' and tag.`{_RECORD}`='{key}'", max_results=1
        )
        return found[0] if found else None

    def _numbered(self, name: str, number: int) -> Any:
        mlflow = load_mlflow()
        try:
            return self._tracking.client.get_model_version(name, str(number))
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def _run(self, version: ModelVersion) -> str:
        """Return MLflow's run for a version, with its parameters and figures; begun again where it was begun."""
        key, at = key_of(version), attachments.milliseconds(version.created_at)
        experiment = self._tracking.experiment
        found = self._tracking.client.search_runs([experiment], f"tags.`{_RECORD}` = '{key}'")
        if found and found[0].info.status != "RUNNING":
            return str(found[0].info.run_id)
        label = f"{version.name}-{version.version}"
        run_id = str(found[0].info.run_id) if found else self._tracking.begin(label, _tags(version), at)
        points = attachments.points(self._store, version.metrics, [version.curves], at)
        self._tracking.log(run_id, {**version.hyperparameters, **version.params}, points)
        return run_id

    def _logged_model(self, version: ModelVersion, run_id: str) -> Any:
        client, experiment = self._tracking.client, self._tracking.experiment
        found = client.search_logged_models([experiment], f"source_run_id = '{run_id}'", max_results=1)
        return (
            found[0]
            if found
            else client.create_logged_model(experiment, name=version.name, source_run_id=run_id)
        )

    def _save(self, version: ModelVersion, run_id: str, logged: Any) -> None:
        mlflow, client = load_mlflow(), self._tracking.client
        ready = mlflow.entities.LoggedModelStatus.READY
        if logged.status == ready:
            return
        about = {"run_id": run_id, "model_id": logged.model_id, "artifact_path": logged.artifact_location}
        with tempfile.TemporaryDirectory(prefix="jupyter-mlops-") as folder:
            saved = Path(folder) / "model"
            self._write(version, saved, about)
            client.log_model_artifacts(logged.model_id, str(saved))
        client.finalize_logged_model(logged.model_id, ready)

    def _write(self, version: ModelVersion, folder: Path, about: dict[str, Any]) -> None:
        try:
            bundle = self._store.bundles.load(version.bundle)
            needed, root = list(bundle.manifest.requirements), self._store.settings.root
            save(bundle.model, folder, signature=version.signature, requirements=needed, root=root, **about)
        except MlopsError:
            raise
        # What a user's object raises while it is built and pickled can be anything.
        except Exception as error:
            raise DataError(f"it can't be written for MLflow: {type(error).__name__}: {error}") from error

    def _register(self, version: ModelVersion, run_id: str, logged: Any) -> int:
        mlflow, client, name = load_mlflow(), self._tracking.client, version.name
        try:
            client.create_registered_model(name)
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        # By its folder, not as models:/<id>: MLflow would look that up in the global tracking database.
        made_of = {"source": logged.artifact_location, "run_id": run_id, "model_id": logged.model_id}
        self._skip_to(name, version.version, made_of)
        return int(client.create_model_version(name, tags=_tags(version), **made_of).version)

    def _skip_to(self, name: str, number: int, made_of: dict[str, str]) -> None:
        """Use up the numbers before ``number``: those of versions that are on record no more, or never were here."""
        client = self._tracking.client
        known = client.search_model_versions(f"name='{name}'")
        for left in known:
            if left.tags.get(_PLACEHOLDER):
                client.delete_model_version(name, left.version)
        highest = max((int(each.version) for each in known), default=0)
        while highest + 1 < number:
            made = client.create_model_version(name, tags={_PLACEHOLDER: "1"}, **made_of)
            client.delete_model_version(name, made.version)
            highest = int(made.version)


def key_of(version: ModelVersion) -> str:
    """Return what MLflow's run and version of this record are found by; it holds whatever fields records gain."""
    return digest_of([str(version.ref), version.bundle, version.created_at])


def _tags(version: ModelVersion) -> dict[str, str]:
    tags = {
        "record": key_of(version),
        "ref": str(version.ref),
        "bundle": version.bundle,
        "run": version.run_id,
        "stage": version.stage,
        "datasets": " ".join(version.datasets),
    }
    return {f"jupyter_mlops.{key}": value for key, value in tags.items() if value}
