from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from torch import nn

from jupyter_mlops.registry import flavors, signatures, tracking
from jupyter_mlops.store import networks, tensors

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
# Somebody else's Python, which has MLflow and PyTorch and not this package.
ELSEWHERE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jupyter_mlops":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import cloudpickle, numpy as np
with open(sys.argv[1], "rb") as file:
    model = cloudpickle.load(file)
print(model.predict(None, np.load(sys.argv[2])).tolist())
"""


def test_a_network_is_loaded_by_those_who_do_not_have_this_package(tmp_path: Path) -> None:
    model, _, _ = networks.taken(nn.Linear(3, 2), X, (X, (X[:, 0] > 0).astype(int)))
    copy = pickle.loads(tensors.dumps(model))
    saved = tmp_path / "saved"
    signature = signatures.infer(copy, X)
    with tracking.quiet():
        flavors.save(copy, saved, signature=signature, requirements=["torch"], root=tmp_path)
    np.save(tmp_path / "rows.npy", X)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        ELSEWHERE,
        str(saved / "python_model.pkl"),
        str(tmp_path / "rows.npy"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(copy.predict(X).tolist())
