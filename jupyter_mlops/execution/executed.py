"""What an executed notebook says of the error that ended it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.run import StageError


def error_in(executed: Path) -> StageError | None:
    """Return the error of the cell that raised, in the original notebook's cell and line; None where none did."""
    from jupyter_mlops.execution.stage import error_of

    try:
        cells = json.loads(executed.read_bytes())["cells"]
    except (OSError, ValueError, KeyError):
        return None
    for cell in cells:
        for output in cell.get("outputs", ()):
            if output.get("output_type") == "error":
                content = {**output, "execution_count": cell.get("execution_count")}
                return error_of(
                    SimpleNamespace(metadata=cell.get("metadata", {}), source=_text(cell)), content
                )
    return None


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)
