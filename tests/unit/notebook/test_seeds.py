from __future__ import annotations

import pytest

from jupyter_mlops.notebook.seeds import seeds


@pytest.mark.parametrize(
    "source, found",
    [
        ("import numpy as np\nnp.random.seed(7)", {"np.random.seed": (7,)}),
        ("rng = np.random.default_rng(seed)", {"np.random.default_rng": (11,)}),
        ("torch.manual_seed(SEED)", {"torch.manual_seed": (3,)}),
        ("split(X, random_state=1)\nsplit(X, random_state=2)", {"split(random_state)": (1, 2)}),
        ("%%mlops stage fit\nForest(random_state=seed).fit(X)", {"Forest(random_state)": (11,)}),
        ("%time x = random.Random(5)", {}),
        ("np.random.seed()\nnp.random.seed(None)\nseed(True)\nf(random_state=x.y)", {}),
        ("this is no code", {}),
    ],
)
def test_seeds_are_read_from_the_source(source: str, found: dict[str, tuple[int, ...]]) -> None:
    assert seeds(["SEED = 3", source], {"seed": 11, "rate": 0.5}) == found
