"""The language of gates: one comparison a line, parsed by ``ast`` and never run.

``roc_auc >= champion.roc_auc - 0.005`` becomes a metric, an operator and a threshold that is linear in the champion's
metrics. That is all a gate needs, so nothing else parses.
"""

from __future__ import annotations

import ast
import json
import math
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal, cast

from jupyter_mlops.errors import GateError
from jupyter_mlops.evaluation.metrics import names
from jupyter_mlops.evaluation.metrics.options import Setting
from jupyter_mlops.records.base import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

Operator = Literal[">=", ">", "<=", "<"]

_OPERATORS: dict[type[ast.cmpop], Operator] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<"}
_MIRRORED: dict[Operator, Operator] = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}
# Text in quotes is passed over, so that a # in an attribute's name is no comment.
_COMMENT = re.compile(r"""^((?:[^'"#]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*)\#.*$""", re.DOTALL)
_OPTIONAL = "optional"
_CHAMPION = "champion"
# No condition needs more, and what nests deeper than Python's stack can't be written in it.
LONGEST = 300
_KEYWORDS = 'write for example f1(average="macro") or top_k_accuracy(k=3)'
_EXAMPLE = "write for example `accuracy >= 0.80` or `roc_auc >= champion.roc_auc - 0.005`"


class Metric(Value, frozen=True, kw_only=True):
    """Name a figure: ``accuracy``, ``f1(average="macro")``, ``latency_ms.p95``, ``equalized_odds_difference["SEX"]``.

    Several ``attributes`` mean the groups of their combinations: ``["SEX", "RAC1P"]``. ``keywords`` are in the order
    of their names, so that two spellings of one figure are equal.
    """

    name: str
    part: str = ""
    attributes: tuple[str, ...] = ()
    keywords: tuple[tuple[str, Setting], ...] = ()

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={_written(value)}" for name, value in self.keywords)
        quoted = ", ".join(_written(attribute) for attribute in self.attributes)
        return (
            self.name
            + (f"({settings})" if settings else "")
            + (f"[{quoted}]" if quoted else "")
            + (f".{self.part}" if self.part else "")
        )

    def keyword(self, name: str) -> Any:
        """Return what a keyword was set to; None where it wasn't."""
        return dict(self.keywords).get(name)


def _written(value: Setting) -> str:
    # JSON's way with quotes and backslashes is Python's too.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class Threshold(Value, frozen=True, kw_only=True):
    """Hold what a figure is compared with: a number, plus metrics of the champion times a factor each."""

    constant: float = 0.0
    champion: tuple[tuple[Metric, float], ...] = ()


class Condition(Value, frozen=True, kw_only=True):
    """Hold one parsed line of a gate; ``text`` is the line without comment and ``optional``."""

    text: str
    metric: Metric
    operator: Operator
    threshold: Threshold
    optional: bool = False


def parse(text: str, where: str = "") -> Condition:
    """Parse one line of a gate.

    Raises:
        GateError: when it isn't one comparison of a metric with a number; ``where`` leads the message.
    """
    try:
        return _parse(text)
    except GateError as error:
        place = f"{where}: " if where else ""
        shown = text.strip()
        shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
        raise GateError(
            f"{place}condition {shown!r}: {error.message}", hint=error.hint, text=text, **error.details
        ) from None


def parse_all(lines: tuple[str, ...], model: str) -> tuple[Condition, ...]:
    """Parse all conditions of a gate.

    Raises:
        GateError: naming every line that doesn't parse.
    """
    conditions, errors = [], []
    for number, line in enumerate(lines, start=1):
        try:
            conditions.append(parse(line, f"gate {model}, line {number}"))
        except GateError as error:
            errors.append(error)
    if errors:
        raise GateError(
            "; ".join(error.message for error in errors),
            hint=errors[0].hint,
            texts=[e.details["text"] for e in errors],
        )
    if not conditions:
        raise GateError(f"gate {model} has no condition", hint=_EXAMPLE)
    return tuple(conditions)


def _parse(text: str) -> Condition:
    line = _COMMENT.sub(r"\1", text).strip()
    before = line.removesuffix(_OPTIONAL)
    optional = before != line and before != before.rstrip()
    line = before.rstrip() if optional else line
    if not line:
        raise GateError("it is empty", hint=_EXAMPLE)
    if len(line) > LONGEST:
        raise GateError(f"it has more than {LONGEST} characters", hint=_EXAMPLE)
    comparison = _comparison(line)
    operator = _OPERATORS.get(type(comparison.ops[0]))
    if operator is None:
        raise GateError(
            "only >=, >, <= and < compare figures", hint="a figure is never exactly equal to another"
        )
    left, right = comparison.left, comparison.comparators[0]
    if not _is_metric(left):
        if not _is_metric(right):
            raise GateError("one side must be a metric by itself", hint=_EXAMPLE)
        left, right, operator = right, left, _MIRRORED[operator]
    return Condition(
        text=line, metric=_metric(left), operator=operator, threshold=_threshold(right), optional=optional
    )


def _comparison(line: str) -> ast.Compare:
    try:
        # What Python warns of in a line (``0.8or``) it also can't compare; its warning would stand apart from ours.
        with warnings.catch_warnings(action="ignore"):
            expression = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        # Where the line ends too early, Python names no column.
        column = error.offset or len(line) + 1
        raise GateError(f"it doesn't parse at column {column}: {error.msg}", hint=_EXAMPLE) from None
    except ValueError as error:  # half a surrogate pair, as JSON may hold it
        raise GateError(f"it doesn't parse: {error}", hint=_EXAMPLE) from None
    texts = [each.value for each in ast.walk(expression) if isinstance(each, ast.Constant)]
    # Half a surrogate pair, written as an escape, can't be kept or shown.
    if any(
        isinstance(each, str) and any("\ud800" <= letter <= "\udfff" for letter in each) for each in texts
    ):
        raise GateError("it holds what is no text", hint="mend the text in quotes")
    if not isinstance(expression, ast.Compare):
        raise GateError("it is not a comparison", hint=_EXAMPLE)
    if len(expression.ops) > 1:
        raise GateError("it is a chain of comparisons", hint="write one comparison a line")
    return expression


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _is_metric(node: ast.expr) -> bool:
    root = _root(node)
    return isinstance(root, ast.Name) and root.id != _CHAMPION


def _metric(node: ast.expr) -> Metric:
    """Read ``name(keyword=value)["attribute"].part``, with or without ``champion.`` before it."""
    written, part = ast.unparse(node), ""
    attributes: tuple[str, ...] = ()
    keywords: dict[str, Setting] = {}
    if isinstance(node, ast.Attribute) and not _is_champion(node.value):
        part, node = node.attr, node.value
    if isinstance(node, ast.Subscript):
        attributes, node = _attributes(node.slice), node.value
    if isinstance(node, ast.Call):
        keywords, node = _keywords(node), node.func
    if isinstance(node, ast.Attribute) and _is_champion(node.value):
        name = node.attr
    elif isinstance(node, ast.Name):
        name = node.id
    else:
        raise GateError(
            f"{written!r} is not a metric", hint='the order is name(keyword=...)["attribute"].part'
        )
    names.check_shape(name, part, attributes, keywords)
    return Metric(name=name, part=part, attributes=attributes, keywords=tuple(sorted(keywords.items())))


def _attributes(node: ast.expr) -> tuple[str, ...]:
    keys = node.elts if isinstance(node, ast.Tuple) else [node]
    found = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    if not found or len(found) < len(keys):
        raise GateError(
            "the attribute in [...] must be a name in quotes", hint='as in ["sex"] or ["sex", "race"]'
        )
    return tuple(dict.fromkeys(found))


def _keywords(call: ast.Call) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in found:
            raise GateError(f"{ast.unparse(call)!r} names a keyword twice, or none", hint=_KEYWORDS)
        found[keyword.arg] = _setting(keyword.arg, keyword.value)
    if call.args:
        raise GateError(f"{ast.unparse(call.args[0])!r} in brackets is no keyword", hint=_KEYWORDS)
    return found


def _setting(name: str, node: ast.expr) -> Setting:
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    ):
        value = _number(node.operand)
        return -int(value) if isinstance(node.operand.value, int) else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    raise GateError(
        f"{name}={ast.unparse(node)}: it must be a number, a text in quotes, True or False", hint=_KEYWORDS
    )


def _is_champion(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == _CHAMPION


def _threshold(node: ast.expr) -> Threshold:
    """Reduce an expression over numbers and the champion's metrics to its linear form."""
    threshold = _linear(node)
    if not all(map(math.isfinite, (threshold.constant, *(factor for _, factor in threshold.champion)))):
        raise GateError("a number in it is too large", hint="mend the number")
    return threshold


def _linear(node: ast.expr) -> Threshold:
    if isinstance(node, ast.Constant):
        return Threshold(constant=_number(node))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _scaled(_threshold(node.operand), -1.0 if isinstance(node.op, ast.USub) else 1.0)
    if isinstance(node, ast.BinOp):
        return _combined(node)
    root = _root(node)
    if isinstance(root, ast.Name) and root.id == _CHAMPION and node is not root:
        return Threshold(champion=((_metric(node), 1.0),))
    raise GateError(
        f"{ast.unparse(node)!r} is neither a number nor a metric of the champion",
        hint="compare a metric with a number",
    )


def _combined(node: ast.BinOp) -> Threshold:
    left, right = _threshold(node.left), _threshold(node.right)
    if isinstance(node.op, ast.Add | ast.Sub):
        right = _scaled(right, -1.0 if isinstance(node.op, ast.Sub) else 1.0)
        return Threshold(constant=left.constant + right.constant, champion=left.champion + right.champion)
    if isinstance(node.op, ast.Mult) and not (left.champion and right.champion):
        factor, other = (right, left) if left.champion else (left, right)
        return _scaled(other, factor.constant)
    if isinstance(node.op, ast.Div) and not right.champion:
        if right.constant == 0:
            raise GateError("it divides by zero", hint="mend the number")
        return _scaled(left, 1 / right.constant)
    raise GateError(
        f"{ast.unparse(node)!r} can't be compared with", hint="use + and -, and * and / by numbers only"
    )


def _number(node: ast.Constant) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise GateError(f"{node.value!r} is not a number", hint="compare a metric with a number")
    if not abs(node.value) <= sys.float_info.max:
        raise GateError("a number in it is too large", hint="mend the number")
    return float(node.value)


def _scaled(threshold: Threshold, factor: float) -> Threshold:
    return Threshold(
        constant=threshold.constant * factor,
        champion=tuple((metric, weight * factor) for metric, weight in threshold.champion),
    )


def metrics_of(condition: Condition) -> tuple[Metric, ...]:
    """Return all metrics a condition needs, the champion's among them."""
    return cast(
        "tuple[Metric, ...]", (condition.metric, *(metric for metric, _ in condition.threshold.champion))
    )


def check(conditions: tuple[Condition, ...], model: str, own: Iterable[str], task: str) -> None:
    """Refuse conditions on figures that don't exist, or that a model of this ``task`` can't have.

    ``own`` are the names of the figures and functions that the notebook handed over with the model.

    Raises:
        GateError: naming every such condition.
    """
    known, errors = set(own), []
    for condition in conditions:
        for metric in metrics_of(condition):
            try:
                names.check_known(metric.name, known)
                names.check_task(metric.name, task)
            except GateError as error:
                errors.append((condition.text, error))
    if errors:
        # One mend for several is none: each goes with its condition then.
        lines = [
            f"condition {text!r}: {error.message if len(errors) == 1 else error}" for text, error in errors
        ]
        first = errors[0][1]
        raise GateError(
            f"gate {model}: {'; '.join(lines)}", hint=first.hint if len(errors) == 1 else "", **first.details
        )
