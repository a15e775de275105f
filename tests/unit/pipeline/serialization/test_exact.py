"""What the C pickler would not take exactly."""

from __future__ import annotations

import builtins
import io
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.pipeline.serialization import exact
from jupyter_mlops.pipeline.serialization.pickling import Scope, Unpickler, pickled

NAN = math.nan


def is_nan(found: Any) -> bool:
    """Say whether an object is numpy's own NaN."""
    return id(found) == id(np.nan)


def there(value: Any) -> Any:
    """Return a value as the next stage has it."""
    made = pickled(value, Scope({}))
    return Unpickler(
        io.BytesIO(made.data), buffers=[memoryview(bytearray(raw)) for raw in made.buffers]
    ).load()


def test_not_a_number_is_the_same_as_itself() -> None:
    own, other = float("nan"), float("-nan")
    found = there({"own": own, "in": {own: 1}, "all": [own, np.nan, math.nan, other]})
    assert found["own"] in found["in"]
    assert [found["own"] is each for each in found["all"]] == [True, False, False, False]
    assert is_nan(found["all"][1])
    assert id(found["all"][2]) == id(NAN)
    assert math.copysign(1, found["all"][3]) == -1


def test_holders_of_one_nan_belong_together() -> None:
    own = float("nan")
    one, other, apart = (pickled(value, Scope({})).objects for value in ([own], {own: 1}, [np.nan]))
    assert set(one) & set(other)
    assert not set(one) & set(apart)


def test_objects_with_numpy_s_nan_need_no_second_look() -> None:
    frame = pd.DataFrame({"o": pd.Series(["x", np.nan, None], dtype=object), "t": ["a", None, "b"]})
    made = pickled(frame, Scope({}))
    assert not exact.is_wanted(made.data, {})
    other = pickled(pd.Series([np.nan, "y"], dtype=object), Scope({}))
    assert not set(made.objects) & set(other.objects)
    found = there(frame)
    assert is_nan(found["o"][1])
    assert found["o"][2] is None
    pd.testing.assert_frame_equal(found, frame)


def test_a_namespace_of_exec_has_the_builtins() -> None:
    space: dict[str, Any] = {"k": 2}
    exec("def f(x): return x * k", space)  # noqa: S102 - it is what makes such a dict
    found = there(space)
    assert found["__builtins__"] is builtins.__dict__
    found["k"] = 5
    assert found["f"](1) == 5
    alone = there(space["f"])
    assert alone.__globals__["f"] is alone


def test_one_set_stays_one_set_in_its_order() -> None:
    letters = {number * 7919 % 100_003 for number in range(100)}
    first, second, held = there([letters, letters, {"in": frozenset(letters), "set": letters}])
    assert list(first) == list(letters)
    assert first is second is held["set"]
    first.add(-1)
    assert -1 in second


class Shares:
    """All of its instances have one state."""

    state: dict[str, Any] = {}  # noqa: RUF012 - so it is shared

    def __init__(self) -> None:
        self.__dict__ = self.state


def test_a_dict_of_attributes_stays_the_one_that_others_hold() -> None:
    one, state, alone = there([Shares(), Shares.state, exact.Marks()])
    assert vars(one) is state
    state["x"] = 1
    assert one.x == 1
    assert vars(alone) == {"met": {}, "_sets": {}, "_nans": {}}


def test_views_errors_and_their_causes_come_back() -> None:
    held = {"a": 1}
    held, keys, items = there([held, held.keys(), held.items()])
    held["b"] = 2
    assert (list(keys), list(items)) == (["a", "b"], [("a", 1), ("b", 2)])
    with pytest.raises(CodedError) as caught:
        raise CodedError(3) from KeyError("k")
    caught.value.add_note("noted")
    error = there(caught.value)
    assert (str(error), error.code, repr(error.__cause__), error.__notes__) == (
        "code 3", 3, "KeyError('k')", ["noted"],
    )  # fmt: skip


class CodedError(ValueError):
    """Say a number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code
