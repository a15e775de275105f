"""What a gate measured, and what it concluded."""

from __future__ import annotations

from typing import Literal

from jupyter_mlops.records.base import Record, Value
from jupyter_mlops.records.ref import Ref

ConditionStatus = Literal["passed", "failed", "not evaluated"]


class ConditionResult(Value, frozen=True, kw_only=True):
    """Report one condition: the figure, the threshold, the figure's 95% interval.

    For a comparison with the champion ``value`` and ``threshold`` are both sides, ``difference`` the paired
    difference with its interval in ``ci``, and ``p_value`` that of the paired test. ``p_adjusted`` is the p-value
    corrected for the gate's other tests, which decides; ``method`` names how interval and p-value were made.
    """

    text: str
    status: ConditionStatus
    value: float | None = None
    threshold: float | None = None
    ci: tuple[float, float] | None = None
    difference: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    method: str = ""
    reason: str = ""
    optional: bool = False


class Figure(Value, frozen=True, kw_only=True):
    """Hold one figure of a model with its 95% interval, where it has one."""

    metric: str
    value: float
    ci: tuple[float, float] | None = None


class Slice(Value, frozen=True, kw_only=True):
    """Hold the figures of the rows where a protected attribute has one value.

    A slice that was searched for (``found``) has no attribute: ``group`` says what it is. Its figures are of those
    of its rows that the search didn't see.
    """

    attribute: str
    group: str
    rows: int
    figures: tuple[Figure, ...] = ()
    found: bool = False


class AcceleratorBatch(Value, frozen=True, kw_only=True):
    """Report a model in batches of so many ``rows``, warm-up apart; None for what the GPU doesn't tell.

    Memory in megabytes (10**6 bytes), utilisation in percent of the time, energy in joules for 1,000 predictions.
    ``problem`` says why there is nothing.
    """

    rows: int
    rows_per_s: float | None = None
    peak_memory_mb: float | None = None
    utilisation: float | None = None
    power_w: float | None = None
    energy_j_per_1000: float | None = None
    warm_up_s: float | None = None
    problem: str = ""


class Accelerator(Value, frozen=True, kw_only=True):
    """Name the GPU that a model was run on, its memory in megabytes, its driver, and who else was on it.

    ``batches`` are there where a condition asked for a figure of it.
    """

    name: str
    memory_mb: float
    driver: str
    shared_with: tuple[str, ...] = ()
    batches: tuple[AcceleratorBatch, ...] = ()


class Evaluation(Record, frozen=True, kw_only=True):
    """Report a gate; ``conditions`` in the order of the notebook.

    ``figures`` and ``slices`` are what every version shows of itself on the same rows, whether a condition asks for
    it or not; ``notes`` say which groups are missing from them and why. ``device`` is what the statistics were computed
    by, ``accelerator`` the GPU that the model answered on, where it did. ``rule`` is what was held against numbers.
    """

    model: str
    version: int
    passed: bool
    conditions: tuple[ConditionResult, ...]
    rows: int = 0
    device: str = "cpu"
    rule: Literal["figure", "interval"] = "figure"
    champion: int | None = None
    run_id: str = ""
    figures: tuple[Figure, ...] = ()
    slices: tuple[Slice, ...] = ()
    notes: tuple[str, ...] = ()
    accelerator: Accelerator | None = None

    @property
    def ref(self) -> Ref:
        """``evaluation/<model>.<version>@<time>``."""
        return Ref("evaluation", f"{self.model}.{self.version}", self.created_at)

    @property
    def measured_on(self) -> str:
        """The GPU that the model answered on, else the device that the figures were computed on."""
        gpu = self.accelerator
        return self.device if gpu is None else f"{gpu.name}, driver {gpu.driver}"
