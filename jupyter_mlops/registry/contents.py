"""What a pickled model is made of: load it as a server will, and note the packages it asks for."""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache
from importlib import metadata
from typing import Any

from jupyter_mlops.errors import DataError

# What loading and asking any model takes.
ALWAYS = ("cloudpickle", "numpy")
# Where a distribution isn't called what is imported of it.
_OTHER_NAMES = {
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "cv2": "opencv-python",
    "yaml": "PyYAML",
    "skimage": "scikit-image",
}


class _Noting(pickle.Unpickler):
    """Unpickle, and note which modules names are taken from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.modules.add(module)
        found = super().find_class(module, name)
        if name == "subimport" and module.startswith("cloudpickle"):
            # A function of the notebook that uses a whole module, such as np.
            def noting(wanted: str) -> Any:
                self.modules.add(wanted)
                return found(wanted)

            return noting
        return found


def unpack(data: bytes, *also: str) -> tuple[Any, tuple[str, ...]]:
    """Load a pickled model and return it with its requirements, ``name==version`` each.

    ``also`` are modules that it needs without being made of them.

    Raises:
        DataError: when it can't be loaded again.
    """
    noting = _Noting(data)
    try:
        model = noting.load()
    # What a user's object raises while it is built anew can be anything.
    except Exception as error:
        raise DataError(
            f"the model can be pickled but not loaded again: {type(error).__name__}: {error}",
            hint="check the __reduce__ and __setstate__ of its parts",
        ) from error
    return model, requirements({*noting.modules, *ALWAYS, *also})


def requirements(modules: set[str]) -> tuple[str, ...]:
    """Return the installed distributions that modules come from, with their versions, sorted."""
    tops = {module.partition(".")[0] for module in modules} - {
        "builtins",
        "__main__",
        *sys.stdlib_module_names,
    }
    names = {name for top in tops for name in _distributions_of(top)}
    return tuple(sorted(f"{name}=={metadata.version(name)}" for name in names if name != "jupyter-mlops"))


@cache
def _distributions_of(module: str) -> tuple[str, ...]:
    """Return the names of the distributions that a top-level module comes from; mostly it is one of the same name."""
    same_name = _OTHER_NAMES.get(module, module)
    try:
        files = metadata.distribution(same_name).read_text("RECORD") or ""
    except metadata.PackageNotFoundError:
        files = ""
    if f"\n{module}/__init__.py," in f"\n{files}" or f"\n{module}.py," in f"\n{files}":
        return (metadata.distribution(same_name).metadata["Name"],)
    return tuple(_all().get(module, ()))


@cache
def _all() -> dict[str, list[str]]:
    # It reads what every installed distribution says of itself: a second, where there are hundreds.
    return dict(metadata.packages_distributions())
