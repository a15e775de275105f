"""A comparison between columns, ``start <= end`` or ``net + tax == total``: parsed, never run."""

from __future__ import annotations

import ast
import re
from typing import Literal

from jupyter_mlops.records.base import Value

Operator = Literal["<", "<=", ">", ">=", "==", "!="]
Arithmetic = Literal["+", "-", "*", "/"]
_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Arithmetic] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_quoted = re.compile(r"`([^`]+)`")
_LONGEST = 500


class Term(Value, frozen=True, kw_only=True):
    """Stand for a column, a number or text, or for two terms put together by ``operator``."""

    column: str = ""
    value: int | float | str | None = None
    operator: Arithmetic | None = None
    parts: tuple[Term, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in it, in order."""
        return (self.column,) if self.column else tuple(name for part in self.parts for name in part.columns)


class Relation(Value, frozen=True, kw_only=True):
    """Hold ``left operator right``; ``text`` is how it was written."""

    text: str
    left: Term
    operator: Operator
    right: Term

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in it, each once."""
        return tuple(dict.fromkeys((*self.left.columns, *self.right.columns)))


def parse(text: str) -> Relation:
    """Read a comparison; a column whose name is no plain word stands in backticks.

    Raises:
        ValueError: when it isn't one; says why.
    """
    names: dict[str, str] = {}

    def word(found: re.Match[str]) -> str:
        standing = f"_quoted_{len(names)}_"
        names[standing] = found[1]
        return standing

    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    try:
        tree = ast.parse(_quoted.sub(word, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("it is no comparison") from None
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise ValueError("it is no comparison of two sides")
    operator = _OPERATORS.get(type(tree.ops[0]))
    if operator is None:
        raise ValueError(f"it compares by none of {' '.join(_OPERATORS.values())}")
    left, right = _term(tree.left, names), _term(tree.comparators[0], names)
    relation = Relation(text=text.strip(), left=left, operator=operator, right=right)
    if not relation.columns:
        raise ValueError("there is no column in it")
    return relation


def _term(node: ast.expr, names: dict[str, str]) -> Term:
    if isinstance(node, ast.Name):
        return Term(column=names.get(node.id, node.id))
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
        return Term(value=node.value)  # type: ignore[arg-type]  # the line above says of which types it is
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return Term(operator="-", parts=(Term(value=0), _term(node.operand, names)))
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        parts = (_term(node.left, names), _term(node.right, names))
        return Term(operator=_ARITHMETIC[type(node.op)], parts=parts)
    raise ValueError(f"{ast.unparse(node)!r} is no column, number or sum of them")
