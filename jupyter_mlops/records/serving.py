"""What is deployed, and what it answered."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref


class Deployment(Record, frozen=True, kw_only=True):
    """Record that a model version was put before clients at an address."""

    deployment_id: str
    model: str
    version: int
    bundle: str
    address: str

    @property
    def ref(self) -> Ref:
        """``deployment/<id>``."""
        return Ref("deployment", self.deployment_id)


class Prediction(Record, frozen=True, kw_only=True):
    """Record one answered request: ``inputs`` and ``outputs`` map names to values by row."""

    prediction_id: str
    deployment: str
    model: str
    version: int
    rows: int
    inputs: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    outputs: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    milliseconds: float = 0.0

    @property
    def ref(self) -> Ref:
        """``prediction/<id>``."""
        return Ref("prediction", self.prediction_id)


class Feedback(Value, frozen=True, kw_only=True):
    """Say what came true of one row of a prediction; ``author`` is who told it, where that is known."""

    prediction_id: str
    row: int = 0
    label: str | float | bool
    created_at: str = ""
    author: str = ""
