"""What MLflow's registry says of a model's numbers and aliases, read without making anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records.base import canonical_json, from_json
from jupyter_mlops.registry import glance as peek
from jupyter_mlops.registry.tracking import Tracking, load_mlflow, quiet
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.settings import Settings

# What the last look at a server gave: log_model doesn't wait for one.
NUMBERS = "mlflow-numbers.json"


class Registry:
    """Ask MLflow; of its SQLite file without loading MLflow."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tracking = Tracking(settings)

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

    def highest(self, name: str) -> int:
        """Return the highest number that MLflow has given to a version of a model, 0 for none; a server isn't asked."""
        rows = self._glance(peek.HIGHEST, name)
        if rows is not None:
            return int(rows[0][0] or 0) if rows else 0
        try:
            known = from_json((self.settings.state / NUMBERS).read_bytes(), dict[str, dict[str, int]])
        except (OSError, msgspec.DecodeError):
            return 0
        return known.get(self.tracking.uri, {}).get(name, 0)

    def remember(self, numbers: Mapping[str, int]) -> None:
        """Keep the highest number of each model, for where MLflow can't be asked in no time."""
        document = {self.tracking.uri: numbers}
        write_atomic(self.settings.state / NUMBERS, canonical_json(document), durable=False)

    def _glance(self, query: str, *values: str) -> list[tuple[Any, ...]] | None:
        if not self.tracking.exists():
            return []
        file = self.tracking.file
        return peek.glance(file, query, *values) if file is not None else None
