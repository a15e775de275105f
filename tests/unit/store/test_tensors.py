from __future__ import annotations

import pickle
import pickletools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jupyter_mlops.store import tensors

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool,
    torch.complex64, torch.float8_e4m3fn,
]  # fmt: skip


def again(model: Any) -> Any:
    return pickle.loads(tensors.dumps(model))


def named_in(data: bytes) -> set[str]:
    return {str(argument) for opcode, argument, _ in pickletools.genops(data) if "UNICODE" in opcode.name}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 5)], ids=str)
def test_every_kind_of_tensor_comes_back(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = (torch.rand(shape) * 3).to(dtype)
    found = again({"weight": tensor})["weight"]
    assert (found.dtype, found.shape, type(found)) == (tensor.dtype, tensor.shape, torch.Tensor)
    assert bytes(found.reshape(-1).view(torch.uint8).numpy()) == bytes(
        tensor.reshape(-1).view(torch.uint8).numpy()
    )


def test_views_conjugates_and_computed_tensors_are_plain_values() -> None:
    grown = nn.Parameter(torch.ones(3))
    given = {
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "conjugate": torch.tensor([1 + 2j]).conj(),
        "computed": grown * 2,
        "every second": torch.arange(10)[::2],
    }
    found = again(given)
    assert found["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["conjugate"].tolist() == [1 - 2j]
    assert found["computed"].tolist() == [2, 2, 2]
    assert not found["computed"].requires_grad
    assert found["every second"].tolist() == [0, 2, 4, 6, 8]


def test_a_module_comes_back_with_what_it_shares() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    net[0].bias.requires_grad = False
    net.register_buffer("mask", torch.ones(4), persistent=False)
    net.scale = torch.tensor(2.0)
    found = again(net)
    assert found[2].weight is found[0].weight
    assert not found[0].bias.requires_grad
    assert found[1].running_var.tolist() == [1] * 4
    assert found.mask.tolist() == [1] * 4
    assert found.scale == 2
    X = torch.rand(5, 4)
    assert torch.equal(found.eval()(X), net.eval()(X))


def test_the_file_never_asks_torch_to_load_anything() -> None:
    data = tensors.dumps(nn.Sequential(nn.Linear(4, 2), nn.Dropout()))
    named = named_in(data)
    assert "_load_from_bytes" not in named
    assert not any("storage" in name or name.startswith("_rebuild") for name in named)
    assert {"make_tensor", "make_parameter"} <= named


def test_the_same_weights_are_the_same_bytes() -> None:
    torch.manual_seed(1)
    one = nn.Linear(3, 2)
    other = nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    assert tensors.dumps(one) == tensors.dumps(other)


class OptimizedModule(nn.Module):
    """What torch.compile makes, without the seconds that it takes to be imported."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod = module


def test_what_only_compiles_or_spreads_a_module_stays_behind() -> None:
    net = nn.Linear(3, 2)
    for around in (OptimizedModule(net), nn.DataParallel(net), nn.DataParallel(OptimizedModule(net))):
        assert type(again(around)) is nn.Linear
        assert tensors.bare(around) is net


def test_other_layouts_are_left_to_torch() -> None:
    sparse = torch.eye(3).to_sparse()
    assert again(sparse).to_dense().tolist() == torch.eye(3).tolist()
    assert again(torch.empty(3, device="meta")).shape == (3,)


def test_other_models_are_pickled_as_ever() -> None:
    assert again({"a": np.arange(3)})["a"].tolist() == [0, 1, 2]
    assert again(lambda x: x + 1)(2) == 3
