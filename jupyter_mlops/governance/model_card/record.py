"""What a card is made from: one model version, and everything on record about it."""

from __future__ import annotations

from typing import Literal

from jupyter_mlops.governance.lineage import Lineage
from jupyter_mlops.notebook.card_text import CardText
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.records.model import Manifest, ModelVersion
from jupyter_mlops.records.run import Environment, Run

Tone = Literal["", "ok", "warn", "bad"]


class Event(Value, frozen=True, kw_only=True):
    """Say what somebody decided about the version, or did with it."""

    at: str
    what: str
    author: str = ""
    reason: str = ""
    tone: Tone = ""


class Vote(Value, frozen=True, kw_only=True):
    """Say who approved or rejected the version, and why."""

    at: str
    author: str
    approved: bool
    reason: str = ""


class Card(Value, frozen=True, kw_only=True):
    """Hold all that is on record of one version; what is empty or None was not recorded.

    ``evaluations`` are the gates of the newest occasion, ``explanation`` is the newest one, ``events`` what was decided about
    it, oldest first.
    ``override`` is the promotion, against gates or rules, by which it is champion, where it is so. ``votes`` are everybody's
    newest word about exactly these contents. ``retired`` says why it is out of use, ``signed_by`` names the key whose
    signature of the bundle was verified, ``broken`` says what is wrong with the bundle.
    """

    model: ModelVersion
    at: str
    lineage: Lineage
    aliases: tuple[str, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    explanation: Explanation | None = None
    events: tuple[Event, ...] = ()
    votes: tuple[Vote, ...] = ()
    approvals_needed: int | None = None
    override: Event | None = None
    retired: str = ""
    run: Run | None = None
    text: CardText | None = None
    text_from: str = ""
    datasets: tuple[DatasetVersion, ...] = ()
    test: DatasetVersion | None = None
    manifest: Manifest | None = None
    size_bytes: int | None = None
    environment: Environment | None = None
    signed_by: str = ""
    broken: str = ""

    @property
    def title(self) -> str:
        """``churn/3``."""
        return f"{self.model.name}/{self.model.version}"

    @property
    def task(self) -> str:
        """``classification``, ``regression`` or ``other``; empty where its bundle is gone."""
        return self.manifest.task if self.manifest else ""
