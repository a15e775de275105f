"""Find what breaks a notebook as a pipeline, before it runs: each finding with cell, line, rule and the mend.

Errors are what no pipeline can be made of (MLO101, MLO102, MLO107, MLO11x, MLO12x); warnings are what makes one
give other results, or none, elsewhere (MLO103 to MLO106, MLO108, MLO109, MLO125).
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import syntax, tags
from jupyter_mlops.notebook.rules import tree_findings
from jupyter_mlops.notebook.suggest import proposal
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.notebook.cells import Cell, Notebook
    from jupyter_mlops.records.pipeline import Pipeline

_install = re.compile(
    r"\s*[!%]{1,2}\s*(?:(?:\S*python\S*|\{sys\.executable\})\s+-m\s+)?(?:uv\s+)?(pip3?|conda|mamba|apt|apt-get)\s+install\b"
)
_shell_install = re.compile(
    r"\s*(?:(?:\S*python\S*|\{sys\.executable\})\s+-m\s+)?(?:uv\s+)?(pip3?|conda|mamba|apt|apt-get)\s+install\b"
)


def check(notebook: Notebook) -> list[Diagnostic]:
    """Return all findings in page order; errors and warnings."""
    made = proposal(notebook).examined
    findings = made.findings
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and not _is_aside(cell)]
    found = [*findings, *_order(cells)]
    parsed = {cell.index: tree for cell in cells if (tree := _tree(cell)) is not None}
    found += tree_findings(parsed)
    found += _extensions(made.pipeline, parsed)
    for cell in cells:
        found.extend(_installs(cell))
    # What is an error already is no warning too.
    errors = {(finding.rule, finding.cell) for finding in found if finding.severity == "error"}
    found = [
        finding
        for finding in found
        if finding.severity == "error" or (finding.rule, finding.cell) not in errors
    ]
    return sorted(found, key=lambda f: (-1 if f.cell is None else f.cell, f.line or 0, f.rule))


def _is_aside(cell: Cell) -> bool:
    return cell.tag is not None and cell.tag.kind in ("skip", *tags.ABOUT)


def _tree(cell: Cell) -> syntax.Parsed | None:
    try:
        return syntax.parse(tags.untagged(cell.source))
    except SyntaxError:
        return None


def _order(cells: list[Cell]) -> list[Diagnostic]:
    """Report the first cell that was last run before one that stands above it."""
    highest, above = 0, 0
    for cell in cells:
        count = cell.execution_count
        if count is None:
            continue
        if count < highest:
            return [
                Diagnostic(
                    rule="MLO103",
                    message=f"the cell was run before cell {above} above it ([{count}] and [{highest}])",
                    mend="restart the kernel and run all cells, then save",
                    cell=cell.index,
                    line=1,
                    severity="warning",
                )
            ]
        highest, above = count, cell.index
    return []


def _extensions(pipeline: Pipeline, parsed: dict[int, syntax.Parsed]) -> Iterator[Diagnostic]:
    """Report extensions that a stage loads among other code while later stages have magics: each stage loads its own."""
    for stage in pipeline.stages[:-1]:
        for cell in stage.cells:
            for call in _magics(parsed.get(cell)):
                if syntax.magic_name(call) != "load_ext":
                    continue
                yield Diagnostic(
                    rule="MLO125",
                    message=f"the extension is loaded in stage {stage.name} only, and its magics are missing in later ones",
                    mend="give the line a cell of its own, tagged setup",
                    cell=cell,
                    line=call.lineno,
                    severity="warning",
                )


def _magics(parsed: syntax.Parsed | None) -> Iterator[ast.Call]:
    if parsed is not None:
        yield from (n for n in ast.walk(parsed.tree) if isinstance(n, ast.Call) and syntax.is_magic(n))


def _installs(cell: Cell) -> Iterator[Diagnostic]:
    is_shell = cell.source.lstrip().startswith(("%%bash", "%%sh", "%%script", "%%!", "%%system"))
    pattern = _shell_install if is_shell else _install
    for number, line in enumerate(cell.source.splitlines(), start=1):
        found = pattern.match(line)
        if found:
            yield Diagnostic(
                rule="MLO105",
                message=f"the cell installs packages with {found[1]}, so each run may get others",
                mend="put them into requirements.txt, and tag this cell skip",
                cell=cell.index,
                line=number,
                severity="warning",
            )
