from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import UsageError
from jupyter_mlops.pipeline.parameters import expand, from_options, resolve

DECLARED: dict[str, Any] = {
    "seed": 7, "lr": 0.1, "name": "a", "fast": True, "sizes": [1], "pair": (1, 2), "table": {}, "nothing": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("seed", "8", 8),
        ("seed", " -8 ", -8),
        ("lr", "1", 1.0),
        ("lr", "1e-3", 0.001),
        ("name", "123", "123"),
        ("name", "", ""),
        ("fast", "no", False),
        ("fast", "True", True),
        ("sizes", "[1, 2]", [1, 2]),
        ("pair", "(3, 4)", (3, 4)),
        ("table", "{'a': 1}", {"a": 1}),
        ("nothing", "5", 5),
        ("nothing", "plain text", "plain text"),
        ("nothing", "None", None),
    ],
)
def test_texts_are_read_by_the_notebook_s_own_type(name: str, text: str, value: Any) -> None:
    found = resolve(DECLARED, {name: text})[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "name, given_value",
    [("seed", "x"), ("seed", "1.5"), ("lr", "fast"), ("fast", "maybe"), ("sizes", "(1,)"), ("sizes", "[1"),
     ("seed", 1.5), ("seed", True), ("name", 3), ("table", [1])],
)  # fmt: skip
def test_another_type_is_refused(name: str, given_value: Any) -> None:
    with pytest.raises(UsageError, match=f"parameter {name} is"):
        resolve(DECLARED, {name: given_value})


def test_an_unknown_name_is_refused_with_what_is_near() -> None:
    with pytest.raises(UsageError, match="no parameter 'sed'") as caught:
        resolve(DECLARED, {"sed": "1"})
    assert "seed" in caught.value.hint
    with pytest.raises(UsageError, match="no parameter") as caught:
        resolve({}, {"seed": "1"})
    assert "params cell" in caught.value.hint


@pytest.mark.parametrize(
    "name, text, values",
    [
        ("lr", "0.1,0.01", [0.1, 0.01]),
        ("lr", " 1 , 2 ", [1.0, 2.0]),
        ("seed", "1,2,3", [1, 2, 3]),
        ("fast", "yes,no", [True, False]),
        ("name", "a,b c", ["a", "b c"]),
        ("name", '"a,b"', ["a,b"]),
        ("name", "'a,b',c", ["a,b", "c"]),
        ("name", '"a"', ["a"]),
        ("name", "it's", ["it's"]),
        ("name", "a,", ["a,"]),
        ("name", "f(a,b)", ["f(a,b)"]),
        ("name", "'unfinished, text", ["'unfinished, text"]),
        ("sizes", "[1, 2]", [[1, 2]]),
        ("sizes", "[1, 2],[3]", [[1, 2], [3]]),
        ("pair", "3,4", [(3, 4)]),
        ("pair", "(3, 4),(5, 6)", [(3, 4), (5, 6)]),
        ("table", "{'a': 1, 'b': 2},{}", [{"a": 1, "b": 2}, {}]),
        ("nothing", "1,2", [(1, 2)]),
    ],
)
def test_several_values_of_the_parameter_s_type_are_a_grid(name: str, text: str, values: list[Any]) -> None:
    assert [point[name] for point in expand(DECLARED, {name: text})] == values


def test_a_grid_has_every_combination() -> None:
    found = expand(DECLARED, {"seed": "1,2", "name": "x", "lr": "0.1,0.2"})
    assert found == tuple({"seed": s, "name": "x", "lr": lr} for s in (1, 2) for lr in (0.1, 0.2))
    assert expand(DECLARED, {}) == ({},)


@pytest.mark.parametrize("name, text", [("seed", "1,x"), ("sizes", "[1],2"), ("fast", "yes,maybe")])
def test_a_list_with_a_wrong_value_is_refused_as_a_whole(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"parameter {name} is") as caught:
        expand(DECLARED, {name: text})
    assert text in caught.value.message
    with pytest.raises(UsageError, match="no parameter"):
        expand(DECLARED, {"sed": "1,2"})


@given(st.text())
def test_a_text_in_quotes_is_itself(text: str) -> None:
    assert expand(DECLARED, {"name": repr(text)}) == ({"name": text},)


def test_options_are_name_and_value() -> None:
    assert from_options(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in (["a"], ["=1"], ["a=1", "a=2"]):
        with pytest.raises(UsageError):
            from_options(wrong)


@given(st.integers(), st.floats(allow_nan=False))
def test_numbers_come_back_as_they_were_written(whole: int, real: float) -> None:
    found = resolve(DECLARED, {"seed": str(whole), "lr": repr(real)})
    assert (found["seed"], found["lr"]) == (whole, real)


def test_what_isn_t_given_stays_and_typed_values_pass() -> None:
    assert resolve(DECLARED, {}) == DECLARED
    assert resolve(DECLARED, {"lr": 2, "pair": [5, 6], "sizes": [9]}) == {
        **DECLARED, "lr": 2.0, "pair": (5, 6), "sizes": [9],
    }  # fmt: skip
