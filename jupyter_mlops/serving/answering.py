"""A batch of questions answered and logged: one predict for those that ask alike, one durable write for all."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.records.serving import Deployment, Prediction
from jupyter_mlops.serving.exchange import Answer, Question
from jupyter_mlops.serving.problems import (
    ConflictError,
    LogUnavailableError,
    PredictError,
    Problem,
    RequestError,
)
from jupyter_mlops.store.predictions import PredictionLog, UsedIdError
from jupyter_mlops.store.stamp import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.serving.loader import ServedModel

logger = logging.getLogger(__name__)


class Answerer:
    """Answer batches for one deployment; every answer is in the log before it is given."""

    def __init__(self, model: ServedModel, log: PredictionLog, deployment: Deployment) -> None:
        self._model = model
        self._log = log
        self._deployment = deployment

    def answer(self, questions: Sequence[Question]) -> list[Answer | Problem]:
        """Return, in the order of ``questions``, an answer or what stood in its way."""
        results: dict[int, Answer | Problem] = {}
        alike: dict[tuple[str, ...], list[int]] = {}
        for index, question in enumerate(questions):
            alike.setdefault(question.outputs, []).append(index)
        for indexes in alike.values():
            group = [questions[index] for index in indexes]
            results.update(zip(indexes, self._predict(group), strict=True))
        ordered = [results[index] for index in range(len(questions))]
        return self._logged(questions, ordered)

    def _predict(self, group: list[Question]) -> list[Answer | Problem]:
        try:
            return list(self._predict_together(group))
        except Exception as error:  # noqa: BLE001 - the model's code may raise anything; the server must outlive it
            if len(group) == 1:
                return [self._failure(group[0], error)]
        # One request that the model can't take must not fail those that came with it.
        return [result for question in group for result in self._predict([question])]

    def _predict_together(self, group: list[Question]) -> list[Answer]:
        if len(group) == 1:
            columns = group[0].columns
        else:
            names = group[0].columns
            columns = {name: [value for q in group for value in q.columns[name]] for name in names}
        rows = sum(question.rows for question in group)
        outputs = self._model.predict(columns, rows, group[0].outputs)
        answers, start = [], 0
        for question in group:
            part = slice(start, start + question.rows)
            start += question.rows
            found = {name: values[part] for name, values in outputs.items()}
            answers.append(Answer(question.prediction_id, question.rows, found))
        return answers

    def _failure(self, question: Question, error: Exception) -> Problem:
        if refused := refused_gap(question.columns, error):
            return refused
        message = " ".join(str(error).split()) or type(error).__name__
        logger.error("prediction %s failed", question.prediction_id, exc_info=error)
        if isinstance(error, PredictError):
            return error
        return PredictError(f"the model raised {type(error).__name__}: {message[:500]}")

    def _logged(
        self, questions: Sequence[Question], results: list[Answer | Problem]
    ) -> list[Answer | Problem]:
        at = [index for index, result in enumerate(results) if isinstance(result, Answer)]
        predictions = [self._record(questions[i], results[i]) for i in at]
        if not predictions:
            return results
        try:
            self._log.append(predictions)
        except UsedIdError as error:
            refused = self._refuse_used(questions, results, set(error.details["ids"]))
            return self._logged(questions, refused)
        except (sqlite3.Error, IntegrityError) as error:
            logger.exception("the prediction log can't be written")
            problem = LogUnavailableError(f"the prediction can't be logged: {error}", hint="try again later")
            for index in at:
                results[index] = problem
        return results

    def _refuse_used(
        self, questions: Sequence[Question], results: list[Answer | Problem], used: set[str]
    ) -> list[Answer | Problem]:
        answered = [q.prediction_id for q, r in zip(questions, results, strict=True) if isinstance(r, Answer)]
        twice = {name for name, times in Counter(answered).items() if times > 1}
        kept: set[str] = set()
        for index, (question, result) in enumerate(zip(questions, results, strict=True)):
            name = question.prediction_id
            if not isinstance(result, Answer) or name not in used:
                continue
            if name in twice and name not in kept:
                kept.add(name)  # the first of two in a batch stays, if the log doesn't hold the id already
                continue
            results[index] = ConflictError(
                f"the id {name!r} already names another prediction", hint="send a new id, or none"
            )
        return results

    def _record(self, question: Question, result: Any) -> Prediction:
        deployment = self._deployment
        return Prediction(
            prediction_id=question.prediction_id,
            deployment=deployment.deployment_id,
            model=deployment.model,
            version=deployment.version,
            rows=question.rows,
            inputs=question.columns,
            outputs={name: values.tolist() for name, values in result.outputs.items()},
            milliseconds=round((time.perf_counter() - question.started) * 1000, 3),
            created_at=now(),
        )


def refused_gap(columns: dict[str, list[Any]], error: Exception) -> RequestError | None:
    """Return what to tell a client whose missing value the model raised ``error`` at; None where that isn't why."""
    gap = _first_missing(columns) if isinstance(error, ValueError) else None
    if gap is None:
        return None
    name, row = gap
    message = " ".join(str(error).split()).partition(". ")[0][:200]
    return RequestError(
        f"input {name!r} has a missing value in row {row}, which the model can't take: {message}",
        hint="send a value for it",
    )


def _first_missing(columns: dict[str, list[Any]]) -> tuple[str, int] | None:
    for name, values in columns.items():
        for row, value in enumerate(values):
            cells = np.ravel(np.array(value, dtype=object))
            if any(cell is None or cell != cell for cell in cells):  # noqa: PLR0124 - only NaN differs from itself
                return name, row
    return None
