"""Expressions to events: what they read, call and change, and what their value is."""

from __future__ import annotations

import ast
import re
from functools import reduce
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import files, known
from jupyter_mlops.notebook.events import (
    CONSTANT,
    NOTHING,
    PLAIN,
    Bind,
    Call,
    Define,
    Event,
    Function,
    Hold,
    Mutate,
    Opaque,
    Return,
    Touch,
    Use,
    Value,
)
from jupyter_mlops.notebook.namespaces import Namespace, is_generator, of_function, parameters
from jupyter_mlops.notebook.syntax import HARMLESS_MAGICS, is_magic, parse_magic_code

if TYPE_CHECKING:
    from collections.abc import Iterable

_at_name = re.compile(r"@([A-Za-z_]\w*)")
_in_braces = re.compile(r"\{([^{}]+)\}|\$\{?([A-Za-z_]\w*)\}?")
_opaque_magics = known.words("run pylab load store cython load_ipython_extension loadpy reload")
_code_magics = known.words("time timeit prun memit mprun lprun")
_into = re.compile(r"\b([A-Za-z_]\w*)\s*<<")


class Expressions:
    """Turn expressions into events, appended to ``out`` in the order Python evaluates them."""

    def __init__(self, prefix: str) -> None:
        self.out: list[Event] = []
        self.scope = Namespace("module")
        self._prefix = prefix
        self._count = 0

    def visit(self, node: ast.expr | None) -> Value:
        """Emit the events of an expression, and return what its value is."""
        if node is None:
            return NOTHING
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            value: Value = method(node)
            return value
        self.visit_all(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
        return NOTHING

    def visit_all(self, nodes: Iterable[ast.expr | None]) -> list[Value]:
        """Visit expressions in order."""
        return [self.visit(node) for node in nodes]

    def target(self, node: ast.expr, value: Value) -> None:
        """Emit what assigning ``value`` to a target does."""
        match node:
            case ast.Name(id=name):
                self.out.append(Bind(self.scope.assigned(name), node.lineno, value))
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self.target(element, value.as_part())
            case ast.Starred(value=inner):
                self.target(inner, value)
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                container = self.visit(inner)
                if isinstance(node, ast.Subscript):
                    self.visit(node.slice)
                self.change(container, node.lineno, value)
            case _:
                self.visit(node)

    def change(self, container: Value, line: int, held: Value = NOTHING) -> None:
        """Emit that an object is changed in place, and may hold another from then on."""
        self.out.append(Mutate(container, line))
        if held not in (NOTHING, CONSTANT, PLAIN):
            self.out.append(Hold(container, held))

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
        """Build the function: its body's events stand apart from those around it."""
        around, outside = self.scope, self.out
        scope = of_function(node, self._label(), around)
        self.scope, self.out = scope, []
        if isinstance(node, ast.Lambda):
            self.out.append(Return(self.visit(node.body)))
            name = "<lambda>"
        else:
            self.block(node.body)
            name = node.name
        events, self.out, self.scope = tuple(self.out), outside, around
        names = tuple(scope.names[argument.arg] for argument in parameters(node.args))
        decorated = bool(
            getattr(node, "decorator_list", ())
        )  # by @contextmanager, say: what it gives isn't known
        generates = is_generator(node) and not decorated
        function = Function(name, node.lineno, names, events, is_generator=generates)
        self.out.append(Define(function))
        return function

    def defaults(self, arguments: ast.arguments) -> None:
        """Visit what is evaluated when the function is defined."""
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])

    def block(self, body: list[ast.stmt]) -> None:
        """Visit statements in order; the statements' half of the builder knows how."""
        raise NotImplementedError

    def _label(self) -> str:
        self._count += 1
        return f"{self._prefix}.{self._count}"

    def _name(self, node: ast.Name) -> Value:
        name = self.scope.resolve(node.id)
        self.out.append(Use(name, node.lineno))
        return Value(same=frozenset({name}))

    def _constant(self, _node: ast.Constant) -> Value:
        return CONSTANT

    def _joinedstr(self, node: ast.JoinedStr) -> Value:
        self.visit_all(node.values)
        return CONSTANT

    def _formattedvalue(self, node: ast.FormattedValue) -> Value:
        self.visit_all([node.value, node.format_spec])
        return CONSTANT

    def _attribute(self, node: ast.Attribute) -> Value:
        value = self.visit(node.value)
        return CONSTANT if node.attr in known.PLAIN else value.as_part()

    def _subscript(self, node: ast.Subscript) -> Value:
        value = self.visit(node.value)
        self.visit(node.slice)
        return CONSTANT if value == CONSTANT else value.as_part()

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        return CONSTANT if self.visit(node.operand) == CONSTANT else NOTHING

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.visit(node.left), self.visit(node.right)
        if left == right == CONSTANT:
            return CONSTANT
        return Value(holds=left.holds | right.holds, held_calls=left.held_calls | right.held_calls)

    def _boolop(self, node: ast.BoolOp) -> Value:
        return reduce(Value.__or__, self.visit_all(node.values))

    def _ifexp(self, node: ast.IfExp) -> Value:
        self.visit(node.test)
        return self.visit(node.body) | self.visit(node.orelse)

    def _namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.visit(node.value)
        self.target(node.target, value)
        return Value(same=frozenset({self.scope.assigned(node.target.id)}))

    def _starred(self, node: ast.Starred) -> Value:
        return self.visit(node.value).as_part()

    def _display(self, nodes: Iterable[ast.expr | None]) -> Value:
        values = self.visit_all(nodes)
        if all(value in (CONSTANT, PLAIN) for value in values):
            return PLAIN
        return reduce(Value.__or__, (value.as_held() for value in values), Value())

    def _tuple(self, node: ast.Tuple) -> Value:
        values = self.visit_all(node.elts)
        if all(value == CONSTANT for value in values):
            return CONSTANT
        return reduce(Value.__or__, (value.as_held() for value in values), Value())

    def _list(self, node: ast.List) -> Value:
        return self._display(node.elts)

    def _set(self, node: ast.Set) -> Value:
        return self._display(node.elts)

    def _dict(self, node: ast.Dict) -> Value:
        self.visit_all(node.keys)
        return self._display(node.values)

    def _lambda(self, node: ast.Lambda) -> Value:
        self.defaults(node.args)
        return Value(functions=(self.function(node),))

    def _await(self, node: ast.Await) -> Value:
        return self.visit(node.value)

    def _yield(self, node: ast.Yield) -> Value:
        self.out.append(Return(self.visit(node.value).as_held()))
        return NOTHING

    def _yieldfrom(self, node: ast.YieldFrom) -> Value:
        self.out.append(Return(self.visit(node.value)))
        return NOTHING

    def _comprehension(self, generators: list[ast.comprehension], *elements: ast.expr) -> Value:
        first = self.visit(generators[0].iter)
        around = self.scope
        self.scope = Namespace("comprehension", self._label(), around)
        for index, generator in enumerate(generators):
            values = first if index == 0 else self.visit(generator.iter)
            self._comprehension_target(generator.target, values.as_part())
            self.visit_all(generator.ifs)
        value = self._display(elements)
        self.scope = around
        return value

    def _comprehension_target(self, target: ast.expr, value: Value) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.out.append(Bind(self.scope.declare(node.id), node.lineno, value))

    def _listcomp(self, node: ast.ListComp) -> Value:
        return self._comprehension(node.generators, node.elt)

    def _setcomp(self, node: ast.SetComp) -> Value:
        return self._comprehension(node.generators, node.elt)

    def _dictcomp(self, node: ast.DictComp) -> Value:
        return self._comprehension(node.generators, node.key, node.value)

    def _generatorexp(self, node: ast.GeneratorExp) -> Value:
        value = self._comprehension(node.generators, node.elt)
        return Value(
            holds=value.holds, held_calls=value.held_calls, functions=value.functions, kind="generator"
        )

    def _call(self, node: ast.Call) -> Value:
        if isinstance(node.func, ast.Attribute) and is_magic(node):
            self._line_magic(node)
            return NOTHING
        receiver = self.visit(node.func.value) if isinstance(node.func, ast.Attribute) else None
        function = NOTHING if receiver is not None else self.visit(node.func)
        arguments = tuple(self.visit_all(node.args))
        keywords = tuple((keyword.arg or "", self.visit(keyword.value)) for keyword in node.keywords)
        path = _path(node.func)
        self._text_arguments(node, path)
        for keyword, (_, value) in zip(node.keywords, keywords, strict=True):
            if keyword.arg == "inplace" and receiver is not None and _is_true(keyword.value):
                self.change(receiver, node.lineno)
            elif keyword.arg == "out":
                self.change(value, node.lineno)
        self._count += 1
        number = self._count
        used = files.used_by(node, path)
        self.out.append(Call(number, path, function, receiver, arguments, keywords, node.lineno, used))
        return Value(calls=frozenset({number}))

    def _text_arguments(self, node: ast.Call, path: tuple[str, ...]) -> None:
        """Emit what code inside of text reads: ``frame.query("x > @limit")``, ``eval("a + b")``, ``exec(…)``."""
        if path == ("exec",):
            self.out.append(Opaque(node.lineno))
        first = node.args[0] if node.args else None
        texts = [first, *(keyword.value for keyword in node.keywords if keyword.arg == "expr")]
        for text in texts:
            if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
                continue
            if path in (("eval",), ("exec",)):
                self._code_in_text(node, text.value, path[0])
            elif path[-1:] in (("query",), ("eval",)):
                for name in _at_name.findall(text.value):
                    self._soft(name, node.lineno)

    def _code_in_text(self, node: ast.Call, text: str, mode: str) -> None:
        """Emit what words as code do; in a namespace of their own, or a function, that is no more than reading."""
        try:
            body = ast.parse(text.strip() if mode == "eval" else text).body
        except (SyntaxError, ValueError):
            return
        inner = [each for statement in body for each in ast.walk(statement)]
        if len(node.args) > 1 or node.keywords or self.scope.kind != "module":
            for each in inner:
                if mode == "eval" and isinstance(each, ast.Name):
                    self._soft(each.id, node.lineno)
            return
        for each in inner:
            for place in ("lineno", "end_lineno"):
                if hasattr(each, place):
                    setattr(each, place, node.lineno)
        self.block(body)

    def _soft(self, name: str, line: int) -> None:
        self.out.append(Use(self.scope.resolve(name), line, soft=True))

    def _soft_names(self, text: str, line: int) -> None:
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError):
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                self._soft(node.id, line)

    def _line_magic(self, node: ast.Call) -> None:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        words = [
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if len(words) != len(node.args):
            self.visit_all(node.args)
        name, text = (
            (words[0], " ".join(words[1:])) if method == "run_line_magic" and words else ("", " ".join(words))
        )
        code = parse_magic_code(text, node.lineno) if name in _code_magics else None
        if code is not None:
            self.block(code.body)
            return
        for expression, simple in _in_braces.findall(text):
            self._soft_names(expression or simple, node.lineno)
        for name_, reads, writes in files.of_shell(text):
            self.out.append(Touch(name_, node.lineno, reads, writes))
        for target in _into.findall(text):
            self.out.append(Bind(self.scope.assigned(target), node.lineno))
        if name == "store" and "-r" not in text:
            for word in text.split():
                self._soft_names(word, node.lineno)
        elif name in _opaque_magics:
            self.out.append(Opaque(node.lineno))
        elif method == "run_line_magic" and name not in HARMLESS_MAGICS:
            self._unknown_magic(text, node.lineno)

    def _unknown_magic(self, text: str, line: int) -> None:
        """Take it that a magic of somebody's own may run the code that stands behind it."""
        code = parse_magic_code(text, line)
        for found in ast.walk(code) if code is not None else ():
            if isinstance(found, ast.Name) and isinstance(found.ctx, ast.Store):
                self.out.append(Bind(self.scope.assigned(found.id), line))
            elif isinstance(found, ast.Name):
                self._soft(found.id, line)


def _is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and not node.value)


def _path(function: ast.expr) -> tuple[str, ...]:
    """Return the dotted name that is called; an empty first part stands for any other expression."""
    parts: list[str] = []
    node = function
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return tuple(reversed(parts))
