"""Write a model in MLflow's own format, so that every MLflow tool can load it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from jupyter_mlops.registry.tracking import load_mlflow
from jupyter_mlops.store import networks
from jupyter_mlops.store.bundles import by_value, local_modules

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.model import Signature

_COLUMN_TYPES = {
    "BOOL": "boolean",
    "INT8": "integer",
    "INT16": "integer",
    "INT32": "integer",
    "UINT8": "integer",
    "UINT16": "integer",
    "UINT32": "long",
    "INT64": "long",
    "UINT64": "long",
    "FP16": "float",
    "FP32": "float",
    "FP64": "double",
    "BYTES": "string",
}


def is_sklearn(model: Any) -> bool:
    """Say whether a model is a scikit-learn estimator, without importing scikit-learn for one that isn't."""
    base = sys.modules.get("sklearn.base")
    return base is not None and isinstance(model, base.BaseEstimator)


def save(
    model: Any, folder: Path, *, signature: Signature, requirements: list[str], root: Path, **about: Any
) -> None:
    """Write ``model`` to ``folder``: scikit-learn's flavour for its estimators, a Python function for all others.

    Requirements and signature are given, because MLflow finds them by loading the model again in a new process.
    ``about`` goes into MLflow's description of the model (run, model id).
    """
    mlflow = load_mlflow()
    described = mlflow.models.Model(**about)
    common = {"signature": to_mlflow(signature), "pip_requirements": requirements, "mlflow_model": described}
    if is_sklearn(model):
        import mlflow.sklearn as flavour

        with by_value(local_modules(root)):
            flavour.save_model(model, str(folder), serialization_format="cloudpickle", **common)
        return
    from jupyter_mlops.registry import wrapper

    # The code around the model goes along too: whoever loads it needn't have this package.
    with by_value([*local_modules(root), sys.modules[wrapper.__name__], networks]):
        mlflow.pyfunc.save_model(str(folder), python_model=wrapper.python_model(model), **common)


def to_mlflow(signature: Signature) -> Any:
    """Say a signature in MLflow's words."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    if signature.layout == "array":
        tensor = signature.inputs[0]
        inputs = Schema([TensorSpec(np.dtype(tensor.dtype or "float64"), tensor.shape)])
    else:
        inputs = Schema([ColSpec(_COLUMN_TYPES[column.datatype], column.name) for column in signature.inputs])
    return ModelSignature(inputs=inputs)
