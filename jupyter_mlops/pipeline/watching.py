"""Look at each cell of a stage before it runs, and at what IPython expands, so that no name is missed."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import re
import string
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline import scanning
from jupyter_mlops.pipeline.above import is_pseudo
from jupyter_mlops.pipeline.namespace import running_shell

if TYPE_CHECKING:
    from jupyter_mlops.pipeline.above import Above
    from jupyter_mlops.pipeline.namespace import Namespace


_name = re.compile(r"[^\W\d]\w*")
_RUN_WORDS = frozenset({"eval", "exec"})
_dollar = re.compile(r"\$([^\W\d]\w*)")


@dataclass(eq=False)
class Watcher:
    """Take what a cell needs before it runs; an AST transformer that transforms nothing."""

    namespace: Namespace
    above: Above
    _looks_at_words: bool = False
    _paths: set[tuple[str, ...]] = field(default_factory=set)

    def visit(self, tree: ast.AST) -> ast.AST:
        """Look at a cell's tree, which magics like ``%time`` hand in too."""
        needs = scanning.needs_of(tree)
        if needs.everything:
            needs.names.update(name for name in self.above.names() if not is_pseudo(name))
        if needs.everything or needs.patches_builtins:
            self.namespace.borrows = False
            self.namespace.give_back()
        self._forget_patched()
        self.above.take_all(sorted(needs.names))
        self._paths |= needs.paths
        for name, *parts in needs.paths:
            _import_parts(dict.get(self.namespace, name), parts)
        return tree

    def look_at(self, value: Any) -> None:
        """Look at what came from above or from a setup cell: functions, whose class bodies read names, and packages."""
        if type(value) is types.FunctionType:
            self.above.take_all(sorted(scanning.class_names(value.__code__)))
        for _, *parts in self._paths if type(value) is types.ModuleType else ():
            _import_parts(value, parts)

    def look_at_words(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take what words as code read, an audit hook: inside of a function ``eval`` doesn't ask the namespace."""
        if event == "exec" and _watcher is self and isinstance(arguments[0], types.CodeType):
            code = arguments[0]
            if code.co_filename == "<string>":
                self.above.take_all(code.co_names)

    def on_borrow(self, name: str) -> None:
        """Look at words as code from the first time on that ``eval`` or ``exec`` is read: such a hook can't be removed."""
        if name in _RUN_WORDS and not self._looks_at_words:
            self._looks_at_words = True
            sys.addaudithook(self.look_at_words)

    def _forget_patched(self) -> None:
        for name, value in list(self.namespace.borrowed.items()):
            if builtins.__dict__.get(name) is not value:
                del self.namespace.borrowed[name]
                if dict.get(self.namespace, name) is value:
                    del self.namespace[name]


def _import_parts(package: Any, parts: list[str]) -> None:
    """Import the parts of a package that a stage names: in the notebook some import above did so by the by."""
    for part in parts:
        if type(package) is not types.ModuleType or not hasattr(package, "__path__"):
            return
        name = f"{package.__name__}.{part}"
        if not hasattr(package, part):
            if importlib.util.find_spec(name) is None:
                return
            importlib.import_module(name)
        package = getattr(package, part)


_watcher: Watcher | None = None


def watch(namespace: Namespace, above: Above) -> None:
    """Watch the cells of the IPython shell that runs this code, if one does."""
    global _watcher  # noqa: PLW0603 - one process runs one stage
    _watcher = Watcher(namespace, above)
    above.on_value = _watcher.look_at
    namespace.on_borrow = _watcher.on_borrow
    for value in list(dict.values(namespace)):
        _watcher.look_at(value)
    shell = running_shell()
    if shell is None:
        return
    shell.ast_transformers.append(_watcher)
    shell.var_expand = _expander(shell.var_expand, above)


def stop() -> None:
    """Let the cells be."""
    global _watcher  # noqa: PLW0603 - see watch
    shell = running_shell()
    if shell is not None:
        if _watcher in shell.ast_transformers:
            shell.ast_transformers.remove(_watcher)
        vars(shell).pop("var_expand", None)
    _watcher = None


def _expander(expand: Any, above: Above) -> Any:
    """Wrap IPython's expansion of ``{name}`` in commands, which looks into a copy and hides what goes wrong there."""

    def var_expand(cmd: str, depth: int = 0, *rest: Any, **options: Any) -> str:
        for name in sorted(_names_in(cmd)):
            if not dict.__contains__(above.namespace, name) and above.offers(name):
                above.take(name)
        expanded: str = expand(cmd, depth + 1, *rest, **options)
        return expanded

    return var_expand


def _names_in(command: str) -> set[str]:
    """Return the names in a command's fields: ``{name + 1}``, ``$name``."""
    try:
        fields = [field for _, field, *_ in string.Formatter().parse(command) if field]
    except ValueError:
        return set()
    return set(_name.findall(" ".join(fields))) | set(_dollar.findall(command))
