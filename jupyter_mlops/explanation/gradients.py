"""PyTorch modules: integrated gradients, along the straight line from a baseline to the row."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.explanation.attributions import Attributions
from jupyter_mlops.store.networks import Network, NetworkClassifier, as_tensor

if TYPE_CHECKING:
    from jupyter_mlops.explanation.attributions import Data, Floats
    from jupyter_mlops.records.explanation import Method, Scale

# Points on the line: as many as it takes for the sum to come out within CLOSE, a share of all that is attributed. What is
# left then, up to OPEN, is spread over the columns in proportion.
STEPS = (32, 128, 512)
CLOSE, OPEN = 0.002, 0.02
_SINGLE = 1  # dimension
# So many points of all lines go through the module together.
_TOGETHER = 8192


class GradientExplainer:
    """Sum up a module's gradients between the mean background row and the row in question.

    It is the module's own output that is attributed: the scores before the probabilities, where it gives those.
    """

    method: Method = "integrated gradients"

    def __init__(self, network: Network, background: Data) -> None:
        self._network = network
        self._start = as_tensor(network.module, background).mean(dim=0)
        self._base = self._outputs(self._start[None])[0]

    @property
    def scale(self) -> Scale:
        """What the attributions add up to."""
        if not isinstance(self._network, NetworkClassifier):
            return "prediction"
        return "probability" if self._network.meaning == "probabilities" else "score"

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The classes that have an output each; a single output stands for the second of two."""
        classes = getattr(self._network, "classes_", None)
        if classes is None:
            return ()
        return tuple(classes[-len(self._base) :].tolist())

    def explain(self, data: Data) -> Attributions:
        """Attribute the outputs for every row of ``data``."""
        rows = as_tensor(self._network.module, data)
        answers = self._outputs(rows)
        parts, share = np.zeros((*answers.shape, rows.shape[1])), np.full(answers.shape, np.inf)
        for steps in STEPS:
            open_ = np.flatnonzero(np.abs(share).max(axis=1) > CLOSE)
            if not len(open_):
                break
            parts[open_] = self._integrated(rows[open_], steps)
            left = answers - self._base - parts.sum(axis=2)
            share = np.divide(left, np.abs(parts).sum(axis=2), out=np.zeros_like(left), where=left != 0)
        # Kinks, as those of ReLU, leave a little open, however many the steps; more than a little stays to be seen.
        share = np.where(np.abs(share) <= OPEN, share, 0.0)
        return Attributions(self._base, answers, parts + np.abs(parts) * share[:, :, None])

    def _integrated(self, rows: Any, steps: int) -> Floats:
        """Return rows x outputs x columns."""
        points, weights = _line(steps)
        along = rows.new_tensor((points + 1) / 2)[:, None]
        found = np.zeros((len(rows), len(self._base), rows.shape[1]))
        together = max(1, _TOGETHER // steps)
        for first in range(0, len(rows), together):
            away = rows[first : first + together] - self._start
            line = (self._start + along * away[:, None]).reshape(-1, rows.shape[1])
            gradients = self._gradients(line).reshape(len(self._base), len(away), steps, -1)
            mean = np.einsum("s,krsj->rkj", weights / 2, gradients)
            found[first : first + together] = mean * _array(away)[:, None]
        return found

    def _gradients(self, points: Any) -> Floats:
        """Return the gradients of every output at every point: outputs x points x columns."""
        import torch

        with torch.enable_grad():
            points = points.to(self._network.device).detach().requires_grad_()
            given = _as_columns(self._network.module(points))
            last = given.shape[1] - 1
            found = [
                _array(torch.autograd.grad(given[:, k].sum(), points, retain_graph=k < last)[0])
                for k in range(last + 1)
            ]
        return np.stack(found)

    def _outputs(self, rows: Any) -> Floats:
        import torch

        self._network.module.eval()
        with torch.inference_mode():
            return _array(_as_columns(self._network.module(rows.to(self._network.device))))


@functools.cache
def _line(steps: int) -> tuple[Floats, Floats]:
    """Return the points of Gauss and Legendre on a line from -1 to 1, with their weights."""
    return np.polynomial.legendre.leggauss(steps)


def explainer(model: Any, background: Data) -> GradientExplainer | None:
    """Return what explains a model that is a PyTorch module; None for others, and where gradients mean nothing."""
    if not isinstance(model, Network):
        return None
    if not as_tensor(model.module, background).is_floating_point():
        return None  # codes of words have nothing between them
    return GradientExplainer(model, background)


def _as_columns(given: Any) -> Any:
    return given[:, None] if given.ndim == _SINGLE else given


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().cpu().double())
