"""What counts as drift: one line of configuration, over the figures that the report shows."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlops.errors import NotFoundError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "p < 0.05 and psi >= 0.0005"
LEVEL = 0.05
FIGURES = (
    "p",
    "psi",
    "ks",
    "wasserstein",
    "jensen_shannon",
    "chi_squared",
    "missing",
    "unseen",
    "auc",
    "mmd",
)
_HINT = f"for example: {DEFAULT}; there are {', '.join(FIGURES)}"
_SYMBOLS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Rule(NamedTuple):
    """Hold a rule's text, and the level that its p-values are held against."""

    text: str
    level: float

    def met(self, figures: Mapping[str, float | None]) -> bool:
        """Say whether the figures of a column count as drift.

        A condition on a figure that the column doesn't have is left out; where none is left, there is no drift.
        """
        return bool(_truth(ast.parse(self.text, mode="eval").body, figures))


def parse(text: str) -> Rule:
    """Read a rule: comparisons of a figure with a number, joined by ``and`` and ``or``.

    Raises:
        SettingsError: when it can't be understood, with the part that is wrong.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SettingsError(f"drift = {text!r} is not a rule", hint=_HINT) from None
    levels = [level for level in _levels(tree, text) if level is not None]
    return Rule(text.strip(), max(levels, default=LEVEL))


def _levels(node: ast.expr, text: str) -> list[float | None]:
    """Check a rule's parts; return the levels its p-values are compared with."""
    if isinstance(node, ast.BoolOp):
        return [level for value in node.values for level in _levels(value, text)]
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in _SYMBOLS:
        raise SettingsError(f"drift = {text!r}: {_part(node)} is not a comparison", hint=_HINT)
    name, bound = node.left, node.comparators[0]
    if not isinstance(name, ast.Name) or not _is_number(bound):
        raise SettingsError(
            f"drift = {text!r}: {_part(node)} doesn't compare a figure with a number", hint=_HINT
        )
    if name.id not in FIGURES:
        near = NotFoundError.of("figure", name.id, FIGURES)
        raise SettingsError(f"drift = {text!r}: {near.message}", hint=near.hint)
    return [_number(bound) if name.id == "p" and isinstance(node.ops[0], ast.Lt | ast.LtE) else None]


def _truth(node: ast.expr, figures: Mapping[str, float | None]) -> bool | None:
    """Judge a part; None where it says nothing about this column."""
    if isinstance(node, ast.BoolOp):
        known = [truth for value in node.values if (truth := _truth(value, figures)) is not None]
        every = all if isinstance(node.op, ast.And) else any
        return every(known) if known else None
    assert isinstance(node, ast.Compare)  # noqa: S101 - what parse let pass
    assert isinstance(node.left, ast.Name)  # noqa: S101 - likewise
    value, bound = figures.get(node.left.id), _number(node.comparators[0])
    if value is None:
        return None
    match _SYMBOLS[type(node.ops[0])]:
        case "<":
            return value < bound
        case "<=":
            return value <= bound
        case ">":
            return value > bound
    return value >= bound


def _is_number(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant) and type(node.value) in (int, float) and math.isfinite(_number(node))
    )


def _number(node: ast.expr) -> float:
    assert isinstance(node, ast.Constant)  # noqa: S101 - what parse let pass
    try:
        return float(node.value)  # type: ignore[arg-type]  # a number, by parse
    except OverflowError:
        return math.inf


def _part(node: ast.expr) -> str:
    return repr(ast.unparse(node))
