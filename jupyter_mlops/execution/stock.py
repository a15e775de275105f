"""Run a notebook as its author does: top to bottom, on a stock kernel, with nothing of ours between its cells."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import v4

from jupyter_mlops.errors import StageFailedError
from jupyter_mlops.execution.local import FIXED_ENVIRONMENT
from jupyter_mlops.records.run import StageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_START_TIMEOUT = 120
_OUTPUT_TIMEOUT = 60
_ansi = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class StockCell:
    """A cell to run, and what to run out of sight after it; ``index`` is its place in the notebook, None if it has none."""

    source: str
    index: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    afterwards: str = ""


@dataclass(frozen=True)
class StockRun:
    """Say what the cells showed, by their place in the notebook, and why the run ended early, if it did."""

    outputs: dict[int, list[dict[str, Any]]]
    error: StageError | None = None


def run_stock(
    cells: Sequence[StockCell],
    *,
    kernel: str,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    on_cell: Callable[[int, int], None] | None = None,
) -> StockRun:
    """Run cells in a kernel of their own; stop at the first that fails, as a notebook does.

    Args:
        cells: what to run.
        kernel: the kernel's name.
        folder: where it works.
        environment: the variables that it gets.
        log: where what the kernel itself writes to stderr goes.
        on_cell: is told how many cells are done, and how many there are.

    Raises:
        StageFailedError: when what is to run out of sight fails.
    """
    make: Any = v4
    document = make.new_notebook(
        cells=[make.new_code_cell(cell.source, metadata=cell.metadata) for cell in cells]
    )
    client = NotebookClient(
        document,
        timeout=None,
        startup_timeout=_START_TIMEOUT,
        iopub_timeout=_OUTPUT_TIMEOUT,
        kernel_name=kernel,
        resources={"metadata": {"path": str(folder)}},
    )
    error = None
    try:
        with _quiet(), log.open("ab") as stream:
            kernel_options = {"env": {**FIXED_ENVIRONMENT, **environment}, "stderr": stream, "stdout": stream}
            with client.setup_kernel(**kernel_options):
                for number, cell in enumerate(cells):
                    error = _run_cell(client, document.cells[number], number, cell)
                    if error is not None:
                        break
                    _run_hidden(client, number, cell.afterwards)
                    if on_cell is not None:
                        on_cell(number + 1, len(cells))
    except NoSuchKernel as missing:
        message = f"there is no kernel {missing.name!r}; see `jupyter kernelspec list`"
        error = StageError(type="NoSuchKernel", message=message)
    # Only now: a later cell may have updated what an earlier one displayed.
    outputs = {
        cell.index: [dict(output) for output in ran.outputs]
        for cell, ran in zip(cells, document.cells, strict=True)
        if cell.index is not None
    }
    return StockRun(outputs=outputs, error=error)


def _run_cell(client: NotebookClient, document_cell: Any, number: int, cell: StockCell) -> StageError | None:
    try:
        client.execute_cell(document_cell, number)
    except CellExecutionError as error:
        traceback = _ansi.sub("", error.traceback or "")
        return StageError(type=error.ename, message=error.evalue, cell=cell.index, traceback=traceback)
    except DeadKernelError:
        return StageError(type="KernelDied", message="the kernel ended", cell=cell.index)
    return None


def _run_hidden(client: NotebookClient, number: int, source: str) -> None:
    if not source:
        return
    visible = client.nb.cells[number]
    try:
        hidden: Any = v4
        client.execute_cell(hidden.new_code_cell(source), number, store_history=False)
    except (CellExecutionError, DeadKernelError) as error:
        why = (
            f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else "the kernel ended"
        )
        raise StageFailedError(
            f"the notebook's variables can't be looked at in its kernel: {why}",
            hint="the kernel needs jupyter-mlops installed, and memory for a second copy of what is compared",
        ) from None
    finally:
        client.nb.cells[number] = visible


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep nbclient's word on a cell that fails out of the terminal: we say it."""
    logger = logging.getLogger("traitlets")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
