from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from jupyter_mlops.serving.answering import Answerer
from jupyter_mlops.serving.exchange import Answer, Question
from jupyter_mlops.serving.problems import ConflictError, LogUnavailableError, PredictError, RequestError

if TYPE_CHECKING:
    from jupyter_mlops.records.serving import Deployment
    from jupyter_mlops.serving.loader import ServedModel
    from jupyter_mlops.store.predictions import PredictionLog


def ask(name: str, *rows: list[float | None], outputs: tuple[str, ...] = ("predict",)) -> Question:
    return Question(name, {"input": list(rows)}, len(rows), outputs, time.perf_counter())


def test_a_batch_is_one_predict_and_each_gets_its_rows(
    make: Any, log: PredictionLog, deployment: Deployment
) -> None:
    asked: list[tuple[int, ...]] = []

    def predict(X: Any) -> Any:
        asked.append(X.shape)
        return X[:, 0]

    answers = Answerer(make(predict), log, deployment).answer(
        [ask("a", [1, 0, 0], [2, 0, 0]), ask("b", [3, 0, 0])]
    )
    assert asked == [(3, 3)]
    assert [(a.prediction_id, a.outputs["predict"].tolist()) for a in answers if isinstance(a, Answer)] == [
        ("a", [1.0, 2.0]),
        ("b", [3.0]),
    ]
    assert log.find("a").outputs == {"predict": [1.0, 2.0]}
    assert log.find("b").inputs == {"input": [[3, 0, 0]]}
    assert log.find("b").deployment == "d1"


def test_questions_for_other_outputs_are_asked_apart(
    arrayed: ServedModel, log: PredictionLog, deployment: Deployment
) -> None:
    both = ("predict", "predict_proba")
    first, second = Answerer(arrayed, log, deployment).answer(
        [ask("a", [1, 2, 3], outputs=both), ask("b", [1, 2, 3])]
    )
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert tuple(first.outputs) == both
    assert tuple(second.outputs) == ("predict",)
    assert set(log.find("b").outputs) == {"predict"}


def test_one_bad_question_does_not_fail_the_others(
    make: Any, log: PredictionLog, deployment: Deployment
) -> None:
    def predict(X: Any) -> Any:
        if (X < 0).any():
            raise KeyError("no negative\nvalues")
        return X[:, 0]

    good, bad = Answerer(make(predict), log, deployment).answer([ask("a", [1, 1, 1]), ask("b", [-1, 1, 1])])
    assert isinstance(good, Answer)
    assert isinstance(bad, PredictError)
    assert bad.status == 500
    assert "the model raised KeyError" in str(bad)
    assert "\n" not in str(bad)
    assert log.count() == 1


def test_a_missing_value_the_model_cannot_take_is_the_requests_fault(
    arrayed: ServedModel, log: PredictionLog, deployment: Deployment
) -> None:
    (refused,) = Answerer(arrayed, log, deployment).answer([ask("a", [1, 1, 1], [1, None, 1])])
    assert isinstance(refused, RequestError)
    assert "input 'input' has a missing value in row 1" in str(refused)
    assert log.count() == 0


@pytest.mark.parametrize("answer", [np.zeros(5), 7, [[1], [2], [3]]])
def test_a_model_that_answers_other_rows_is_a_failure(
    make: Any, log: PredictionLog, deployment: Deployment, answer: Any
) -> None:
    (failed,) = Answerer(make(lambda _: answer), log, deployment).answer([ask("a", [1, 1, 1])])
    assert isinstance(failed, PredictError)
    assert "for 1 rows" in str(failed)


def test_a_used_id_is_refused_and_the_others_are_kept(
    make: Any, log: PredictionLog, deployment: Deployment
) -> None:
    answerer = Answerer(make(lambda X: X[:, 0]), log, deployment)
    answerer.answer([ask("old", [0, 0, 0])])
    results = answerer.answer([ask(name, [1, 1, 1]) for name in ("new", "old", "twice", "twice", "old")])
    assert [type(result) for result in results] == [
        Answer,
        ConflictError,
        Answer,
        ConflictError,
        ConflictError,
    ]
    assert log.count() == 3
    assert log.find("old").inputs == {"input": [[0, 0, 0]]}


def test_what_cannot_be_logged_is_not_answered(make: Any, log: PredictionLog, deployment: Deployment) -> None:
    answerer = Answerer(make(lambda X: X[:, 0]), log, deployment)
    log.close()
    (refused,) = answerer.answer([ask("a", [1, 1, 1])])
    assert isinstance(refused, LogUnavailableError)
    assert refused.status == 503
