"""What a stage imports, and whether it may find it imported already."""

from __future__ import annotations

import ast
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mlops.notebook.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_install = re.compile(
    r"^\s*(?:[!%]\s*(?:(?:pip3?|conda|mamba|micromamba|uv|poetry)\b|[\w./]*python[\d.]*\s+-m\s+pip\b))",
    re.MULTILINE,
)
_environment_magic = re.compile(r"^\s*%(?:env\s+\w+\s*[= ]|set_env\b)", re.MULTILINE)
_strict_warnings = frozenset({"always", "error", "default", "module", "once", "all"})
_environment_setters = frozenset({"os.putenv", "os.unsetenv", "load_dotenv", "dotenv.load_dotenv"})
_environment_calls = frozenset({"update", "setdefault", "pop", "clear", "popitem"})


@dataclass(frozen=True)
class Needs:
    """Say what a stage imports by statements that run first thing, and why it mustn't find that done already.

    ``statements`` are import statements in the order of the page; ``bare`` is a reason to begin with nothing
    imported but the kernel itself, ``stock`` one not to be forked at all. ``beside`` is the folder that the stage
    works in, whose modules may hide installed ones.
    """

    statements: tuple[str, ...] = ()
    beside: str = ""
    bare: str = ""
    stock: str = ""


def needs_of(sources: Iterable[str], modules: Iterable[str] = (), beside: str = "") -> Needs:
    """Read off what a stage needs imported.

    Args:
        sources: the stage's code cells in their order.
        modules: the text of local modules that it imports.
        beside: the folder that the stage works in.
    """
    cells, modules = list(sources), list(modules)
    statements: dict[str, None] = {}
    bare = ""
    for text in (*cells, *modules):
        if _install.search(text):
            return Needs(stock="it installs packages", beside=beside)
        if _environment_magic.search(text):
            bare = bare or "it sets environment variables"
    for place, text in enumerate((*cells, *modules)):
        try:
            tree = parse(text).tree
        except SyntaxError:
            continue
        bare = bare or _obstacle(tree)
        if place < len(cells):
            statements.update(dict.fromkeys(_imports(tree.body)))
    return Needs(statements=() if bare else tuple(statements), bare=bare, beside=beside)


def workdir_of(sources: Iterable[str]) -> str:
    """Return the folder that a compiled stage goes to, relative to its own; empty where it goes nowhere."""
    for text in sources:
        with contextlib.suppress(SyntaxError):
            for node in ast.walk(parse(text).tree):
                if (
                    isinstance(node, ast.keyword)
                    and node.arg == "workdir"
                    and isinstance(node.value, ast.Constant)
                ):
                    return str(node.value.value)
    return ""


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the import statements that run whenever the code does: not those in functions and branches."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield ast.unparse(ast.Import(names=[alias]))
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            yield ast.unparse(node)
        elif isinstance(node, ast.Try | ast.With):
            yield from _imports(node.body)


def _obstacle(tree: ast.Module) -> str:
    """Return why code can't tell a module that is imported already from one that it imports itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            owner = _dotted(node.value)
            if owner in ("os.environ", "environ"):
                return "it sets environment variables"
            if owner in ("sys.modules", "sys.meta_path", "sys.path_hooks"):
                return f"it changes {owner}"
        if isinstance(node, ast.Assign | ast.Delete) and any(
            _dotted(target) in ("os.environ", "sys.modules", "sys.path") for target in node.targets
        ):
            return "it changes how modules are found"
        if isinstance(node, ast.Call):
            found = _call_obstacle(node)
            if found:
                return found
    return ""


def _call_obstacle(node: ast.Call) -> str:
    name = _dotted(node.func)
    owner, _, function = name.rpartition(".")
    if (
        owner in ("os.environ", "environ") and function in _environment_calls
    ) or name in _environment_setters:
        return "it sets environment variables"
    if name in ("importlib.reload", "reload", "imp.reload"):
        return "it reloads modules"
    if owner == "sys.modules" and function in _environment_calls:
        return "it changes sys.modules"
    if name == "sys.path.insert" or owner in ("sys.meta_path", "sys.path_hooks"):
        return "it changes how modules are found"
    return _warnings_obstacle(node, function or name)


def _warnings_obstacle(node: ast.Call, function: str) -> str:
    """Return whether a call makes warnings visible that an import beforehand has kept to itself."""
    if function in ("simplefilter", "filterwarnings"):
        action = (
            node.args[0]
            if node.args
            else next((word.value for word in node.keywords if word.arg == "action"), None)
        )
        if not isinstance(action, ast.Constant) or action.value in _strict_warnings:
            return "it shows warnings that importing may give"
    return ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""
