"""What a deployed model was asked and answered, and what came true of it, as a sample to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError
from jupyter_mlops.workflows.samples import LABEL, LIVE, PREDICTION, SCORE, TIME, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from jupyter_mlops.records.serving import Prediction
    from jupyter_mlops.store.opened import Store

_TWO = 2


def read(store: Store, text: str) -> Sample:
    """Read the traffic that ``live:model`` or ``live:model@version`` names.

    Raises:
        DataError: when there is none.
    """
    from jupyter_mlops.store.predictions import PredictionLog

    model, _, version = text.removeprefix(LIVE).partition("@")
    if version and not version.isdecimal():
        raise DataError(
            f"{text}: {version!r} is not a version number", hint="write live:model or live:model@3"
        )
    path = store.settings.state / "predictions.db"
    hint = f"serve it (jupyter mlops serve {model or 'model'}) and send it requests"
    if not path.is_file():
        raise DataError(f"{text}: nothing was served in this project yet", hint=hint)
    log = PredictionLog(path)
    try:
        served = list(log.rows(model, int(version) if version else None))
        labels = log.labels([prediction.prediction_id for prediction in served])
    finally:
        log.close()
    if not served:
        raise DataError(f"{text}: no prediction of {model!r} is in the log", hint=hint)
    deployments = dict.fromkeys(f"deployment/{prediction.deployment}" for prediction in served)
    traffic, outcomes = _traffic(served, labels)
    return Sample(text, parents=tuple(deployments), traffic=traffic, outcomes=outcomes)


def _traffic(
    served: Sequence[Prediction], labels: Mapping[tuple[str, int], Any]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put the inputs of all requests under each other, with when they came; a matrix becomes columns ``x0``, ``x1``, ..."""
    import pandas as pd

    frames = []
    for prediction in served:
        inputs = pd.DataFrame(_columns(prediction))
        if TIME not in inputs.columns:
            inputs[TIME] = prediction.created_at
        frames.append(inputs)
    # From the values themselves: numbers beside a request that had none stay numbers.
    traffic = pd.concat(frames, ignore_index=True).apply(lambda column: pd.Series(column.tolist()))
    names = {}
    for what, values in _outcomes(served, labels).items():
        name = what
        while name in traffic.columns:
            name += "_"
        names[what], traffic[name] = name, values
    return traffic, names


def _outcomes(
    served: Sequence[Prediction], labels: Mapping[tuple[str, int], Any]
) -> dict[str, pd.Series[Any]]:
    """Return what was answered row by row, as far as every answer has it, and what came true where anything was told."""
    import pandas as pd

    found = {PREDICTION: [value for each in served for value in each.outputs.get("predict", ())]}
    chances = [chance for each in served for chance in each.outputs.get("predict_proba", ())]
    if all(isinstance(chance, list) and len(chance) == _TWO for chance in chances):
        found[SCORE] = [chance[1] for chance in chances]
    if labels:
        found[LABEL] = [labels.get((each.prediction_id, row)) for each in served for row in range(each.rows)]
    rows = sum(each.rows for each in served)
    return {what: pd.Series(values) for what, values in found.items() if len(values) == rows}


def _columns(prediction: Prediction) -> dict[str, list[Any]]:
    inputs = prediction.inputs
    if len(inputs) != 1:
        return inputs
    [values] = inputs.values()
    if not values or not isinstance(values[0], list):
        width = len(values) // prediction.rows if prediction.rows else 1
        if width <= 1:
            return inputs
        values = [values[start : start + width] for start in range(0, len(values), width)]
    return {f"x{place}": list(column) for place, column in enumerate(zip(*values, strict=True))}
