"""What differs between two samples."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref


class TestResult(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Hold a test's statistic and, where it has one, its p-value."""

    __test__ = False

    statistic: float
    p_value: float | None = None


class ColumnDrift(Value, frozen=True, kw_only=True):
    """Report one column; ``p_value`` is the corrected one that ``drifted`` was decided on, ``effect`` the size.

    ``changes`` are the starts of periods from which on it was other than before, where periods were compared.
    """

    name: str
    kind: str
    drifted: bool
    tests: dict[str, TestResult]
    p_value: float | None = None
    effect: float | None = None
    note: str = ""
    changes: tuple[str, ...] = ()
    plot: dict[str, Any] = msgspec.field(default_factory=dict)


class PeriodDrift(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Report a period from ``start`` on: which ``columns`` drifted, and each column's ``effects`` (PSI)."""

    start: str
    rows: int
    drifted: bool
    columns: tuple[str, ...] = ()
    effects: dict[str, float] = msgspec.field(default_factory=dict)


class WindowPerformance(Value, frozen=True, kw_only=True):
    """Report a window from ``start`` on: a metric's ``value`` where labels have come, and what was ``estimated`` without."""

    start: str
    rows: int
    labelled: int
    value: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    alarm: bool = False
    estimated: float | None = None
    estimated_interval: tuple[float, float] | None = None


class Performance(Value, frozen=True, kw_only=True):
    """Report a metric over time; ``margin`` is how much worse than the reference is worth an alarm."""

    metric: str
    reference: float
    reference_interval: tuple[float, float]
    margin: float
    windows: tuple[WindowPerformance, ...]
    alarm: bool


class ConceptChange(Value, frozen=True, kw_only=True):
    """Say at which row, and ``at`` which time, a detector saw the model's errors change."""

    detector: str
    row: int
    at: str = ""


class DriftReport(Record, frozen=True, kw_only=True):
    """Report a comparison; columns worst first. ``report_id`` is its name on record, ``rule`` what counted as drift."""

    report_id: str
    drifted: bool
    reference: str
    current: str
    reference_rows: int
    current_rows: int
    columns: tuple[ColumnDrift, ...]
    multivariate: dict[str, Any] = msgspec.field(default_factory=dict)
    summary: str = ""
    rule: str = ""
    over_time: tuple[PeriodDrift, ...] = ()
    performance: tuple[Performance, ...] = ()
    changes: tuple[ConceptChange, ...] = ()

    @property
    def ref(self) -> Ref:
        """``drift/<id>``."""
        return Ref("drift", self.report_id)
