"""What a cell defines, reads and changes: its statements as events, with Python's scopes taken care of."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import files, syntax
from jupyter_mlops.notebook.events import (
    LOCAL,
    NOTHING,
    Bind,
    Branch,
    Delete,
    Event,
    Function,
    Opaque,
    Return,
    Touch,
    Use,
    Value,
)
from jupyter_mlops.notebook.expressions import Expressions
from jupyter_mlops.notebook.namespaces import Namespace, parameters
from jupyter_mlops.notebook.resources import FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

_catch_names = frozenset({"NameError", "Exception", "BaseException"})
_texts = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call)
# Words of code that may make variables where the source doesn't say which.
_out_of_sight = re.compile(
    r"\b(?:globals|locals|user_ns|user_global_ns|user_module|run_cell\w*|__main__|builtins|__builtins__|f_globals"
    r"|get_ipython\(\)\.(?:push|ex|run_code|safe_execfile))\b"
)
_leaves = (ast.Raise, ast.Return, ast.Continue, ast.Break)


@lru_cache(maxsize=4096)
def events_of(source: str, label: str) -> tuple[Event, ...]:
    """Return a cell's events in order; ``label`` tells its local names from other cells'.

    Raises:
        SyntaxError: when the cell is neither Python nor IPython's extension of it.
    """
    parsed = syntax.parse(source)
    builder = Statements(label)
    if _out_of_sight.search(source):
        builder.out.append(Opaque(1))
    with syntax.deep():
        builder.block(parsed.tree.body)
    builder.out.extend(Bind(name, 1) for name in parsed.bound)
    builder.out.extend(Touch(*effect[:1], 1, *effect[1:]) for effect in files.of_cell_magic(source))
    if parsed.opaque:
        builder.out.append(Opaque(1))
    return tuple(builder.out)


class Statements(Expressions):
    """Turn statements into events."""

    def block(self, body: list[ast.stmt]) -> None:
        """Emit the events of statements, in order."""
        for node in body:
            method = getattr(self, f"_{type(node).__name__.lower()}", None)
            if method is not None:
                method(node)
            else:
                self.visit_all(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def _arm(self, body: list[ast.stmt]) -> tuple[Event, ...]:
        around, self.out = self.out, []
        self.block(body)
        inner, self.out = tuple(self.out), around
        return inner

    def _assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.value.elts):
            first = node.targets[0]
            pairs = first.elts if isinstance(first, ast.Tuple | ast.List) else []
            if len(node.targets) == 1 and len(pairs) == len(node.value.elts):
                # All values are there before the first is assigned: x, y = y, x.
                kept = [self._keep(value, node.lineno) for value in self.visit_all(node.value.elts)]
                for target, value in zip(pairs, kept, strict=True):
                    self.target(target, value)
                return
        value = self.visit(node.value)
        for target in node.targets:
            self.target(target, value)
        last = self.out[-1] if self.out else None
        if isinstance(last, Bind) and isinstance(node.value, _texts):
            self.out[-1] = Bind(last.name, last.line, last.value, node.value)

    def _keep(self, value: Value, line: int) -> Value:
        """Give a value a name of its own, so that it stays what it is while variables change."""
        name = f"{LOCAL}{self._label()}"
        self.out.append(Bind(name, line, value))
        return Value(same=frozenset({name}))

    def _annassign(self, node: ast.AnnAssign) -> None:
        value = self.visit(node.value)
        if self.scope.kind != "function":
            self.visit(node.annotation)
        if node.value is not None:
            self.target(node.target, value)

    def _augassign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            self.target(node.target, self.visit(node.value))
            return
        name = self.scope.resolve(node.target.id)
        itself = Value(same=frozenset({name}))
        self.out.append(Use(name, node.lineno))
        added = self.visit(node.value)
        self.change(itself, node.lineno, Value(holds=added.holds, held_calls=added.held_calls))
        self.out.append(Bind(self.scope.assigned(node.target.id), node.lineno, itself))

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.out.append(Delete(self.scope.assigned(target.id), target.lineno))
            else:
                self.target(target, NOTHING)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            module = Value(kind="module", module=alias.name if alias.asname else top)
            self._imported(top, node.lineno)
            self.out.append(Bind(self.scope.assigned(alias.asname or top), node.lineno, module))

    def _importfrom(self, node: ast.ImportFrom) -> None:
        self._imported((node.module or "").partition(".")[0], node.lineno)
        for alias in node.names:
            if alias.name == "*":
                self.out.append(Opaque(node.lineno))
            else:
                module = Value(kind="module", module=f"{node.module or ''}.{alias.name}")
                self.out.append(Bind(self.scope.assigned(alias.asname or alias.name), node.lineno, module))

    def _imported(self, top: str, line: int) -> None:
        """Note that a module may be a file beside the notebook, which a stage above wrote."""
        if top:
            self.out.append(Touch(f"{FILE}{top}.py>", line, reads=True, writes=False))

    def _global(self, _node: ast.Global) -> None:
        pass  # the function's scope knows

    _nonlocal = _global

    def _return(self, node: ast.Return) -> None:
        self.out.append(Return(self.visit(node.value)))

    def _if(self, node: ast.If) -> None:
        self.visit(node.test)
        bodies = [node.body, node.orelse]
        arms = [(self._arm(body), bool(body) and isinstance(body[-1], _leaves)) for body in bodies]
        for arm, leaves in arms:
            if leaves:  # whatever it does stays; whatever comes after has gone the other way
                self.out.append(Branch((arm, ())))
        going_on = tuple(arm for arm, leaves in arms if not leaves)
        if going_on:
            self.out.append(Branch(going_on))

    def _while(self, node: ast.While) -> None:
        self.visit(node.test)
        always = isinstance(node.test, ast.Constant) and bool(node.test.value)
        body = self._arm(node.body)
        self.out.append(Branch((body,) if always else (body, ()), begins=True))
        self.block(node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        values = self.visit(node.iter)
        # A loop that isn't run once is rare: its variable counts as set, what its body sets doesn't.
        self.target(node.target, values.as_part())
        self.out.append(Branch((self._arm(node.body), ()), begins=True))
        self.block(node.orelse)

    _asyncfor = _for

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        closed = []
        for item in node.items:
            value = self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.target(item.optional_vars, value)
                closed += [item.optional_vars] if _opens(item.context_expr) else []
        self.block(node.body)
        for target in closed:
            self.target(target, NOTHING)  # what is left of it can be passed on

    _asyncwith = _with

    def _try(self, node: ast.Try) -> None:
        body = self._arm(node.body)
        guarded = any(_catches_names(handler) for handler in node.handlers)
        rest = self._arm(node.orelse)
        handlers = [self._handler(handler) for handler in node.handlers]
        going_on = [
            arm
            for arm, handler in zip(handlers, node.handlers, strict=True)
            if not isinstance(handler.body[-1], _leaves)
        ]
        if going_on:
            self.out.append(Branch((body, ()), guarded=guarded, begins=True))
            self.out.append(Branch((rest, *handlers)))
        else:
            self.out.append(Branch((body,), guarded=guarded))
            self.out.extend(Branch((arm, ())) for arm in handlers)
            self.out.append(Branch((rest,)))
        self.block(node.finalbody)

    _trystar = _try

    def _handler(self, handler: ast.ExceptHandler) -> tuple[Event, ...]:
        around, self.out = self.out, []
        self.visit(handler.type)
        if handler.name:
            self.out.append(Bind(self.scope.assigned(handler.name), handler.lineno))
        self.block(handler.body)
        if handler.name:
            self.out.append(Delete(self.scope.assigned(handler.name), handler.lineno))
        inner, self.out = tuple(self.out), around
        return inner

    def _match(self, node: ast.Match) -> None:
        subject = self.visit(node.subject)
        arms: list[tuple[Event, ...]] = []
        complete = False
        for case in node.cases:
            around, self.out = self.out, []
            self._pattern(case.pattern, subject)
            self.visit(case.guard)
            self.block(case.body)
            arms.append(tuple(self.out))
            self.out = around
            complete |= (
                case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            )
        self.out.append(Branch(tuple(arms) if complete else (*arms, ())))

    def _pattern(self, pattern: ast.pattern, subject: Value) -> None:
        for node in ast.walk(pattern):
            match node:
                case (
                    ast.MatchAs(name=str(name))
                    | ast.MatchStar(name=str(name))
                    | ast.MatchMapping(rest=str(name))
                ):
                    self.out.append(
                        Bind(self.scope.assigned(name), pattern.lineno, subject | subject.as_part())
                    )
                case ast.MatchValue(value=value):
                    self.visit(value)
                case ast.MatchClass(cls=cls):
                    self.visit(cls)
                case _:
                    pass

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.visit_all(node.decorator_list)
        self.defaults(node.args)
        self.visit_all(argument.annotation for argument in parameters(node.args))
        self.visit(node.returns)
        name = self.scope.assigned(node.name)
        self.out.append(Bind(name, node.lineno, Value(functions=(self.function(node),), kind="function")))

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef) -> None:
        self.visit_all(node.decorator_list)
        bases = self.visit_all([*node.bases, *(keyword.value for keyword in node.keywords)])
        around = self.scope
        self.scope = Namespace("class", self._label(), around)
        before = len(self.out)
        self.block(node.body)
        methods = _methods(self.out[before:])
        self.scope = around
        made = Function(node.name, node.lineno, methods=methods, is_class=True)
        value = Value(functions=(made,), kind="function")
        for base in bases:
            held = base.as_held()
            value = Value(
                holds=value.holds | held.holds, functions=value.functions + held.functions, kind="function"
            )
        self.out.append(Bind(self.scope.assigned(node.name), node.lineno, value))


def _methods(events: Iterable[Event]) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for event in events:
        if isinstance(event, Bind):
            for function in event.value.functions:
                found[event.name.partition("#")[0]] = function
    return found


def _opens(node: ast.expr) -> bool:
    """Say whether an expression opens a file, which ``with`` closes."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name == "open"
        case _:
            return False


def _catches_names(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _catch_names for node in ast.walk(handler.type))
