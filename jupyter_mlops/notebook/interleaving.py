"""Cells that stages run in another order than the page has, though one sees what the other does out of sight.

A stage runs as a whole. Where its cells lie between those of another, variables tell whether that is the same as the
page's order; options, the working folder and the like don't, nor does code that makes up names while it runs.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import known, syntax
from jupyter_mlops.notebook.events import Bind, Use, flat, is_local
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_mlops.notebook.stages import Plan
    from jupyter_mlops.records.pipeline import Stage


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of state: what sets it (calls, magics, what is assigned to), and what in a cell's code may see it."""

    name: str
    calls: frozenset[str]
    seen: re.Pattern[str]
    magics: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()


_FILES = (
    r"open|read\w*|to_\w+|save\w*|load\w*|Path|glob|listdir|getcwd|exists|walk|system|getoutput|subprocess"
)
_KINDS = (
    _Kind("display options",
          known.words("set_printoptions set_option reset_option set_config init_printing"),
          re.compile(r"\b(?:print|display|repr|str|format|to_string)\b"),
          known.words("precision pprint config"), known.words("options ast_node_interactivity")),
    _Kind("the working folder", known.words("chdir fchdir"), re.compile(rf"\b(?:{_FILES})\b"),
          known.words("cd pushd popd")),
    _Kind("environment variables", known.words("putenv unsetenv load_dotenv"),
          re.compile(r"\b(?:environ|getenv|expandvars|system|getoutput|subprocess)\b"),
          known.words("env set_env"), known.words("environ")),
    _Kind("matplotlib's options",
          known.words("set_theme set_style set_palette set_context rc rcdefaults switch_backend"),
          re.compile(r"\b(?:plt|pyplot|rcParams|sns|seaborn|plot\w*|hist|boxplot|subplots|figure)\b"),
          known.words("matplotlib"), known.words("rcParams")),
    _Kind("warnings' filters", known.words("simplefilter filterwarnings resetwarnings"), re.compile(r"\bwarn\b")),
    _Kind("the decimal context", known.words("setcontext"), re.compile(r"\bDecimal\b"), assigned=known.words("getcontext")),
    _Kind("numpy's error state", known.words("seterr seterrcall"), re.compile(r"\b(?:np|numpy)\b")),
    _Kind("the locale", known.words("setlocale"), re.compile(r"\b(?:locale|strftime|localeconv|format_string)\b")),
    _Kind("loggers", known.words("setLevel basicConfig addHandler removeHandler"),
          re.compile(r"\b(?:debug|info|warning|error|critical|exception|log)\b")),
)  # fmt: skip
_RESULT = "display options"  # what a cell's last expression shows depends on them too
_CODE = known.words("exec eval")
_NAMES = known.words("globals locals vars")
_SHELL = known.words("run_cell run_code ex push safe_execfile user_ns")
_MAGICS = known.words("run load store reset reset_selective macro rerun recall")


@dataclass(frozen=True, slots=True)
class _Cell:
    """Say what a cell sets and may see of each kind of state, which variables it has, and whether others may be meant."""

    index: int
    stage: str
    sets: dict[str, tuple[str, int]]
    sees: frozenset[str]
    names: frozenset[str]
    out_of_sight: int  # the line of code that may mean any variable; 0 where there is none


def findings(made: Plan, stages: Sequence[Stage]) -> Iterator[Diagnostic]:
    """Yield the first pair of cells of each two stages that can't change places, with the pair's second cell."""
    place = {stage.name: number for number, stage in enumerate(stages)}
    owners = made.owners()
    order = sorted(owners)
    turned = [
        (first, second)
        for number, first in enumerate(order)
        for second in order[number + 1 :]
        if place[owners[second]] < place[owners[first]]
    ]
    looked: dict[int, _Cell] = {}
    told: set[tuple[str, str]] = set()
    variables = {name for index in order for name in _bound(made, index)}
    for pair in turned:
        first, second = (
            looked.setdefault(index, _look(made, index, owners[index], variables)) for index in pair
        )
        below = [stage for stage in stages if place[stage.name] > place[first.stage]]
        why = _conflict(first, second) or _overwritten(made, first, second, below)
        if why and (first.stage, second.stage) not in told:
            told.add((first.stage, second.stage))
            what, line = why
            yield Diagnostic(
                rule="MLO122",
                message=(
                    f"stage {second.stage} runs before stage {first.stage}, so cell {second.index} comes before cell "
                    f"{first.index}, and {what}"
                ),
                mend=f"give this cell a stage of its own, or move it above cell {first.index}",
                cell=second.index,
                line=line,
                merge=(first.stage, second.stage),
            )


def _conflict(first: _Cell, second: _Cell) -> tuple[str, int] | None:
    for kind in _KINDS:
        one, other = first.sets.get(kind.name), second.sets.get(kind.name)
        if one and kind.name in second.sees:
            return f"that one sets {kind.name}", 1
        if other and kind.name in first.sees:
            return f"this one sets {kind.name}", other[1]
        if one and other and one[0] != other[0]:
            return f"both set {kind.name}", other[1]
    if first.out_of_sight and second.names:
        return "the code that runs there may use the same variables", 1
    if second.out_of_sight and first.names:
        return "the code that runs here may use the same variables", second.out_of_sight
    return None


def _overwritten(made: Plan, first: _Cell, second: _Cell, below: Sequence[Stage]) -> tuple[str, int] | None:
    """Say whether a stage below takes a variable as the second cell bound it, which the first would bind after it."""
    for name in sorted(_bound(made, first.index) & _bound(made, second.index)):
        taker = next((stage.name for stage in below if stage.producers.get(name) == second.stage), "")
        if taker:
            return f"{name!r}, which stage {taker} takes as this one leaves it, would be overwritten there", 1
    return None


def _look(made: Plan, index: int, stage: str, variables: set[str]) -> _Cell:
    tree = made.trees[index]
    source = ast.unparse(tree)
    sets = {kind.name: found for kind in _KINDS if (found := _set_in(tree, kind))}
    sees = {kind.name for kind in _KINDS if kind.seen.search(source)}
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        sees.add(_RESULT)
    used = {event.name for event in flat(made.events[index]) if isinstance(event, Use)}
    return _Cell(
        index,
        stage,
        sets,
        frozenset(sees - sets.keys() if _only_sets(tree, sets) else sees),
        frozenset((used & variables) | _bound(made, index)),
        next((node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and _means_any(node)), 0),
    )


def _only_sets(tree: ast.Module, sets: dict[str, tuple[str, int]]) -> bool:
    """Say whether a cell sets options in one statement and does nothing else: what that shows isn't looked at."""
    return bool(sets) and len(tree.body) == 1


def _bound(made: Plan, index: int) -> set[str]:
    return {
        event.name
        for event in flat(made.events[index])
        if isinstance(event, Bind) and not is_local(event.name) and event.value.kind != "module"
    }


def _set_in(tree: ast.Module, kind: _Kind) -> tuple[str, int] | None:
    """Return the code that sets a kind of state, and its first line."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and syntax.is_magic(node):
            if syntax.magic_name(node) in kind.magics:
                found.append(node)
        elif isinstance(node, ast.Call) and _last(node.func) in kind.calls:
            found.append(node)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            if kind.assigned.intersection(_names_in(node)):
                found.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changes = node.func.attr in known.SHALLOW or node.func.attr == "use"
            owners = set(_names_in(node.func.value))
            if changes and (
                kind.assigned & owners or (kind.magics >= {"matplotlib"} and owners & {"style", "matplotlib"})
            ):
                found.append(node)
    return (" ".join(map(ast.unparse, found)), found[0].lineno) if found else None


def _means_any(node: ast.expr) -> bool:
    """Say whether code may mean variables whose names don't stand in it; a plain text is read as the code it is."""
    if isinstance(node, ast.Attribute):
        return node.attr in _SHELL
    if not isinstance(node, ast.Call):
        return False
    if syntax.is_magic(node):
        return syntax.magic_name(node) in _MAGICS
    if not isinstance(node.func, ast.Name):
        return False
    if node.func.id in _CODE:
        return len(node.args) == 1 and not isinstance(node.args[0], ast.Constant)
    return node.func.id in _NAMES and not node.args


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _names_in(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute):
            yield inner.attr
        elif isinstance(inner, ast.Name):
            yield inner.id
