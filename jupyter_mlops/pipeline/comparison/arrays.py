"""Compare arrays, frames, sparse matrices and tensors by content."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline.comparison.values import Found, Tolerance, is_clock, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.pipeline.comparison.comparer import Comparer

    Answer = tuple[bool, Found | None]

_UNKNOWN: Answer = (False, None)
# Values of one of these types are equal where they say so; object arrays are full of them.
_PLAIN = (str, int, bool, bytes, type(None))


def compare_known(comparer: Comparer, left: Any, right: Any, path: str) -> Answer:
    """Compare two values of one type, where it is one of numpy's, pandas', scipy's or torch's; say if it was."""
    for module, compare in _FAMILIES.items():
        if module in sys.modules:
            known, found = compare(comparer, left, right, path)
            if known:
                return True, found
    return _UNKNOWN


def _numpy(comparer: Comparer, left: Any, right: Any, path: str) -> Answer:  # noqa: PLR0911 - a type each
    import numpy as np

    if isinstance(left, np.ma.MaskedArray):
        found = array(comparer, np.ma.getmaskarray(left), np.ma.getmaskarray(right), f"{path}.mask")
        mine, other = (np.where(side.mask, side.dtype.type(), side.data) for side in (left, right))
        return True, found or array(comparer, mine, other, path)
    if isinstance(left, np.ndarray | np.generic):
        return True, array(comparer, np.asarray(left), np.asarray(right), path)
    if isinstance(left, np.random.Generator):
        return True, comparer.compare(left.bit_generator.state, right.bit_generator.state, f"{path}.state")
    if isinstance(left, np.random.RandomState):
        return True, comparer.compare(left.get_state(), right.get_state(), f"{path}.get_state()")
    if isinstance(left, np.random.BitGenerator):
        return True, comparer.compare(left.state, right.state, f"{path}.state")
    if isinstance(left, np.dtype):
        return True, None if left == right else Found(path, _sides(left, right))
    if isinstance(left, np.ufunc):
        return True, None if left.__name__ == right.__name__ else Found(path, _sides(left, right))
    return _UNKNOWN


def array(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    """Compare two plain arrays: shape, dtype, then content."""
    import numpy as np

    if left.shape != right.shape:
        return Found(path, f"the shape differs: {_sides(left.shape, right.shape)}")
    if left.dtype != right.dtype:
        return Found(path, f"the dtype differs: {_sides(left.dtype, right.dtype)}")
    if left.dtype.names is not None:
        fields = ((name, left[name], right[name]) for name in left.dtype.names)
        found = (array(comparer, mine, other, f"{path}[{name!r}]") for name, mine, other in fields)
        return next((item for item in found if item), None)
    if left.dtype.hasobject:
        return _objects(comparer, left.ravel().tolist(), right.ravel().tolist(), path, left.shape)
    if left.dtype.kind in "fc":
        differ = _floats_differ(left, right, comparer.tolerance)
    elif left.dtype.kind in "mM":
        differ = (
            left.view("i8") != right.view("i8")
            if left.ndim
            else np.asarray(left.view("i8") != right.view("i8"))
        )
    elif left.dtype.kind == "V":
        same = left.tobytes() == right.tobytes()
        return None if same else Found(path, "the bytes differ")
    else:
        differ = np.asarray(left != right)
    return Found(path, _content(left, right, differ)) if differ.any() else None


def _floats_differ(left: Any, right: Any, tolerance: Tolerance) -> Any:
    import numpy as np

    with np.errstate(all="ignore"):
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        if tolerance.exact:
            if left.dtype.kind == "f":
                same &= np.isnan(left) | (np.signbit(left) == np.signbit(right))
            else:
                signs = (np.signbit(left.real) == np.signbit(right.real)) & (
                    np.signbit(left.imag) == np.signbit(right.imag)
                )
                same &= np.isnan(left) | signs
        else:
            same |= np.abs(left - right) <= tolerance.atol + tolerance.rtol * np.abs(left)
    return np.asarray(~same)


def _content(left: Any, right: Any, differ: Any) -> str:
    """Say how many values of two arrays differ, which is the first, and by how much at most."""
    import numpy as np

    place = tuple(int(index[0]) for index in np.nonzero(np.atleast_1d(differ)))
    mine, other = (np.atleast_1d(side)[place] for side in (left, right))
    count, size = int(differ.sum()), differ.size
    head = f"{count} of {size} values differ, first at {list(place)}: " if left.ndim else ""
    text = head + _sides(
        mine.item() if mine.dtype.kind not in "mM" else mine,
        other.item() if other.dtype.kind not in "mM" else other,
    )
    if left.dtype.kind in "fciub" and count > 0:
        wide = np.complex128 if left.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            distance = np.abs(left.astype(wide) - right.astype(wide))
        finite = distance[np.isfinite(distance)]
        text += f"; max abs difference {finite.max():.3g}" if finite.size else ""
    return text


def _objects(
    comparer: Comparer, left: list[Any], right: list[Any], path: str, shape: tuple[int, ...]
) -> Found | None:
    import numpy as np

    for index, (mine, other) in enumerate(zip(left, right, strict=True)):
        if mine is other or (type(mine) in _PLAIN and type(mine) is type(other) and mine == other):
            continue
        place = ", ".join(str(int(item)) for item in np.unravel_index(index, shape))
        found = comparer.compare(mine, other, f"{path}[{place}]")
        if found:
            return found
    return None


def _pandas(comparer: Comparer, left: Any, right: Any, path: str) -> Answer:  # noqa: PLR0911 - a type each
    import pandas as pd

    if isinstance(left, pd.DataFrame):
        return True, _frame(comparer, left, right, path)
    if isinstance(left, pd.Series):
        return True, _series(comparer, left, right, path)
    if isinstance(left, pd.Index):
        return True, _index(comparer, left, right, path)
    if isinstance(left, pd.api.extensions.ExtensionArray):
        return True, _extension(comparer, left, right, path)
    if isinstance(left, pd.api.extensions.ExtensionDtype):
        return True, None if left == right else Found(path, _sides(left, right))
    if left is pd.NaT or left is pd.NA:
        return True, None if left is right else Found(path, _sides(left, right))
    if isinstance(left, pd.Timestamp | pd.Timedelta | pd.Period | pd.Interval | pd.offsets.BaseOffset):
        same = left == right and repr(left) == repr(right)
        return True, None if same else Found(path, _sides(left, right))
    return _UNKNOWN


def _frame(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    if left.shape != right.shape:
        return Found(path, f"the shape differs: {_sides(left.shape, right.shape)}")
    found = _index(comparer, left.columns, right.columns, f"{path}.columns")
    found = found or _index(comparer, left.index, right.index, f"{path}.index")
    if found:
        return found
    for place, name in enumerate(left.columns):
        if isinstance(name, str) and is_clock(name):
            continue
        mine, other = left.iloc[:, place], right.iloc[:, place]
        found = _values(comparer, mine.array, other.array, f"{path}[{shown(name, 30)}]")
        if found:
            return found
    return comparer.compare(dict(left.attrs), dict(right.attrs), f"{path}.attrs")


def _series(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    found = comparer.compare(left.name, right.name, f"{path}.name")
    if not found and len(left) != len(right):
        return Found(path, f"the length differs: {_sides(len(left), len(right))}")
    found = found or _index(comparer, left.index, right.index, f"{path}.index")
    found = found or _values(comparer, left.array, right.array, path)
    return found or comparer.compare(dict(left.attrs), dict(right.attrs), f"{path}.attrs")


def _index(  # noqa: PLR0911 - a property each
    comparer: Comparer, left: Any, right: Any, path: str
) -> Found | None:
    if type(left) is not type(right):
        return Found(path, f"the type differs: {_sides(type(left).__name__, type(right).__name__)}")
    found = comparer.compare(list(left.names), list(right.names), f"{path}.names")
    if found:
        return found
    if len(left) != len(right):
        return Found(path, f"the length differs: {_sides(len(left), len(right))}")
    if left.nlevels > 1:
        if left.nlevels != right.nlevels:
            return Found(path, f"the number of levels differs: {_sides(left.nlevels, right.nlevels)}")
        for level in range(left.nlevels):
            mine, other = (side.get_level_values(level).array for side in (left, right))
            found = _values(comparer, mine, other, f"{path}.get_level_values({level})")
            if found:
                return found
        return None
    if getattr(left, "freq", None) != getattr(right, "freq", None):
        return Found(path, f"the freq differs: {_sides(left.freq, right.freq)}")
    return _values(comparer, left.array, right.array, path)


def _values(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    """Compare the arrays of two columns, by pandas' dtypes first."""
    if left.dtype != right.dtype:
        return Found(path, f"the dtype differs: {_dtypes(left.dtype, right.dtype)}")
    return _extension(comparer, left, right, path)


def _extension(  # noqa: PLR0911 - a kind of array each
    comparer: Comparer, left: Any, right: Any, path: str
) -> Found | None:
    import numpy as np
    import pandas as pd

    if left.dtype != right.dtype:
        return Found(path, f"the dtype differs: {_dtypes(left.dtype, right.dtype)}")
    if len(left) != len(right):
        return Found(path, f"the length differs: {_sides(len(left), len(right))}")
    if isinstance(left, pd.Categorical):
        found = _index(comparer, left.categories, right.categories, f"{path}.categories")
        if not found and left.ordered != right.ordered:
            return Found(path, f"ordered differs: {_sides(left.ordered, right.ordered)}")
        return found or array(comparer, np.asarray(left.codes), np.asarray(right.codes), f"{path}.codes")
    if isinstance(left.dtype, pd.DatetimeTZDtype | pd.PeriodDtype):
        return array(comparer, left.asi8, right.asi8, path)
    if isinstance(left.dtype, np.dtype) or isinstance(left, pd.arrays.NumpyExtensionArray):
        return array(comparer, left.to_numpy(), right.to_numpy(), path)
    missing, missing_too = (np.asarray(side.isna()) for side in (left, right))
    found = array(comparer, missing, missing_too, f"{path}.isna()")
    if found or missing.all():
        return found
    numpy_dtype = getattr(left.dtype, "numpy_dtype", None)
    if isinstance(numpy_dtype, np.dtype) and numpy_dtype.kind in "biuf" and hasattr(left, "_mask"):
        mine, other = (side[~missing].to_numpy(dtype=numpy_dtype) for side in (left, right))
    else:
        mine, other = (np.asarray(side.to_numpy(dtype=object)) for side in (left, right))
    return array(comparer, mine, other, path)


def _sparse(comparer: Comparer, left: Any, right: Any, path: str) -> Answer:
    from scipy import sparse

    if not sparse.issparse(left):
        return _UNKNOWN
    if left.shape != right.shape or left.dtype != right.dtype:
        what = "shape" if left.shape != right.shape else "dtype"
        return True, Found(path, f"the {what} differs: {_sides(getattr(left, what), getattr(right, what))}")
    parts = []
    for side in (left, right):
        # A copy: putting the entries in order would change the value that is looked at.
        ordered = sparse.csr_array(side.reshape(1, -1) if side.ndim == 1 else side, copy=True)
        ordered.sum_duplicates()
        parts.append((ordered.indptr.astype("i8"), ordered.indices.astype("i8"), ordered.data))
    for name, mine, other in zip(("indptr", "indices", "data"), *parts, strict=True):
        found = array(comparer, mine, other, f"{path}.{name}")
        if found:
            return True, found
    return True, None


def _torch(comparer: Comparer, left: Any, right: Any, path: str) -> Answer:
    torch: Any = sys.modules["torch"]

    if isinstance(left, torch.Generator):
        return True, _tensor(comparer, left.get_state(), right.get_state(), f"{path}.get_state()")
    if isinstance(left, torch.Tensor):
        return True, _tensor(comparer, left, right, path)
    if isinstance(left, torch.dtype | torch.device | torch.Size):
        return True, None if left == right else Found(path, _sides(left, right))
    return _UNKNOWN


def _tensor(comparer: Comparer, left: Any, right: Any, path: str) -> Found | None:
    torch: Any = sys.modules["torch"]

    for name in ("shape", "dtype", "device", "layout", "requires_grad"):
        mine, other = getattr(left, name), getattr(right, name)
        if mine != other:
            words = (tuple(mine), tuple(other)) if name == "shape" else (mine, other)
            return Found(path, f"the {name} differs: {_sides(*words)}")
    plain_sides = []
    for side in (left, right):
        plain = side.detach().cpu()
        plain = plain.to_dense() if plain.layout != torch.strided else plain
        plain = plain.dequantize() if plain.is_quantized else plain
        plain = plain.float() if plain.dtype == torch.bfloat16 else plain
        plain_sides.append(plain.resolve_conj().resolve_neg().numpy())
    found = array(comparer, plain_sides[0], plain_sides[1], path)
    if found or not (left.is_leaf and right.is_leaf):
        return found
    return comparer.compare(left.grad, right.grad, f"{path}.grad")


def _dtypes(left: Any, right: Any) -> str:
    """Say both dtypes; two that have one name are told apart by what stands behind it."""
    return _sides(left, right) if str(left) != str(right) else _sides(repr(left), repr(right))


def _sides(left: Any, right: Any) -> str:
    mine, other = (side if isinstance(side, str) else _short(side) for side in (left, right))
    return f"{mine} in the notebook, {other} in the pipeline"


def _short(value: Any) -> str:
    return (
        str(value)
        if str(type(value).__module__).partition(".")[0] in ("numpy", "torch", "pandas")
        else shown(value)
    )


_FAMILIES: dict[str, Callable[..., Answer]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "scipy.sparse": _sparse,
    "torch": _torch,
}
