"""What came true of predictions: read from a request, and written into the prediction log."""

from __future__ import annotations

import logging
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError, NotFoundError
from jupyter_mlops.records.serving import Feedback
from jupyter_mlops.serving.columns import DECODE_ERRORS
from jupyter_mlops.serving.problems import LogUnavailableError, RequestError, UnknownPredictionError
from jupyter_mlops.store.stamp import now

if TYPE_CHECKING:
    from jupyter_mlops.store.predictions import PredictionLog

logger = logging.getLogger(__name__)
# Labels a request; writing that many holds up predictions for a fraction of a second.
MOST = 10_000
LONGEST = 1_000
_HINT = 'send {"id": ..., "label": ...}, or a list of them; of several rows a list of labels, null where one isn\'t known'


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    label: Any
    row: int | None = None


_decoder: msgspec.json.Decoder[_Told | list[_Told]] = msgspec.json.Decoder(_Told | list[_Told])


def take(content: bytes, model: str, author: str, log: PredictionLog) -> dict[str, Any]:
    """Write the labels of a request into the log; return what is answered.

    Raises:
        RequestError: when the request is none such, or a prediction has no such row.
        UnknownPredictionError: when an id is of no prediction of this model; nothing is written then.
        LogUnavailableError: when the log can't be written.
    """
    feedback = decode(content, author)
    try:
        new = log.tell(model, feedback)
    except NotFoundError as error:
        raise UnknownPredictionError(error.message, hint=error.hint) from None
    except DataError as error:
        raise RequestError(error.message, hint=error.hint) from None
    except sqlite3.Error as error:
        logger.exception("the prediction log can't be written")
        raise LogUnavailableError(f"the label can't be kept: {error}", hint="try again later") from None
    return {"model_name": model, "labels": len(feedback), "new": new}


def decode(content: bytes, author: str = "") -> list[Feedback]:
    """Read what came true.

    Raises:
        RequestError: naming the first thing that isn't as it should be.
    """
    try:
        told = _decoder.decode(content)
    except DECODE_ERRORS as error:
        raise RequestError(f"the request can't be read: {error}", hint=_HINT) from None
    at = now()
    found = [
        Feedback(prediction_id=each.id, row=row, label=_label(each.id, label), created_at=at, author=author)
        for each in (told if isinstance(told, list) else [told])
        for row, label in _rows(each)
        if label is not None
    ]
    if not found:
        raise RequestError("no label is in the request", hint=_HINT)
    if len(found) > MOST:
        raise RequestError(f"{len(found):,} labels in one request", hint=f"send up to {MOST:,}")
    return found


def _rows(told: _Told) -> list[tuple[int, Any]]:
    if isinstance(told.label, list):
        if told.row is not None:
            raise RequestError(f"prediction {told.id!r} has a row and a list of labels", hint=_HINT)
        return [*enumerate(told.label)]
    return [(told.row or 0, told.label)]


def _label(name: str, label: Any) -> str | float | bool:
    if isinstance(label, str) and len(label) <= LONGEST:
        return label
    if isinstance(label, bool | int | float) and abs(label) <= sys.float_info.max:
        return label
    raise RequestError(
        f"the label of prediction {name!r} is no number, truth value or text of up to {LONGEST:,} characters",
        hint=_HINT,
    )
