"""What a ``params`` cell holds: literals, which a run may set, and statements that work with them.

Each stage sets the parameters first and runs the cell's other statements then, so ``n = seed * 2`` follows ``seed``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from jupyter_mlops.notebook import syntax, tags


@dataclass(frozen=True, slots=True)
class Parameters:
    """Hold a cell's parameters by name, with their lines; ``rest`` is the cell without them, line for line.

    ``rest`` is empty when nothing else stands in the cell. ``twice`` are names that the cell sets to a literal again
    while it computes: which of the two values a run would set can't be told.
    """

    values: dict[str, Any]
    lines: dict[str, int]
    rest: str = ""
    twice: tuple[str, ...] = ()


def split(source: str) -> Parameters:
    """Tell a params cell's literals from its other statements.

    Raises:
        SyntaxError: when the cell is neither Python nor IPython's extension of it.
    """
    with syntax.deep():
        return _split(tags.untagged(source))


def _split(source: str) -> Parameters:
    tree = syntax.parse(source).tree
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    twice: list[str] = []
    others: list[ast.stmt] = []
    literal: list[ast.stmt] = []
    for node in tree.body:
        name, value = _literal_assignment(node)
        if name:
            twice += [name] if name in values else []
            values[name], lines[name] = value, node.lineno
            literal.append(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            others.append(node)
    if not others and not source.lstrip().startswith("%%"):
        return Parameters(values, lines)
    return Parameters(values, lines, _without(source, literal, others), tuple(dict.fromkeys(twice)))


def _without(source: str, literal: list[ast.stmt], others: list[ast.stmt]) -> str:
    """Return the source with statements replaced by ``pass``, so that the other lines stay where they are."""
    lines = source.encode().split(b"\n")
    for node in reversed(literal):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        if last >= len(lines):
            continue
        tail = lines[last][node.end_col_offset or 0 :]
        lines[first : last + 1] = [lines[first][: node.col_offset] + b"pass" + tail] + [b""] * (last - first)
    rest = b"\n".join(lines).decode(errors="replace")
    try:
        kept = [node for node in syntax.parse(rest).tree.body if not isinstance(node, ast.Pass | ast.Expr)]
    except SyntaxError:
        kept = []
    wanted = [node for node in others if not isinstance(node, ast.Pass | ast.Expr)]
    if [ast.dump(node) for node in kept] == [ast.dump(node) for node in wanted]:
        return rest
    return "\n".join(ast.unparse(node) for node in others)  # odd layout: the lines' places are lost


def _literal_assignment(node: ast.stmt) -> tuple[str, Any]:
    target: ast.expr | None = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    value = getattr(node, "value", None)
    if not (isinstance(target, ast.Name) and isinstance(value, ast.expr)):
        return "", None
    found = _literal(value)
    return (target.id, found[0]) if found is not None else ("", None)


def _literal(node: ast.expr) -> tuple[Any] | None:
    try:
        value = ast.literal_eval(node)
        return (value,) if _is_plain(value) else None
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
