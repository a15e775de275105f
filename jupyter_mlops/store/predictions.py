"""Every answered prediction, durably, in one SQLite file that several processes append to at once.

The serving process writes here, so this module knows sqlite3 and msgspec and nothing heavier.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.serving import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_LAST_CHARACTER = chr(0x10FFFF)
BUSY_SECONDS = 30.0
PAGE = 500
_TABLE = """
create table if not exists predictions (
  seq integer primary key,
  id text not null unique,
  model text not null,
  version integer not null,
  deployment text not null,
  created_at text not null,
  rows integer not null,
  milliseconds real not null,
  body blob not null
)
"""
_INDEX = "create index if not exists predictions_by_model on predictions (model, seq)"
_COLUMNS = "id, model, version, deployment, created_at, rows, milliseconds, body"
_INSERT = f"insert into predictions ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
_encoder = msgspec.json.Encoder()


class _Body(msgspec.Struct, frozen=True):
    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]


_decoder = msgspec.json.Decoder(_Body)


class UsedIdError(DataError):
    """Two predictions can't go by one id; ``details["ids"]`` are those that are taken."""

    code = "MLO411"


class PredictionLog:
    """Append predictions and read them back; safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open the log at ``path``; the file is made when it isn't there.

        Raises:
            IntegrityError: when the file is no prediction log.
        """
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = _connect(path)
        except sqlite3.DatabaseError as error:
            raise IntegrityError(
                f"{path} can't be opened as the prediction log: {error}", hint="move the file away"
            ) from None

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Write all of ``predictions`` or none; they are on the disk when this returns.

        Raises:
            UsedIdError: when an id is taken, or stands twice in ``predictions``; nothing is written then.
        """
        rows = [_to_row(prediction) for prediction in predictions]
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                self._connection.executemany(_INSERT, rows)
                self._connection.execute("commit")
            except sqlite3.IntegrityError:
                self._rollback()
                raise self._used([prediction.prediction_id for prediction in predictions]) from None
            except sqlite3.Error:
                self._rollback()
                raise

    def find(self, prediction_id: str) -> Prediction:
        """Return the prediction of that id.

        Raises:
            NotFoundError: when there is none.
        """
        rows = self._select(f"select {_COLUMNS} from predictions where id = ?", prediction_id)  # noqa: S608 - constants only
        if not rows:
            raise NotFoundError(
                f"no prediction {prediction_id!r}", hint="the id is in the answer's X-Prediction-Id header"
            )
        return _from_row(rows[0])

    def ids(self, prefix: str, limit: int = 5) -> list[str]:
        """Return up to ``limit`` ids that start with ``prefix``, newest first."""
        query = "select id from predictions where id >= ? and id < ? order by seq desc limit ?"
        return [row[0] for row in self._select(query, prefix, prefix + _LAST_CHARACTER, limit)]

    def rows(self, model: str, version: int | None = None) -> Iterator[Prediction]:
        """Yield the predictions of ``model`` (of one version, where given), oldest first."""
        query = (
            f"select {_COLUMNS}, seq from predictions "  # noqa: S608 - constants only
            "where model = ? and seq > ? and (? is null or version = ?) order by seq limit ?"
        )
        last = -1
        # In pages, so that a slow reader never holds the write-ahead log from being folded back.
        while page := self._select(query, model, last, version, version, PAGE):
            for row in page:
                yield _from_row(row[:-1])
            last = page[-1][-1]

    def count(self, model: str | None = None) -> int:
        """Return how many predictions there are, of ``model`` or in all."""
        [(number,)] = self._select(
            "select count(*) from predictions where ? is null or model = ?", model, model
        )
        return int(number)

    def close(self) -> None:
        """Close the file; the log can't be used any more."""
        with self._lock:
            self._connection.close()

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("rollback")

    def _used(self, ids: list[str]) -> UsedIdError:
        marks = ", ".join("?" * len(ids))
        taken = self._connection.execute(f"select id from predictions where id in ({marks})", ids)  # noqa: S608 - marks only
        used = sorted({row[0] for row in taken} | {name for name, times in Counter(ids).items() if times > 1})
        return UsedIdError(
            f"prediction id {used[0]!r} is already used", hint="send a new id, or none", ids=used
        )


def _to_row(prediction: Prediction) -> tuple[Any, ...]:
    return (
        prediction.prediction_id,
        prediction.model,
        prediction.version,
        prediction.deployment,
        prediction.created_at,
        prediction.rows,
        prediction.milliseconds,
        _encoder.encode(_Body(prediction.inputs, prediction.outputs)),
    )


def _from_row(row: tuple[Any, ...]) -> Prediction:
    prediction_id, model, version, deployment, created_at, rows, milliseconds, data = row
    body = _decoder.decode(data)
    return Prediction(
        prediction_id=prediction_id,
        model=model,
        version=version,
        deployment=deployment,
        created_at=created_at,
        rows=rows,
        milliseconds=milliseconds,
        inputs=body.inputs,
        outputs=body.outputs,
        parents=(f"deployment/{deployment}",),
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Two processes that switch a new file to write-ahead logging at once don't wait for each other: SQLite
        # calls no busy handler there. So the set-up is done by one at a time.
        with _alone_in(path.parent):
            connection.execute("pragma journal_mode = wal")
            connection.execute(_TABLE)
            connection.execute(_INDEX)
        connection.execute("pragma synchronous = full")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
