from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import jupyter_mlops as mlops
from jupyter_mlops import settings as configuration
from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.explanation.attributions import NotExplainableError
from jupyter_mlops.interfaces.cli import main
from jupyter_mlops.interfaces.magics import _picture
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.records.pipeline import Gate
from jupyter_mlops.records.serving import Prediction
from jupyter_mlops.store import detached
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows import audit, background, card, explain, models, serve
from jupyter_mlops.workflows.evaluate import evaluate_gate

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = np.random.default_rng(0)
N = 600
X = pd.DataFrame(
    {
        "age": RANDOM.normal(size=N),
        "job": RANDOM.choice(["cook", "nurse"], N),
        "sex": RANDOM.choice(["f", "m"], N),
    }
)
Y = pd.Series((X["age"] + (X["sex"] == "m") + 0.3 * RANDOM.normal(size=N) > 0.5).astype(int), name="bought")


def piped(model: Any) -> Any:
    return make_pipeline(
        make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["job", "sex"])), model
    )


@pytest.fixture
def logged(workspace: Path) -> Path:
    region = np.where(X["age"] > 0, "north", "south")
    mlops.log_model(
        piped(LogisticRegression()).fit(X, Y),
        "churn",
        test=(X, Y),
        sensitive={"sex": X["sex"], "region": region},
    )
    return workspace


def test_what_it_decides_by_is_on_record_and_measured_once(logged: Path):
    settings = configuration.load()
    found = explain.explain(settings, "churn/1")
    assert [each.feature for each in found.importance] == ["age", "sex", "job"]
    assert [each.protected for each in found.importance] == ["", "sex", ""]
    age, sex, job = found.importance
    assert age.loss is not None
    assert age.loss > 0.2
    assert sex.loss_ci is not None
    assert sex.loss_ci[0] > 0
    assert job.loss_ci is not None
    assert job.loss_ci[0] < 0.01
    assert (found.metric, found.method, found.scale, found.outputs) == (
        "roc_auc",
        "linear weights",
        "score",
        (1,),
    )
    assert (found.rows, found.rounds, found.attributed_rows) == (600, 5, 500)
    assert found.notes == ("region is no input of the model",)
    assert explain.explain(settings, "churn") == found
    again = explain.explain(settings, "churn", afresh=True)
    assert again.created_at > found.created_at
    assert again.importance == found.importance
    assert again.background == found.background
    events = [event.action for event in audit.events(settings) if event.phase == "done"]
    assert events.count("model.explain") == 2
    assert audit.verify(settings).findings == ()


def test_the_card_shows_it(logged: Path):
    settings = configuration.load()
    assert card.card(settings, "churn/1").explanation is None
    found = explain.explain(settings, "churn/1")
    shown = card.card(settings, "churn/1")
    assert shown.explanation == found
    assert "It decides by the protected attribute sex" in card.write(shown, "md")


def test_a_served_answer_is_explained_by_its_id(logged: Path):
    settings = configuration.load()
    with pytest.raises(NotFoundError, match="no prediction 'p1'"):
        explain.explain_prediction(settings, "churn/1", "p1")
    log = PredictionLog(settings.state / serve.PREDICTIONS)
    said: dict[str, Any] = {
        "deployment": "d",
        "rows": 1,
        "inputs": {"age": [2.0], "job": ["cook"], "sex": ["m"]},
    }
    log.append([Prediction(prediction_id="p1", model="churn", version=1, **said)])
    log.append([Prediction(prediction_id="p2", model="churn", version=2, **said)])
    log.close()
    (row,) = explain.explain_prediction(settings, "churn/1", "p1").explanations
    assert row.base + sum(row.attributions.values()) == pytest.approx(row.value)
    assert row.attributions["age"] > row.attributions["sex"] > 0
    with pytest.raises(NotFoundError, match="was answered by churn/2"):
        explain.explain_prediction(settings, "churn/1", "p2")


def test_the_serving_process_gets_the_same_rows_whether_it_is_on_record_or_not(logged: Path):
    settings = configuration.load()
    store, model = open_store(settings), models.resolve(settings, "churn/1")
    before = background.path_of(store, model)
    found = explain.explain(settings, "churn/1")
    assert before is not None
    assert before.name == found.background
    document = msgspec.json.decode(before.read_bytes())
    assert [each["name"] for each in document["inputs"]] == ["age", "job", "sex"]
    assert document["inputs"][0]["shape"] == [background.ROWS]
    launch = serve.prepare(settings, "churn/1", 0)
    assert launch.argv[launch.argv.index("--background") + 1] == str(before)


def test_a_version_without_test_rows_is_served_and_not_explained(workspace: Path):
    mlops.log_model(LinearRegression().fit(X[["age"]], Y), "plain", example=X[["age"]])
    settings = configuration.load()
    with pytest.raises(NotExplainableError, match="plain/1 has no test rows"):
        explain.explain(settings, "plain/1")
    assert "--background" not in serve.prepare(settings, "plain/1", 0).argv
    assert audit.verify(settings).findings == ()


def test_a_model_that_fails_is_one_clear_line(workspace: Path):
    class Fragile:
        def predict(self, rows: Any) -> Any:
            if len(rows) > 100:
                raise MemoryError("too many rows")
            return np.zeros(len(rows))

    mlops.log_model(Fragile(), "fragile", test=(X[["age"]], X["age"].rename("y")), example=X[["age"]][:5])
    with pytest.raises(
        NotExplainableError, match="the model can't answer its test rows: MemoryError: too many rows"
    ):
        explain.explain(configuration.load(), "fragile")


def test_a_matrix_has_columns_by_the_names_of_the_test_rows(workspace: Path):
    matrix = RANDOM.normal(size=(300, 3))
    y = 2 * matrix[:, 1] + RANDOM.normal(size=300)
    mlops.log_model(LinearRegression().fit(matrix, y), "matrix", test=(matrix, y))
    settings = configuration.load()
    found = explain.explain(settings, "matrix")
    assert found.importance[0].feature == "x1"
    assert (found.metric, found.scale, found.outputs) == ("r2", "prediction", ())
    assert found.importance[0].direction == pytest.approx(1.0)


def test_an_attribute_in_words_is_the_feature_of_its_name(workspace: Path):
    coded = X[["age"]].assign(sex=(X["sex"] == "m").astype(int))
    mlops.log_model(
        LinearRegression().fit(coded, Y), "coded", test=(coded, Y * 1.5), sensitive={"sex": X["sex"]}
    )
    found = explain.explain(configuration.load(), "coded")
    assert {each.feature: each.protected for each in found.importance} == {"age": "", "sex": "sex"}
    assert found.notes == ()


@pytest.mark.parametrize("when", ["background", "wait", "off"])
def test_a_gate_has_the_version_explained(logged: Path, monkeypatch: pytest.MonkeyPatch, when: str):
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        detached, "start", lambda _settings, *arguments, **_without: started.append(arguments)
    )
    monkeypatch.setenv("JUPYTER_MLOPS_EXPLAIN", when)
    settings = configuration.load()
    gate = Gate(model="churn", conditions=("accuracy >= 0.1",), cell=0)
    for _ in range(2):
        evaluate_gate(settings, gate)
    on_record = background.newest(open_store(settings), models.resolve(settings, "churn/1"))
    assert isinstance(on_record, Explanation) == (when == "wait")
    asked = ("jupyter_mlops", "models", "explain", "churn/1")
    assert started == ([asked, asked] if when == "background" else [])


def test_what_is_started_behind_the_back_explains(logged: Path, monkeypatch: pytest.MonkeyPatch):
    settings = configuration.load()
    explain.request(msgspec.structs.replace(settings, explain="wait"), models.resolve(settings, "churn/1"))
    assert background.newest(open_store(settings), models.resolve(settings, "churn/1")) is not None


def test_the_command_shows_columns_and_one_answer(logged: Path, capsys: pytest.CaptureFixture[str]):
    def typed(*words: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["models", "explain", *words])
        assert caught.value.code == 0
        shown = capsys.readouterr()
        return shown.out, shown.err

    out, err = typed("churn/1")
    assert out.startswith("churn/1 decides most by age, sex (roc_auc ")
    assert "sex (protected: sex)" in out
    assert "note: region is no input of the model" in out
    assert "shuffling 3 columns of 600 rows" in err
    document = json.loads(typed("churn/1", "--json")[0])
    assert [each["feature"] for each in document["importance"]] == ["age", "sex", "job"]
    log = PredictionLog(configuration.load().state / serve.PREDICTIONS)
    inputs: dict[str, list[Any]] = {"age": [2.0], "job": ["cook"], "sex": ["m"]}
    log.append(
        [Prediction(prediction_id="p1", deployment="d", model="churn", version=1, rows=1, inputs=inputs)]
    )
    log.close()
    out, _ = typed("churn/1", "--prediction", "p1")
    assert out.startswith("row 0: score of 1 ")
    assert json.loads(typed("churn/1", "--prediction", "p1", "--json")[0])["method"] == "linear weights"


def test_a_notebook_cell_shows_pictures(logged: Path):
    found = _picture(["models", "explain", "churn/1"])
    assert found is not None
    assert found[0].count("<svg") == 6
    assert found[1].startswith("churn/1 decides most by age")
    assert _picture(["models", "explain", "churn/1", "--json"]) is None
