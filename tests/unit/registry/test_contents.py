from __future__ import annotations

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from jupyter_mlops.errors import DataError
from jupyter_mlops.registry.contents import requirements, unpack


class Broken:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return int, ("no number",)


def named(lines: tuple[str, ...]) -> set[str]:
    return {line.partition("==")[0] for line in lines}


def test_the_packages_a_model_is_made_of() -> None:
    model, lines = unpack(cloudpickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0, 2])), "pandas")
    assert model.predict([[2.0]]) == pytest.approx([4.0])
    assert named(lines) == {"cloudpickle", "numpy", "pandas", "scikit-learn"}
    assert all("==" in line for line in lines)


def test_a_module_that_a_function_uses_is_found() -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec("import msgspec\ndef predict(X):\n    return msgspec.json.encode(X)", namespace)  # noqa: S102 - a cell's code
    model, lines = unpack(cloudpickle.dumps(namespace["predict"]))
    assert model([1]) == b"[1]"
    assert "msgspec" in named(lines)


def test_what_cant_be_loaded_again_is_said() -> None:
    with pytest.raises(DataError, match="not loaded again: ValueError"):
        unpack(cloudpickle.dumps(Broken()))


def test_modules_without_a_distribution_need_none() -> None:
    assert requirements({"os", "__main__", "no_such_module"}) == ()
    assert requirements({"numpy.linalg"}) == (f"numpy=={np.__version__}",)
