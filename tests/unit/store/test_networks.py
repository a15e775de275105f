from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from jupyter_mlops.errors import DataError
from jupyter_mlops.store import networks, tensors
from jupyter_mlops.store.networks import Network, NetworkClassifier

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
CODES = (X[:, 0] > 0).astype(int)


def model_of(module: Any, y: Any = None, rows: Any = X) -> Any:
    return networks.taken(module, rows[:5], None if y is None else (rows, y))[0]


def net(outputs: int, *more: nn.Module) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, outputs), *more)


def test_scores_of_classes_become_probabilities() -> None:
    module = net(3)
    model = model_of(module, CODES)
    assert isinstance(model, NetworkClassifier)
    assert model.classes_.tolist() == [0, 1, 2]
    expected = torch.softmax(module.eval()(torch.from_numpy(X)), dim=1).detach().numpy()
    assert model.predict_proba(X) == pytest.approx(expected, abs=1e-6)
    assert model.predict(X).tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize("last", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1)], ids=str)
def test_what_is_a_probability_already_stays_one(last: nn.Module) -> None:
    plain, ended = model_of(net(3), CODES), model_of(net(3, last), CODES)
    assert ended.meaning == ("probabilities" if isinstance(last, nn.Softmax) else "log probabilities")
    assert ended.predict_proba(X) == pytest.approx(plain.predict_proba(X), abs=1e-6)


@pytest.mark.parametrize(
    "y", [CODES, CODES.astype(np.float32), CODES.astype(bool)], ids=["int", "float", "bool"]
)
@pytest.mark.parametrize("flat", [False, True])
def test_one_output_stands_for_the_second_class(y: np.ndarray, flat: bool) -> None:
    ends = [nn.Flatten(0)] if flat else []
    scores, chances = model_of(net(1, *ends), y), model_of(net(1, nn.Sigmoid(), *ends), y)
    assert (scores.meaning, chances.meaning) == ("scores", "probabilities")
    assert scores.predict_proba(X) == pytest.approx(chances.predict_proba(X), abs=1e-6)
    assert set(scores.predict(X).tolist()) <= {False, True}
    assert scores.classes_.dtype.kind == y.dtype.kind


@pytest.mark.parametrize(
    "outputs, y",
    [
        (1, np.linspace(0, 9, 50)),
        (1, np.arange(50)),
        (3, np.linspace(0, 2, 50)),
        (3, None),
        (2, np.arange(50)),
    ],
)
def test_numbers_are_answered_as_they_are(outputs: int, y: Any) -> None:
    model = model_of(net(outputs), y)
    assert type(model) is Network
    assert model.predict(X).shape == ((50,) if outputs == 1 else (50, outputs))


def test_quantiles_are_no_classes() -> None:
    module = net(2)
    module.quantiles = (0.1, 0.9)
    model = model_of(module, CODES)
    assert type(model) is Network
    assert model.quantiles == (0.1, 0.9)


def test_named_classes() -> None:
    module = net(2)
    with pytest.raises(DataError, match="which output of the module stands for which"):
        model_of(module, np.where(CODES, "yes", "no"))
    module.classes_ = ["no", "yes"]
    assert set(model_of(module, np.where(CODES, "yes", "no")).predict(X)) <= {"no", "yes"}
    module.classes_ = ["no", "yes", "maybe"]
    with pytest.raises(DataError, match="names 3 classes and has 2 outputs"):
        model_of(module, np.where(CODES, "yes", "no"))


def test_rows_that_do_not_fit_are_told() -> None:
    with pytest.raises(DataError, match="the module fails on the rows: RuntimeError"):
        model_of(net(2), rows=X[:, :3])
    with pytest.raises(DataError, match="the module fails on the rows: ValueError"):
        model_of(net(2), rows=pd.DataFrame({"a": ["x", "y"]}))


def test_the_notebooks_own_module_stays_as_it_was() -> None:
    module = net(2).train()
    module[1].eval()
    model_of(module, CODES)
    assert [part.training for part in module] == [True, False, True]


def test_frames_tensors_and_arrays_of_any_number() -> None:
    model = model_of(net(2))
    frame = pd.DataFrame(X.astype(np.float64), columns=list("abcd"))
    for rows in (frame, X.astype(np.float64), X[::-1][::-1]):
        assert model.predict(rows) == pytest.approx(model.predict(X), abs=1e-6)
    _, example, test = networks.taken(
        net(2), torch.from_numpy(X), (torch.from_numpy(X), torch.from_numpy(CODES))
    )
    assert isinstance(example, np.ndarray)
    assert [type(part) for part in test] == [np.ndarray, np.ndarray]


def test_codes_go_into_an_embedding() -> None:
    module = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(6, 2))
    words = np.random.default_rng(1).integers(0, 10, (20, 2))
    model = model_of(module, CODES[:20], words)
    assert model.predict(pd.DataFrame(words)).tolist() == model.predict(words).tolist()


def test_half_precision() -> None:
    model = model_of(net(2).to(torch.bfloat16))
    assert model.predict(X).dtype == np.float32


def test_large_tables_go_through_in_parts() -> None:
    model = model_of(net(2))
    sizes: list[int] = []
    model.module.register_forward_hook(lambda _module, given, _out: sizes.append(len(given[0])))
    assert len(model.predict(np.zeros((2 * networks.ROWS + 1, 4)))) == 2 * networks.ROWS + 1
    assert sizes == [networks.ROWS, networks.ROWS, 1]


def test_what_was_on_another_device_comes_back_on_the_cpu() -> None:
    model = model_of(net(2), CODES)
    model.device = "cuda:0"
    assert pickle.loads(tensors.dumps(model)).device == "cpu"


def test_what_predicts_by_itself_and_what_is_no_module_stays() -> None:
    class Own(nn.Linear):
        def predict(self, rows: Any) -> Any:
            return rows

    for model in (Own(4, 2), "anything"):
        assert networks.taken(model, X, None)[0] is model


@settings(deadline=None)
@given(arrays(np.float64, (6, 3), elements=st.floats(-700, 700)))
def test_probabilities_are_those_of_torch(scores: np.ndarray) -> None:
    expected = torch.softmax(torch.from_numpy(scores), dim=1).numpy()
    assert networks.probabilities(scores, "scores") == pytest.approx(expected, abs=1e-12)
    logs = torch.log_softmax(torch.from_numpy(scores), dim=1).numpy()
    assert networks.probabilities(logs, "log probabilities") == pytest.approx(expected, abs=1e-12)
    single = torch.sigmoid(torch.from_numpy(scores[:, 0])).numpy()
    assert networks.probabilities(scores[:, 0], "scores")[:, 1] == pytest.approx(single, abs=1e-12)
    assert networks.probabilities(single, "probabilities")[:, 1] == pytest.approx(single, abs=1e-12)
