from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from jupyter_mlops.explanation.attributions import checked
from jupyter_mlops.explanation.choosing import choose
from jupyter_mlops.store.networks import Network, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
TWO = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """A few thousand points are no work to share: on a busy machine the threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(*last: nn.Module, outputs: int = 1) -> nn.Module:
    torch.manual_seed(0)
    parts = nn.Sequential(
        nn.Linear(4, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(32, 32),
        nn.ReLU(),
        nn.Linear(32, outputs),
        *last,
    )
    return parts.eval()


@pytest.mark.parametrize(
    "module, truth, scale, outputs",
    [
        (network(), TWO, "score", (1,)),
        (network(nn.Sigmoid()), TWO, "probability", (1,)),
        (network(outputs=2), TWO, "score", (0, 1)),
        (network(nn.Softmax(dim=1), outputs=3), THREE, "probability", (0, 1, 2)),
        (network(nn.Flatten(0)), X[:, 0] * 2.5, "prediction", ()),
    ],
)
@pytest.mark.parametrize("frame", [True, False])
def test_attributions_add_up_from_the_mean_row_to_the_row(
    module: nn.Module, truth: Any, scale: str, outputs: tuple[int, ...], frame: bool
):
    rows: Any = pd.DataFrame(X, columns=list("abcd")) if frame else X
    model, _, _ = taken(module, rows[:5], (rows, truth))
    task = "regression" if scale == "prediction" else "classification"
    found = choose(model, rows[:50], task=task, classes=tuple(getattr(model, "classes_", ())), width=4)
    assert (found.method, found.scale, found.outputs) == ("integrated gradients", scale, outputs)
    attributed = checked(found, rows[100:104])
    with torch.inference_mode():
        said = module(torch.from_numpy(X[100:104])).reshape(4, -1).double().numpy()
        base = module(torch.from_numpy(X[:50]).mean(dim=0, keepdim=True)).reshape(-1).double().numpy()
    np.testing.assert_allclose(attributed.answers, said, atol=1e-6)
    np.testing.assert_allclose(attributed.base, base, atol=1e-6)
    assert attributed.gap < 1e-6


def test_a_linear_module_gets_its_weights():
    module = nn.Linear(4, 1)
    found = choose(Network(module), X[:50], task="regression", classes=(), width=4).explain(X[50:60])
    expected = (X[50:60] - X[:50].mean(axis=0)) * module.weight.detach().numpy()
    np.testing.assert_allclose(found.parts[:, 0], expected, atol=1e-5)


def test_the_integral_is_that_of_the_formula():
    class Product(nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows[:, 0] * rows[:, 1] ** 2

    start = np.zeros((1, 2), dtype=np.float32)
    row = np.array([[3.0, 2.0]], dtype=np.float32)
    found = choose(Network(Product()), start, task="regression", classes=(), width=2).explain(row)
    # Along (3t, 2t): the integral of 4t² times 3, and of 2·3t·2t times 2.
    np.testing.assert_allclose(found.parts[0, 0], [4.0, 8.0], rtol=1e-6)


def test_codes_have_no_gradients_and_are_sampled():
    module = nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.Linear(6, 1))
    codes = np.random.default_rng(0).integers(0, 10, (40, 2))
    found = choose(Network(module), codes, task="regression", classes=(), width=2)
    assert found.method == "sampled Shapley values"
    assert checked(found, codes[:3]).gap < 1e-6
