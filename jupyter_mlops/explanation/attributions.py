"""What each column adds to an answer, and what every way of finding it out has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.records.explanation import RowExplanation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from jupyter_mlops.records.explanation import Method, Scale

Floats: TypeAlias = NDArray[np.float64]
# A table as a model takes it: a frame, or a matrix.
Data: TypeAlias = "pd.DataFrame | NDArray[Any]"

# As a share of the output; some libraries sum in single precision.
TOLERANCE = 1e-3


class NotExplainableError(MlopsError):
    """A model's answers can't be explained; says what is missing."""

    code = "MLO540"
    exit_code = 1
    status = 501


@dataclass(frozen=True, slots=True)
class Attributions:
    """Hold what each column adds to each output of each row.

    ``base`` (outputs) and ``parts`` (rows x outputs x columns) add up to ``answers`` (rows x outputs), what the model
    itself gives. ``errors``, of the shape of ``parts``, are standard errors where the parts were sampled.
    """

    base: Floats
    answers: Floats
    parts: Floats
    errors: Floats | None = None

    @property
    def gap(self) -> float:
        """How far base and parts are from the model's own answers, at most; as a share where answers exceed 1."""
        found = self.base + self.parts.sum(axis=2) - self.answers
        return float(np.max(np.abs(found) / np.maximum(1.0, np.abs(self.answers)), initial=0.0))


class Explainer(Protocol):
    """Attribute a model's outputs to its columns; ``outputs`` names them where they are a classifier's classes."""

    @property
    def method(self) -> Method:
        """How the attributions are found."""

    @property
    def scale(self) -> Scale:
        """What they add up to."""

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The classes that have an output each; empty for a single number."""

    def explain(self, data: Data) -> Attributions:
        """Attribute the outputs for every row of ``data``."""


def checked(explainer: Explainer, data: Data) -> Attributions:
    """Attribute, and hold the sum against what the model itself says.

    Raises:
        NotExplainableError: when base and attributions don't add up to the model's output.
    """
    found = explainer.explain(data)
    if not found.gap <= TOLERANCE:  # NaN is no agreement either
        raise NotExplainableError(
            f"the attributions ({explainer.method}) don't add up to what the model says: {found.gap:.2g} apart",
            hint="report it, with the kind of model",
        )
    return found


def by_row(found: Attributions, names: Sequence[str], outputs: Sequence[Any]) -> list[RowExplanation]:
    """Return an explanation for each row; of a classifier with an output a class, of the class it tends to most."""
    rows = []
    for row in range(len(found.answers)):
        at = int(np.argmax(found.answers[row]))
        errors = {}
        if found.errors is not None:
            errors = dict(zip(names, found.errors[row, at].tolist(), strict=True))
        rows.append(
            RowExplanation(
                base=float(found.base[at]),
                value=float(found.answers[row, at]),
                attributions=dict(zip(names, found.parts[row, at].tolist(), strict=True)),
                output=outputs[at] if outputs else None,
                errors=errors,
            )
        )
    return rows
