"""What stands behind a prediction, model version, run or dataset version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.governance import lineage_text, openlineage
from jupyter_mlops.governance.lineage import JUDGEMENTS, Lineage, trace, trace_downstream
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.expectation import Validation
from jupyter_mlops.records.model import ModelVersion, Promotion
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.records.serving import Deployment, Prediction
from jupyter_mlops.store.ledger import KINDS
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows.acting import allow
from jupyter_mlops.workflows.serve import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.records.base import Record
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.sql_ledger import Reading

_SHORTEST_PREFIX = 8
_NEAR = 50
# More often a stage isn't executed in one run.
_ATTEMPTS = 20
FORMS = "give a prediction's or run's id, model/3, model@champion, or dataset@version"


def lineage(settings: Settings, text: str, *, downstream: bool = False) -> Lineage:
    """Return the chain behind ``text``, or with ``downstream`` what was made from it.

    Args:
        settings: the project.
        text: ``prediction/ID``, ``model/churn@3``, ``dataset/churn@4f2a``, ``run/ID``; or shorter: a bare prediction
            or run id, ``churn/3``, ``churn@champion``, ``churn@4f2a``, ``churn`` (its newest version).
        downstream: walk to what was made from it instead.

    Raises:
        NotFoundError: when it isn't on record; names what is near.
        DeniedError: when it may not be read.
    """
    with open_store(settings).ledger.reading() as records:
        history = _History(settings, records)
        start = history.find(text)
        allow(settings, "read", _about(start))
        if downstream:
            return trace_downstream(start, children=history.children)
        history.start = start
        return trace(start, sources=history.sources, fetch=records.among, judgements=history.judgements)


def _about(record: Record) -> str:
    """Return the model or data set that a record is about, as the roles name it; empty for others."""
    model = getattr(record, "model", "")
    return f"model/{model}" if model else str(record.ref)


def shown(chain: Lineage, form: str) -> str:
    """Return a lineage as ``text`` for people, as a ``mermaid`` diagram or as an ``svg`` picture.

    Raises:
        UsageError: when there are too many records for a picture.
    """
    if form == "svg":
        from jupyter_mlops.governance import lineage_svg

        return lineage_svg.render(chain)
    return lineage_text.mermaid(chain) if form == "mermaid" else lineage_text.text(chain)


def open_lineage(settings: Settings, chain: Lineage) -> list[dict[str, Any]]:
    """Return a lineage as OpenLineage events; the project's folder gives them their namespace."""
    return openlineage.events(chain, settings.root.name)


class _History:
    def __init__(self, settings: Settings, records: Reading) -> None:
        self._settings = settings
        self._records = records
        self.start: Record | None = None

    def get(self, ref: str) -> Record | None:
        try:
            return self._records.seek(ref)
        except NotFoundError:
            return None

    def find(self, text: str) -> Record:
        for candidate in self._candidates(text.strip()):
            if candidate is not None:
                return candidate
        raise NotFoundError.of("record", text, self._known(), hint="" if self._known() else FORMS)

    def _candidates(self, text: str) -> Iterator[Record | None]:
        kind, slash, rest = text.partition("/")
        if slash and kind == "prediction":
            yield self._prediction(rest)
        elif slash and kind in KINDS:
            yield self.get(text)
            if kind == "model":
                yield self._model(rest)
        elif slash:
            yield self._model(text)
        elif "@" in text:
            yield self._model(text)
            yield self.get(f"dataset/{text}")
        elif text:
            yield self.get(f"run/{text}")
            yield self._prediction(text)
            yield self._model(text)
            yield self.get(f"dataset/{text}")
            yield self.get(f"deployment/{text}")

    def _model(self, text: str) -> Record | None:
        name, _, version = re.sub(r"@(?=\d+$)", "/", text).partition("/")
        if version.isdigit():
            return self.get(f"model/{name}@{version}")
        from jupyter_mlops.workflows.models import resolve

        try:
            return resolve(self._settings, text)
        except NotFoundError:
            return None

    def _prediction(self, text: str) -> Record | None:
        path = self._settings.state / PREDICTIONS
        if not path.is_file():
            return None
        log = PredictionLog(path)
        try:
            ids = [text] if len(text) < _SHORTEST_PREFIX else log.ids(text, limit=2)
            return log.find(ids[0]) if len(ids) == 1 else log.find(text)
        except NotFoundError:
            return None
        finally:
            log.close()

    def _known(self) -> list[str]:
        found = self._records.find
        models = [f"{record.ref.name}/{record.ref.version}" for record in found("model", limit=_NEAR)]
        datasets = [
            f"{record.ref.name}@{record.ref.version[:12]}" for record in found("dataset", limit=_NEAR)
        ]
        return [*models, *datasets, *(record.ref.name for record in found("run", limit=_NEAR))]

    def sources(self, records: Sequence[Record]) -> dict[str, list[str]]:
        """Return for each record the references that it was made from: its parents, and what its own fields name."""
        models = [record for record in records if isinstance(record, ModelVersion)]
        stages = self._stages_of(models)
        return {
            ref: list(dict.fromkeys([*self._sources(record), *stages.get(ref, ())]))
            for record in records
            for ref in [str(record.ref)]
        }

    def judgements(self, records: Sequence[Record]) -> list[tuple[str, Record]]:
        """Return what judges the records, oldest first.

        Of model versions it is gates, approvals and promotions, of dataset versions the newest check.
        """
        models = {str(record.ref): record for record in records if isinstance(record, ModelVersion)}
        data = [str(record.ref) for record in records if isinstance(record, DatasetVersion)]
        made = self._records.made_from((*models, *data), JUDGEMENTS) if models or data else []
        judged = [(ref, child) for ref, child in made if ref in models and _judges(child, models[ref])]
        # Newest first: the first one of each is the newest.
        checks = {ref: child for ref, child in reversed(made) if isinstance(child, Validation)}
        return sorted([*judged, *checks.items()], key=lambda pair: pair[1].created_at)

    def children(self, records: Sequence[Record]) -> list[tuple[str, Record]]:
        """Return what was made from the records; predictions are left out, they are in the log by the thousand."""
        return self._records.made_from(str(record.ref) for record in records)

    def _sources(self, record: Record) -> list[str]:
        found = [ref for ref in record.parents if not _compared_with(record, ref)]
        if isinstance(record, Prediction):
            found.append(f"deployment/{record.deployment}")
        elif isinstance(record, Deployment):
            found.append(f"model/{record.model}@{record.version}")
        elif isinstance(record, ModelVersion):
            found += [name if name.startswith("dataset/") else f"dataset/{name}" for name in record.datasets]
            found += [f"run/{record.run_id}"] if record.run_id else []
        elif isinstance(record, StageExecution):
            found += [f"dataset/{one.name}@{one.version}" for one in record.datasets]
        elif isinstance(record, Run) and record is not self.start:
            # Of a run that a model came from only the stages behind that model matter; they hang on the model's stage.
            found = [ref for ref in found if not ref.startswith("stage/")]
        return found

    def _stages_of(self, models: Sequence[ModelVersion]) -> dict[str, list[str]]:
        """Return for each model, by its reference, the executions of the stage that logged it."""
        made_in = {str(model.ref): model for model in models if model.run_id}
        runs = self._records.among(f"run/{model.run_id}" for model in made_in.values())
        found = {}
        for ref, model in made_in.items():
            run = runs.get(f"run/{model.run_id}")
            # A run that was killed has no record, but the stages it finished have.
            made = run.parents if run is not None else self._finished(model.stage, model.run_id)
            ending = f".{model.stage}@{model.run_id}"
            found[ref] = [one for one in made if one.startswith("stage/") and f"{ending}." in f"{one}."]
        return found

    def _finished(self, stage: str, run_id: str) -> list[str]:
        names = [name for name in self._records.names("stage") if name.endswith(f".{stage}")]
        tries = ["", *(f".{attempt}" for attempt in range(2, _ATTEMPTS))]
        return list(
            self._records.among(f"stage/{name}@{run_id}{attempt}" for name in names for attempt in tries)
        )


def _compared_with(record: Record, ref: str) -> bool:
    """Say whether ``ref`` is a version that ``record`` only compared with another: no part of what made it."""
    if isinstance(record, Evaluation):
        return ref.startswith("model/") and ref != f"model/{record.model}@{record.version}"
    if isinstance(record, Promotion):
        return ref.startswith("model/") and ref != f"model/{record.name}@{record.version}"
    return False


def _judges(child: Record, model: ModelVersion) -> bool:
    name = child.model if isinstance(child, Evaluation) else getattr(child, "name", "")
    return (name, getattr(child, "version", None)) == (model.name, model.version)
