"""Which scope of Python a name belongs to."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from jupyter_mlops.notebook.events import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ScopeKind = Literal["module", "function", "class", "comprehension"]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_closed = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(slots=True)
class Namespace:
    """Hold a scope's own names, by the name that the events use for them."""

    kind: ScopeKind
    label: str = ""
    parent: Namespace | None = None
    names: dict[str, str] = field(default_factory=dict)
    declared_global: set[str] = field(default_factory=set)

    def declare(self, name: str) -> str:
        """Make ``name`` one of this scope's own, and return its name in events."""
        if self.kind == "module" or name in self.declared_global:
            return name
        return self.names.setdefault(name, f"{name}{LOCAL}{self.label}")

    def resolve(self, name: str) -> str:
        """Return the name in events that reading ``name`` here means."""
        scope: Namespace | None = self
        while scope is not None:
            if name in scope.declared_global:
                return name
            if name in scope.names and (scope is self or scope.kind != "class"):
                return scope.names[name]
            scope = scope.parent
        return name

    def assigned(self, name: str) -> str:
        """Return the name in events that assigning ``name`` here binds (a walrus leaves its comprehension)."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        if scope.kind == "function" and name not in scope.names and name not in scope.declared_global:
            return scope.resolve(name)  # nonlocal
        return scope.declare(name)


def of_function(node: FunctionNode, label: str, parent: Namespace) -> Namespace:
    """Return the scope of a function's body: its parameters and what it assigns are its own."""
    scope = Namespace("function", label, parent)
    body: list[ast.stmt] | list[ast.expr] = [node.body] if isinstance(node, ast.Lambda) else node.body
    nonlocals: set[str] = set()
    bound = {argument.arg for argument in parameters(node.args)}
    for inner in _own_nodes(body):
        if isinstance(inner, ast.Global):
            scope.declared_global.update(inner.names)
        elif isinstance(inner, ast.Nonlocal):
            nonlocals.update(inner.names)
        else:
            bound.update(_binds(inner))
    for name in sorted(bound - nonlocals - scope.declared_global):
        scope.declare(name)
    return scope


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Return a function's parameters: positional, by keyword, ``*args``, ``**kwargs``."""
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]


def is_generator(node: FunctionNode) -> bool:
    """Tell whether calling the function gives a generator."""
    body: list[ast.stmt] | list[ast.expr] = [node.body] if isinstance(node, ast.Lambda) else node.body
    return any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own_nodes(body))


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk a body without entering the functions and classes defined in it."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.comprehension):  # its targets are its own
            waiting.extend([node.iter, *node.ifs])
        elif not isinstance(node, _closed):
            waiting.extend(ast.iter_child_nodes(node))


def _binds(node: ast.AST) -> list[str]:  # noqa: PLR0911 - a line a kind of node
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names if alias.name != "*"]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case _:
            return []
