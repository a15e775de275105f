"""What stands behind a prediction, model version, run or dataset version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.governance import lineage_text, openlineage
from jupyter_mlops.governance.lineage import Lineage, trace, trace_downstream
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.records.serving import Deployment, Prediction
from jupyter_mlops.store.ledger import KINDS
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows.serve import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.records.base import Record
    from jupyter_mlops.settings import Settings
    from jupyter_mlops.store.ledger import Ledger

_SHORTEST_PREFIX = 8
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
    """
    history = _History(settings)
    start = history.find(text)
    if downstream:
        return trace_downstream(start, children=history.children)
    sources = history.sources_of_start if isinstance(start, Run) else history.sources
    return trace(start, get=history.get, sources=sources, judgements=history.judgements)


def shown(chain: Lineage, form: str) -> str:
    """Return a lineage as ``text`` for people or as a ``mermaid`` diagram."""
    return lineage_text.mermaid(chain) if form == "mermaid" else lineage_text.text(chain)


def open_lineage(settings: Settings, chain: Lineage) -> list[dict[str, Any]]:
    """Return a lineage as OpenLineage events; the project's folder gives them their namespace."""
    return openlineage.events(chain, settings.root.name)


class _History:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger: Ledger = open_store(settings).ledger

    def get(self, ref: str) -> Record | None:
        try:
            return self._ledger.get(ref)
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
        models = [f"{r.name}/{r.version}" for r in self._ledger.find("model") if isinstance(r, ModelVersion)]
        datasets = [
            f"{record.ref.name}@{record.ref.version[:12]}"
            for record in self._ledger.find("dataset", limit=50)
        ]
        return [*models, *datasets, *(record.ref.name for record in self._ledger.find("run", limit=50))]

    def sources(self, record: Record) -> list[str]:
        """Return the references that ``record`` was made from: its parents, and what its own fields name."""
        found = [ref for ref in record.parents if not _compared_with(record, ref)]
        if isinstance(record, Prediction):
            found.append(f"deployment/{record.deployment}")
        elif isinstance(record, Deployment):
            found.append(f"model/{record.model}@{record.version}")
        elif isinstance(record, ModelVersion):
            found += self._sources_of_model(record)
        elif isinstance(record, StageExecution):
            found += [f"dataset/{one.name}@{one.version}" for one in record.datasets]
        elif isinstance(record, Run):
            # Of a run that a model came from only the stages behind that model matter; they hang on the model's stage.
            found = [ref for ref in found if not ref.startswith("stage/")]
        return list(dict.fromkeys(found))

    def sources_of_start(self, record: Record) -> list[str]:
        """Return likewise, with all of a run's stages: the run itself was asked for."""
        return list(dict.fromkeys((*record.parents, *self.sources(record))))

    def judgements(self, record: Record) -> list[Record]:
        """Return the gates and promotions of a model version, oldest first."""
        if not isinstance(record, ModelVersion):
            return []
        made = [child for child in self._ledger.children(str(record.ref)) if _judges(child, record)]
        return sorted(made, key=lambda child: child.created_at)

    def children(self, record: Record) -> list[Record]:
        """Return what was made from ``record``; predictions are left out, they are in the log by the thousand."""
        return self._ledger.children(str(record.ref))

    def _sources_of_model(self, model: ModelVersion) -> list[str]:
        found = [name if name.startswith("dataset/") else f"dataset/{name}" for name in model.datasets]
        if model.run_id:
            found += [f"run/{model.run_id}", *self._stage_of(model)]
        return found

    def _stage_of(self, model: ModelVersion) -> list[str]:
        run = self.get(f"run/{model.run_id}")
        # A run that was killed has no record, but the stages it finished have.
        made = run.parents if isinstance(run, Run) else [str(one.ref) for one in self._ledger.find("stage")]
        ending = f".{model.stage}@{model.run_id}"
        return [ref for ref in made if ref.startswith("stage/") and f"{ending}." in f"{ref}."]


def _compared_with(record: Record, ref: str) -> bool:
    """Say whether ``ref`` is a version that ``record`` only compared with another: no part of what made it."""
    if isinstance(record, Evaluation):
        return ref.startswith("model/") and ref != f"model/{record.model}@{record.version}"
    if isinstance(record, Promotion):
        return ref.startswith("model/") and ref != f"model/{record.name}@{record.version}"
    return False


def _judges(child: Record, model: ModelVersion) -> bool:
    if isinstance(child, Evaluation):
        return (child.model, child.version) == (model.name, model.version)
    return isinstance(child, Promotion) and (child.name, child.version) == (model.name, model.version)
