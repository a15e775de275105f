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
    """Report one column; ``p_value`` is the corrected one that ``drifted`` was decided on, ``effect`` the size."""

    name: str
    kind: str
    drifted: bool
    tests: dict[str, TestResult]
    p_value: float | None = None
    effect: float | None = None
    note: str = ""
    plot: dict[str, Any] = msgspec.field(default_factory=dict)


class PeriodDrift(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Report a period from ``start`` on: which ``columns`` drifted, and each column's ``effects`` (PSI)."""

    start: str
    rows: int
    drifted: bool
    columns: tuple[str, ...] = ()
    effects: dict[str, float] = msgspec.field(default_factory=dict)


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

    @property
    def ref(self) -> Ref:
        """``drift/<id>``."""
        return Ref("drift", self.report_id)
