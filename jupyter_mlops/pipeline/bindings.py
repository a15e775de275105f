"""Where a cell binds names: for messages that say which line made a variable."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_mlops.notebook.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_mlops.notebook.cells import Cell


def last_bindings(cells: Sequence[Cell], names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return for each name the cell (0-based, in the notebook) and line (1-based) that last binds or uses it."""
    bound: dict[str, tuple[int, int]] = {}
    used: dict[str, tuple[int, int]] = {}
    for cell in cells:
        for name, line, binds in _names(cell):
            (bound if binds else used)[name] = (cell.index, line)
    start = (cells[0].index, 1) if cells else (0, 1)
    return {name: bound.get(name) or used.get(name) or start for name in names}


def top_level_names(cell: Cell) -> set[str]:
    """Return the names that a cell binds, at its top level or below."""
    return {name for name, _, binds in _names(cell) if binds}


def _names(cell: Cell) -> tuple[tuple[str, int, bool], ...]:
    return _names_in(cell.source)


@lru_cache(maxsize=4096)
def _names_in(source: str) -> tuple[tuple[str, int, bool], ...]:
    return tuple(_walk(source))


def _walk(source: str) -> Iterator[tuple[str, int, bool]]:
    """Yield name, line and whether it is bound there, for what belongs to the notebook's own namespace."""
    try:
        pending: list[ast.AST] = [parse(source).tree]
    except SyntaxError:
        return
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Name):
            yield node.id, node.lineno, isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno, True
            continue  # its own names are not the notebook's
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0], node.lineno, True
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, ast.AnnAssign) and node.simple:
            yield "__annotations__", node.lineno, True
        pending[:0] = ast.iter_child_nodes(node)
