"""Answers explained: what each input added to one, in the process that gave it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import IntegrityError, NotFoundError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.explanation import Method, RowExplanation, Scale
from jupyter_mlops.serving import open_inference
from jupyter_mlops.serving.columns import DECODE_ERRORS
from jupyter_mlops.serving.problems import RequestError, UnknownPredictionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_mlops.explanation.attributions import Data, Explainer
    from jupyter_mlops.records.serving import Deployment
    from jupyter_mlops.serving.loader import ServedModel
    from jupyter_mlops.store.predictions import PredictionLog

MOST_ROWS = 100
# So many rows are explained in one go, before predictions get their turn.
TOGETHER = 10
Columns = dict[str, list[Any]]


class Explained(Value, frozen=True, kw_only=True):
    """Hold the explanations of some rows, how they were found, and what they add up to."""

    method: Method
    scale: Scale
    explanations: tuple[RowExplanation, ...]


class _Parameters(msgspec.Struct, frozen=True):
    features: tuple[str, ...] = ()


class _Request(msgspec.Struct, frozen=True):
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    id: str = ""
    parameters: _Parameters = _Parameters()


_decoder = msgspec.json.Decoder(_Request)


class Explaining:
    """Explain a served model's answers; what that takes is loaded when the first one is asked for.

    Args:
        model: the model.
        background: a request of the Open Inference Protocol with the rows that stand for "not knowing an input"; empty
            where there are none. Its parameter ``features`` names the columns of a matrix.
    """

    def __init__(self, model: ServedModel, background: bytes = b"") -> None:
        self._model = model
        self._background = background

    def load(self) -> None:
        """Import what explaining this model takes, without asking the model anything."""
        from jupyter_mlops.explanation import choosing

        choosing.load_for(self._model.itself, self._width)

    def explain(self, columns: Columns) -> Explained:
        """Attribute the model's output for checked inputs, as ``predict`` takes them, to the inputs.

        Raises:
            NotExplainableError: when this model's answers can't be explained.
            RequestError: when the background rows don't fit the model.
            Exception: whatever the model's own code raises.
        """
        from jupyter_mlops.explanation.attributions import by_row, checked

        found = checked(self._explainer, self._model.table(columns))
        return Explained(
            method=self._explainer.method,
            scale=self._explainer.scale,
            explanations=tuple(by_row(found, self._names, self._explainer.outputs)),
        )

    @cached_property
    def _explainer(self) -> Explainer:
        from jupyter_mlops.explanation.choosing import choose

        manifest = self._model.manifest
        return choose(
            self._model.itself, self._rows, task=manifest.task, classes=manifest.classes, width=self._width
        )

    @cached_property
    def _rows(self) -> Data | None:
        if not self._background:
            return None
        question, _ = open_inference.decode(self._background, None, self._model.schema)
        rows: Data = self._model.table(question.columns)
        return rows

    @cached_property
    def _names(self) -> tuple[str, ...]:
        from jupyter_mlops.explanation.tables import matrix_names

        schema = self._model.schema
        if schema.layout == "frame":
            return tuple(schema.by_name)
        known = _decoder.decode(self._background).parameters.features if self._background else ()
        return known if len(known) == self._width else matrix_names(self._width)

    @property
    def _width(self) -> int:
        schema = self._model.schema
        if schema.layout == "frame":
            return len(schema.columns)
        shape = schema.columns[0].row_shape
        if len(shape) != 1 or shape[0] < 0:
            from jupyter_mlops.explanation.attributions import NotExplainableError

            raise NotExplainableError(
                f"rows of shape {list(shape)} can't be explained", hint="only tables are"
            )
        return shape[0]


def read(
    body: bytes, header_length: str | None, model: ServedModel, log: PredictionLog, deployment: Deployment
) -> Columns:
    """Return the inputs that a request asks to have explained: its own, or those of a prediction that it names.

    Raises:
        RequestError: when it can't be read, holds inputs that don't fit the model, or too many rows.
        UnknownPredictionError: when this version answered no prediction of that id.
    """
    try:
        request = _decoder.decode(body if header_length is None else b"{}")
    except DECODE_ERRORS as error:
        raise RequestError(
            f"the request can't be read: {error}",
            hint='send {"id": a prediction\'s} or inputs as infer takes them',
        ) from None
    if header_length is None and request.inputs is msgspec.UNSET:
        columns, rows = _answered(request.id, log, deployment)
    else:
        question, _ = open_inference.decode(body, header_length, model.schema)
        columns, rows = question.columns, question.rows
    if rows > MOST_ROWS:
        raise RequestError(f"{rows} rows are too many to explain", hint=f"send at most {MOST_ROWS}")
    return columns


def parts(columns: Columns) -> Iterator[Columns]:
    """Yield the inputs a few rows at a time."""
    rows = len(next(iter(columns.values())))
    for start in range(0, rows, TOGETHER):
        yield {name: values[start : start + TOGETHER] for name, values in columns.items()}


def encode(found: list[Explained], deployment: Deployment) -> bytes:
    """Write the answer."""
    document = {
        "model_name": deployment.model,
        "model_version": str(deployment.version),
        "method": found[0].method,
        "scale": found[0].scale,
        "explanations": [row for each in found for row in each.explanations],
    }
    return msgspec.json.encode(document)


def read_background(path: Path | None) -> bytes:
    """Return the background rows' content, of a file named by its SHA-256.

    Raises:
        IntegrityError: when the content isn't what the name says, or isn't there.
    """
    if path is None:
        return b""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path} can't be read: {error.strerror}", hint="serve it again") from None
    if hashlib.sha256(content).hexdigest() != path.name:
        raise IntegrityError(f"{path} is not what was recorded", hint="serve it again")
    return content


def _answered(prediction_id: str, log: PredictionLog, deployment: Deployment) -> tuple[Columns, int]:
    here = f"{deployment.model}/{deployment.version}"
    if not prediction_id:
        raise RequestError(
            "the request has neither inputs nor an id",
            hint="send a prediction's id, or inputs as infer takes them",
        )
    try:
        found = log.find(prediction_id)
    except NotFoundError:
        raise UnknownPredictionError(
            f"no prediction {prediction_id[:128]!r}", hint="the id is in the answer's X-Prediction-Id header"
        ) from None
    if (found.model, found.version) != (deployment.model, deployment.version):
        raise UnknownPredictionError(
            f"prediction {prediction_id!r} was answered by {found.model}/{found.version}",
            hint=f"this server has {here}",
        )
    return found.inputs, found.rows
