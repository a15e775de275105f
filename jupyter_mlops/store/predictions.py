"""Every answered prediction, and what came true of it, durably, in one SQLite file that several processes append to at once.

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

from jupyter_mlops.errors import DataError, IntegrityError, MlopsError, NotFoundError
from jupyter_mlops.records.serving import Feedback, Prediction

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
# What was told stays; of a row's labels the newest counts.
_FEEDBACK = """
create table if not exists feedback (
  seq integer primary key,
  prediction text not null,
  row integer not null,
  label blob not null,
  created_at text not null,
  author text not null
)
"""
_FEEDBACK_INDEX = "create index if not exists feedback_by_prediction on feedback (prediction, row, seq)"
_TELL = "insert into feedback (prediction, row, label, created_at, author) values (?, ?, ?, ?, ?)"
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

    def tell(self, model: str, feedback: Sequence[Feedback]) -> int:
        """Write what came true of predictions of ``model``: all or nothing, on the disk when this returns.

        What is known already isn't written again. Another label than before is written too, and counts from now on.

        Returns:
            How many labels were new or other than before.

        Raises:
            NotFoundError: when an id is of no prediction of that model; ``details["ids"]`` are those.
            DataError: when a prediction has no such row.
        """
        names = list(dict.fromkeys(each.prediction_id for each in feedback))
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                self._check_rows(model, feedback, names)
                known = self._known_labels(names)
                new = []
                for each in feedback:
                    place, label = (each.prediction_id, each.row), _encoder.encode(each.label)
                    if known.get(place) != label:
                        known[place] = label
                        new.append((*place, label, each.created_at, each.author))
                self._connection.executemany(_TELL, new)
                self._connection.execute("commit")
            except (sqlite3.Error, MlopsError):
                self._rollback()
                raise
        return len(new)

    def labels(self, prediction_ids: Sequence[str]) -> dict[tuple[str, int], Any]:
        """Return what came true, by id and row, as far as it was told."""
        with self._lock:
            known = self._known_labels(prediction_ids)
        return {place: msgspec.json.decode(label) for place, label in known.items()}

    def told(self, prediction_id: str) -> list[Feedback]:
        """Return all that was ever told about a prediction, oldest first."""
        query = "select prediction, row, label, created_at, author from feedback where prediction = ? order by seq"
        return [
            Feedback(
                prediction_id=name, row=row, label=msgspec.json.decode(label), created_at=at, author=author
            )
            for name, row, label, at, author in self._select(query, prediction_id)
        ]

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

    def _check_rows(self, model: str, feedback: Sequence[Feedback], names: Sequence[str]) -> None:
        rows: dict[str, int] = {}
        for some in _pages(names):
            query = (
                f"select id, rows from predictions where model = ? and id in ({', '.join('?' * len(some))})"  # noqa: S608 - marks only
            )
            rows |= dict(self._connection.execute(query, (model, *some)))
        if unknown := [name for name in names if name not in rows]:
            more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            raise NotFoundError(
                f"no prediction {unknown[0]!r}{more} of {model}",
                hint="the id is in the answer's X-Prediction-Id header",
                ids=unknown,
            )
        for each in feedback:
            if not 0 <= each.row < rows[each.prediction_id]:
                raise DataError(
                    f"prediction {each.prediction_id!r} has no row {each.row}",
                    hint=f"it has {rows[each.prediction_id]}, counted from 0",
                )

    def _known_labels(self, names: Sequence[str]) -> dict[tuple[str, int], bytes]:
        known: dict[tuple[str, int], bytes] = {}
        for some in _pages(names):
            query = f"select prediction, row, label from feedback where prediction in ({', '.join('?' * len(some))}) order by seq"  # noqa: S608 - marks only
            known |= {(name, row): label for name, row, label in self._connection.execute(query, some)}
        return known

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


def _pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), PAGE):
        yield names[start : start + PAGE]


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
            connection.execute(_FEEDBACK)
            connection.execute(_FEEDBACK_INDEX)
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
