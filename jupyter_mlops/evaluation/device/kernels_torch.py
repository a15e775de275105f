"""The kernels of ``stats.resampling`` on a GPU, by PyTorch; on the CPU too, to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_mlops.stats import ranking, weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.stats.resampling import Floats

# Weights held at a time: 0.4 GB of them, and some copies.
CHUNK = 50_000_000
_ALL = (1 << 64) - 1


class TorchKernels:
    """Draw the weights of some hundred resamples at a time where the data is, and reduce them there."""

    def __init__(self, device: str, name: str = "") -> None:
        import torch

        self._torch = torch
        self._device = torch.device(device)
        self._table = torch.from_numpy(weights.TABLE.astype(np.float64)).to(self._device)
        self.name = name or f"torch on {device}"

    def sums(self, seed: int, resamples: int, summands: Floats) -> Floats:
        """See ``Kernels``."""
        given = self._there(summands)
        parts = [drawn @ given for _, drawn in self._drawn(seed, resamples, len(summands))]
        return self._here(parts)

    def squares(self, seed: int, summands: Floats, gradients: Floats) -> Floats:
        """See ``Kernels``."""
        given, factors = self._there(summands).T.contiguous(), self._there(gradients)
        parts = []
        for start, drawn in self._drawn(seed, len(gradients), len(summands)):
            linear = factors[start : start + len(drawn)] @ given
            parts.append((drawn * linear.square()).sum(dim=1))
        return self._here(parts)

    def ranks(self, seed: int, resamples: int, kind: str, positive: Floats, scores: Floats) -> Floats:
        """See ``Kernels``."""
        rows = ranking.ordered(kind, positive, scores)
        if not len(rows.order):
            return np.full(resamples, np.nan)
        order = self._there(rows.order)
        signs = self._there(rows.signs.astype(np.float64))
        last = self._there(np.flatnonzero(rows.ends))
        metric = self._areas if kind == "roc_auc" else self._precisions
        drawn = self._drawn(seed, resamples, len(positive))
        return self._here([metric(given[:, order], signs, last) for _, given in drawn])

    def _areas(self, drawn: Any, signs: Any, last: Any) -> Any:
        hits = self._grouped((drawn * signs).cumsum(dim=1)[:, last])
        below = ((1 - signs) * drawn).cumsum(dim=1)[:, last]
        misses = self._grouped(below)
        # Whole and half numbers below 2 ** 53: exact.
        right = (hits * (below - misses / 2)).sum(dim=1)
        return right / (hits.sum(dim=1) * below[:, -1])

    def _precisions(self, drawn: Any, signs: Any, last: Any) -> Any:
        found = (drawn * signs).cumsum(dim=1)[:, last]
        seen = drawn.cumsum(dim=1)[:, last]
        precision = self._torch.where(seen > 0, found / seen, 0.0)
        return (self._grouped(found) * precision).sum(dim=1) / found[:, -1]

    def _grouped(self, cumulated: Any) -> Any:
        """Return the sum of each run of equal scores from the sums up to its end."""
        return self._torch.diff(cumulated, dim=1, prepend=self._torch.zeros_like(cumulated[:, :1]))

    def _drawn(self, seed: int, resamples: int, rows: int) -> Iterator[tuple[int, Any]]:
        """Yield the weights (resamples x rows) of ``weights.poisson``, some resamples at a time."""
        torch = self._torch
        words = -(-rows // weights.ROWS_A_WORD)
        steps = torch.arange(words, device=self._device, dtype=torch.int64) * _signed(weights.STEP)
        shifts = torch.arange(weights.ROWS_A_WORD, device=self._device, dtype=torch.int64) * 16
        at_once = max(1, CHUNK // max(1, rows))
        for start in range(0, resamples, at_once):
            keys = weights.keys(seed, start, min(resamples, start + at_once))
            mixed = self._mixed(self._there(keys.view(np.int64))[:, None] + steps)
            levels = ((mixed[:, :, None] >> shifts) & 0xFFFF).flatten(1)[:, :rows]
            yield start, self._table[levels]

    def _mixed(self, words: Any) -> Any:
        """Hash as ``weights.mixed`` does; multiplication overflows alike with and without a sign."""
        words = (words ^ _shifted(words, 30)) * _signed(weights.FIRST)
        words = (words ^ _shifted(words, 27)) * _signed(weights.SECOND)
        return words ^ _shifted(words, 31)

    def _there(self, values: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _here(self, parts: list[Any]) -> Floats:
        found: Floats = self._torch.cat(parts).cpu().numpy()
        return found


def on_gpu() -> TorchKernels | None:
    """Return kernels on this machine's GPU; None without one, or without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    try:
        return TorchKernels("cuda", f"torch on {torch.cuda.get_device_name()}")
    except RuntimeError:  # a GPU that can't be reached or has no memory left is no help
        return None


def _shifted(words: Any, bits: int) -> Any:
    """Shift to the right and fill with zeros, which PyTorch does for positive numbers only."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def _signed(word: int) -> int:
    return word - (_ALL + 1) if word > _ALL // 2 else word
