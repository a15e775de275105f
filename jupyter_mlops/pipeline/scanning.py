"""Which names a cell needs before it runs: those that Python or IPython looks up behind the namespace's back.

Class bodies read globals without asking the namespace, ``del`` of one that isn't there yet fails, and whoever goes
through all of ``globals()`` must find all.
"""

from __future__ import annotations

import ast
import types
from dataclasses import dataclass, field

EVERYTHING = frozenset(
    {"who", "whos", "who_ls", "reset", "reset_selective", "xdel", "store", "psearch", "macro"}
)
_LAZY = frozenset({"get", "pop", "setdefault", "update", "__getitem__", "__contains__", "__setitem__"})
# By which name the cells that ``compile`` adds know the hand-off.
_OURS = "_mlops"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_STORES_NAME = "__module__"


@dataclass
class Needs:
    """Say what a cell needs first: these names, or everything; ``paths`` are its dotted names."""

    names: set[str] = field(default_factory=set)
    paths: set[tuple[str, ...]] = field(default_factory=set)
    everything: bool = False
    patches_builtins: bool = False


def needs_of(tree: ast.AST) -> Needs:
    """Return what a cell needs."""
    found = Needs()
    _visit(tree, found, None, in_function=False, in_class=False)
    return found


def class_names(code: types.CodeType) -> set[str]:
    """Return the names that class bodies in a function's code may read."""
    found: set[str] = set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if not constant.co_flags & 1 and _STORES_NAME in constant.co_names:
                found.update(constant.co_names)
            found |= class_names(constant)
    return found


def _visit(node: ast.AST, found: Needs, parent: ast.AST | None, *, in_function: bool, in_class: bool) -> None:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Del) or (in_class and isinstance(node.ctx, ast.Load)):
            found.names.add(node.id)
        found.patches_builtins |= node.id in ("builtins", "__builtins__", "__builtin__")
    elif isinstance(node, ast.Attribute):
        found.paths |= _path(node)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        found.patches_builtins |= any(alias.name == "builtins" for alias in node.names)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        found.names.add(node.name)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.patches_builtins |= "builtins" in node.value
    elif isinstance(node, ast.Call):
        found.everything |= _goes_through_all(node, parent, in_function=in_function)
    for child in ast.iter_child_nodes(node):
        _visit(
            child,
            found,
            node,
            in_function=in_function or isinstance(node, _FUNCTIONS),
            in_class=isinstance(node, ast.ClassDef) or (in_class and not isinstance(node, _FUNCTIONS)),
        )


def _path(node: ast.Attribute) -> set[tuple[str, ...]]:
    """Return what a dotted name consists of, as the only one of a set; nothing where it isn't one."""
    parts, inner = [node.attr], node.value
    while isinstance(inner, ast.Attribute):
        parts.append(inner.attr)
        inner = inner.value
    return {(inner.id, *reversed(parts))} if isinstance(inner, ast.Name) else set()


def _goes_through_all(call: ast.Call, parent: ast.AST | None, *, in_function: bool) -> bool:
    match call.func:
        case ast.Name(id="globals"):
            return not _is_lookup(call, parent)
        case ast.Name(id="locals" | "vars" | "dir") if not call.args and not in_function:
            return not _is_lookup(call, parent)
        case ast.Attribute(attr="run_line_magic" | "run_cell_magic") if call.args:
            first = call.args[0]
            return isinstance(first, ast.Constant) and first.value in EVERYTHING
    return False


def _is_lookup(call: ast.Call, parent: ast.AST | None) -> bool:
    """Say whether a namespace is asked for one name only."""
    match parent:
        case ast.Subscript(value=value, ctx=ast.Load() | ast.Store()):
            return value is call
        case ast.Attribute(attr=attribute):
            return attribute in _LAZY
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[right]):
            return right is call
        case ast.Call(func=ast.Attribute(value=ast.Name(id=receiver))):
            return receiver == _OURS
    return False
