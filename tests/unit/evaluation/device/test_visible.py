from __future__ import annotations

import pytest

from jupyter_mlops.evaluation.device.visible import VARIABLE, chosen
from jupyter_mlops.evaluation.rows import NotMeasurableError


@pytest.mark.parametrize(
    "said, count, place",
    [
        (None, 2, 0),
        ("0", 1, 0),
        ("1,0", 2, 1),
        (" 3 ", 4, 3),
        ("GPU-8f6b,GPU-1", 2, "GPU-8f6b"),
        ("MIG-5c89", 1, "MIG-5c89"),
        ("1,junk", 2, 1),
    ],
)
def test_the_first_that_may_be_used(said: str | None, count: int, place: int | str) -> None:
    assert chosen({} if said is None else {VARIABLE: said}, count) == place


@pytest.mark.parametrize(
    "said, count, why",
    [
        (None, 0, "the driver knows of none"),
        ("0", 0, "the driver knows of none"),
        ("", 2, "hides all of them"),
        ("-1", 2, "hides all of them"),
        ("none", 2, "hides all of them"),
        ("2", 2, "CUDA_VISIBLE_DEVICES='2', and the machine has 2 GPUs"),
        ("1", 1, "and the machine has 1 GPU"),
    ],
)
def test_none_that_may_be_used(said: str | None, count: int, why: str) -> None:
    with pytest.raises(NotMeasurableError, match=f"no GPU here: .*{why}"):
        chosen({} if said is None else {VARIABLE: said}, count)
