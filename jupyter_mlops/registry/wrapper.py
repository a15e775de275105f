"""What MLflow calls for a model that has no flavour of its own."""

from __future__ import annotations

from typing import Any


def python_model(model: Any) -> Any:
    """Wrap anything with ``predict`` as an MLflow Python model."""
    from mlflow import pyfunc

    # MLflow knows the arguments by their names, and would take annotations for a schema; ours is given apart.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001 - see above
        return model.predict(model_input)

    # With its attribute set MLflow doesn't warn, at every load, that there are no annotations.
    body = {"predict": predict, "_skip_type_hint_validation": True}
    return type("Wrapped", (pyfunc.PythonModel,), body)()
