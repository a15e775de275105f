"""How good a model's predictions are over time: measured where labels have come, estimated where they haven't.

Every figure has an interval. A window raises an alarm where it is worse than the reference beyond chance (corrected for
the number of windows) and by at least a margin. Without labels the quality is estimated from the scores, calibrated on
the reference: that holds as long as a score is worth what it was then, whatever the mix of rows. Its interval counts both
which labels would come and how sure the calibration is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from jupyter_mlops.records.drift import ConceptChange, Performance, WindowPerformance
from jupyter_mlops.stats import calibration, delong, sequential
from jupyter_mlops.stats.corrections import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = NDArray[np.float64]

LEVEL = 0.05
MARGIN = 0.02
FEWEST_ROWS = 30


@dataclass(frozen=True)
class Outcomes:
    """Hold what a model said and what came true, in order of time.

    ``labels`` and ``predictions`` are classes as 0 and 1 (or, where ``scores`` is None, whether they agree is all that is
    used); labels that haven't come are NaN. ``numeric`` says that both are amounts.
    """

    labels: Floats
    predictions: Floats
    scores: Floats | None = None
    numeric: bool = False

    def take(self, rows: NDArray[np.bool_] | slice) -> Outcomes:
        """Return some of the rows."""
        scores = None if self.scores is None else self.scores[rows]
        return Outcomes(self.labels[rows], self.predictions[rows], scores, self.numeric)

    @property
    def labelled(self) -> Outcomes:
        """The rows whose label has come."""
        return self.take(~np.isnan(self.labels))


@dataclass(frozen=True)
class _Figure:
    value: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        reach = float(stats.norm.ppf(1 - LEVEL / 2)) * self.error
        return self.value - reach, self.value + reach


def over_windows(
    reference: Outcomes,
    current: Outcomes,
    windows: Sequence[tuple[str, NDArray[np.bool_]]],
    *,
    margin: float = MARGIN,
) -> tuple[Performance, ...]:
    """Measure or estimate a model's quality window by window, against a reference with labels.

    Args:
        reference: rows with labels, not those that the model was fitted on.
        current: rows in order of time; labels may be missing.
        windows: name and rows of each window.
        margin: how much worse (of an amount: what share worse) is worth an alarm.

    Returns:
        For classes ``accuracy``, and ``roc_auc`` where there are scores; for amounts ``mean_absolute_error``.
    """
    if current.numeric:
        names = ["mean_absolute_error"]
    else:
        names = ["accuracy"] if current.scores is None else ["accuracy", "roc_auc"]
    found = [_metric(name, reference.labelled, current, windows, margin) for name in names]
    return tuple(each for each in found if each is not None)


def changes(current: Outcomes) -> tuple[ConceptChange, ...]:
    """Return where detectors see a change in the stream of errors, row by row in order of time."""
    known = np.flatnonzero(~np.isnan(current.labels))
    rows = current.labelled
    if not len(known):
        return ()
    errors = (
        np.abs(rows.labels - rows.predictions) if rows.numeric else (rows.labels != rows.predictions) * 1.0
    )
    # Page and Hinkley's sums are told deviations in units of the first errors' spread, so that one threshold fits all.
    spread = float(errors[: max(FEWEST_ROWS, len(errors) // 10)].std()) or 1.0
    streams: dict[str, tuple[sequential.Detector, Floats]] = {
        "adwin": (sequential.ADWIN(), errors if not rows.numeric else errors / spread),
        "page_hinkley": (sequential.PageHinkley(tolerated=0.1), errors / spread),
    }
    if not rows.numeric:
        streams["ddm"] = (sequential.DDM(), errors)
    return tuple(
        ConceptChange(detector=name, row=int(known[place]))
        for name, (detector, values) in streams.items()
        for place in sequential.changes(detector, values)
    )


def _metric(
    name: str,
    reference: Outcomes,
    current: Outcomes,
    windows: Sequence[tuple[str, NDArray[np.bool_]]],
    margin: float,
) -> Performance | None:
    base = _figure(name, reference)
    if base is None:
        return None
    worse_is = 1.0 if name == "mean_absolute_error" else -1.0
    bar = margin * base.value if name == "mean_absolute_error" else margin
    estimator = None if current.numeric else _Estimator.fitted(name, reference)
    measured = [_figure(name, current.take(rows).labelled) for _, rows in windows]
    p_values = benjamini_hochberg(
        [
            None
            if figure is None
            else float(
                stats.norm.sf(
                    worse_is * (figure.value - base.value) / (np.hypot(figure.error, base.error) or 1e-12)
                )
            )
            for figure in measured
        ]
    )
    found = []
    for (start, rows), figure, p_value in zip(windows, measured, p_values, strict=True):
        worse = 0.0 if figure is None else worse_is * (figure.value - base.value)
        guess = None if estimator is None else estimator.of(current.take(rows))
        found.append(
            WindowPerformance(
                start=start,
                rows=int(rows.sum()),
                labelled=int((~np.isnan(current.labels[rows])).sum()),
                value=None if figure is None else figure.value,
                interval=None if figure is None else figure.interval,
                p_value=p_value,
                alarm=p_value is not None and p_value < LEVEL and worse >= bar,
                estimated=None if guess is None else guess.value,
                estimated_interval=None if guess is None else guess.interval,
            )
        )
    return Performance(
        metric=name,
        reference=base.value,
        reference_interval=base.interval,
        margin=bar,
        windows=tuple(found),
        alarm=any(window.alarm for window in found),
    )


def _figure(name: str, rows: Outcomes) -> _Figure | None:
    if len(rows.labels) < FEWEST_ROWS:
        return None
    if name == "roc_auc":
        area = None if rows.scores is None else delong.roc_auc(rows.labels == 1, rows.scores)
        return None if area is None else _Figure(*area)
    if name == "accuracy":
        right = rows.labels == rows.predictions
        share = float(right.mean())
        # Two of either outcome added (Agresti and Coull), so that none wrong isn't certainty.
        padded = (right.sum() + 2) / (len(right) + 4)
        return _Figure(share, float(np.sqrt(padded * (1 - padded) / (len(right) + 4))))
    errors = np.abs(rows.labels - rows.predictions)
    return _Figure(float(errors.mean()), float(errors.std(ddof=1) / np.sqrt(len(errors))))


@dataclass(frozen=True)
class _Estimator:
    """Estimate a metric from scores, by what chance a score is worth: that was learnt on the reference."""

    name: str
    worth: calibration.Calibration

    @classmethod
    def fitted(cls, name: str, reference: Outcomes) -> _Estimator | None:
        """Learn what scores are worth; None where there is too little to learn from."""
        if reference.scores is None or len(reference.labels) < FEWEST_ROWS:
            return None
        worth = calibration.fit(reference.scores, reference.labels)
        return None if worth is None else cls(name, worth)

    def of(self, rows: Outcomes) -> _Figure | None:
        """Estimate the metric on rows, whether or not their labels have come."""
        if rows.scores is None or len(rows.scores) < FEWEST_ROWS:
            return None
        chances = self.worth.chances(rows.scores)
        value = self._value(chances, rows.predictions, rows.scores)
        if value is None:
            return None
        # Two sources of error: which labels these rows will have, and what the scores are worth.
        error = self._sampling(chances, rows.scores)
        for low, high in self.worth.neighbours(rows.scores):
            ends = [self._value(each, rows.predictions, rows.scores) or value for each in (low, high)]
            error = float(np.hypot(error, (ends[1] - ends[0]) / 2))
        return _Figure(value, error)

    def _value(self, chances: Floats, predictions: Floats, scores: Floats) -> float | None:
        if self.name == "roc_auc":
            return delong.expected_auc(chances, scores)
        return float(np.where(predictions == 1, chances, 1 - chances).mean())

    def _sampling(self, chances: Floats, scores: Floats) -> float:
        n = len(chances)
        if self.name == "accuracy":
            return float(np.sqrt((chances * (1 - chances)).sum()) / n)
        drawn = delong.roc_auc(np.random.default_rng(0).random(n) < chances, scores)
        return 0.0 if drawn is None else drawn.error
