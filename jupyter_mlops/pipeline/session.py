"""What the code of a running stage records, so that the run knows it when the stage is done."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlops.records.run import NamedVersion

RUN_VARIABLE = "JUPYTER_MLOPS_RUN"


@dataclass
class Session:
    """Collect what a stage records; ``upstream_datasets`` are those that its inputs were made from.

    ``curves`` are the figures logged step by step: step, value and time in milliseconds each.
    ``folder`` is the compiled folder that it runs from.
    ``reads`` maps paths (as text, relative to the notebook's folder or absolute) to the SHA-256 of their content,
    ``expected`` what was expected of datasets (``expectations://NAME``) to its digest.
    """

    run_id: str
    pipeline: str
    stage: str
    root: str
    folder: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    datasets: list[NamedVersion] = field(default_factory=list)
    upstream_datasets: list[NamedVersion] = field(default_factory=list)
    models: list[NamedVersion] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, float, int]]] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def all_datasets(self) -> list[NamedVersion]:
        """Return the datasets behind this stage: those of its inputs, then its own, each once."""
        return list(dict.fromkeys((*self.upstream_datasets, *self.datasets)))


_current: Session | None = None


def current() -> Session | None:
    """Return the session of the stage that this process runs, or None where it runs none."""
    return _current


def start(pipeline: str, stage: str, root: str, folder: str = "") -> Session:
    """Open the session of a stage; the run's id comes from the environment, where a run started this process."""
    global _current  # noqa: PLW0603 - one process runs one stage: that is what a session is
    _current = Session(
        run_id=os.environ.get(RUN_VARIABLE, ""), pipeline=pipeline, stage=stage, root=root, folder=folder
    )
    return _current


def finish() -> None:
    """Close the session."""
    global _current  # noqa: PLW0603 - see start
    _current = None
