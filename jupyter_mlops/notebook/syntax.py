"""From a cell's source to Python's syntax tree, whatever IPython syntax stands in it."""

from __future__ import annotations

import ast
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Cell magics whose body is Python that runs in the notebook's namespace.
PYTHON_BODIES = frozenset({"time", "timeit", "capture", "prun", "memit", "mlops", "snakeviz", "scalene"})
# Cell magics whose body is something else, and that define no variables but those named as their output.
OTHER_BODIES = frozenset(
    {"bash", "sh", "script", "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "writefile",
     "file", "perl", "ruby", "pypy", "python", "python2", "python3", "cmd", "system", "sx", "!", "mermaid", "ai"}
)  # fmt: skip
# Line magics that set options and touch no variable.
HARMLESS_MAGICS = frozenset(
    {"matplotlib", "load_ext", "reload_ext", "autoreload", "config", "env", "set_env", "precision", "pip", "conda",
     "xmode", "colors", "pdb", "autosave", "alias", "aimport", "pinfo", "pinfo2", "mlops"}
)  # fmt: skip
# Words that the parser lets stand where the compiler doesn't: ``return`` outside of a function, say.
_may_fail_later = re.compile(r"\b(?:return|yield|break|continue|nonlocal|global|await|async)\b|\*|:=")
_cell_magic = re.compile(r"\s*%%(!|[\w.]+)([^\n]*)(?:\n|\Z)")
_deepest = 30_000
_outputs = re.compile(r"(?:--out|--err|-o|--output|--proc|--to|--into)[ =]([\w,]+)")
_options = re.compile(r"^(?:\s*-[\w-]+(?:[ =]?\d+)?(?=\s|$))+")


@dataclass(frozen=True, slots=True)
class Parsed:
    """Hold a cell's tree; ``bound`` are variables a cell magic sets, ``opaque`` when it may set any."""

    tree: ast.Module
    bound: tuple[str, ...] = ()
    opaque: bool = False


EMPTY = ast.Module(body=[], type_ignores=[])


@lru_cache(maxsize=4096)
def parse(source: str) -> Parsed:
    """Parse a cell; lines are the cell's own, the first is 1.

    Raises:
        SyntaxError: when it is neither Python nor IPython's extension of it.
    """
    magic = _cell_magic.match(source)
    if not magic:
        return Parsed(_tree(source))
    name, arguments = magic[1], magic[2].strip()
    if name in PYTHON_BODIES:
        inner = parse("\n" * source.count("\n", 0, magic.end()) + source[magic.end() :])
        return Parsed(inner.tree, _captured(name, arguments) + inner.bound, inner.opaque)
    bound = tuple(
        part for found in _outputs.findall(arguments) for part in found.split(",") if part.isidentifier()
    )
    return Parsed(EMPTY, bound, opaque=name not in OTHER_BODIES)


@contextmanager
def deep() -> Iterator[None]:
    """Let a tree be walked that is as deep as Python's own compiler takes; what is deeper still isn't valid.

    Raises:
        SyntaxError: when the tree is too deep even so.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _deepest))
    try:
        yield
    except RecursionError:
        raise SyntaxError("too deeply nested", ("<cell>", 1, 0, "")) from None
    finally:
        sys.setrecursionlimit(before)


def parse_magic_code(arguments: str, line: int) -> ast.Module | None:
    """Parse the Python in a line magic like ``%time x = f()``; None when there is none."""
    try:
        tree = _tree(_options.sub("", arguments).strip())
    except SyntaxError:
        return None
    return ast.increment_lineno(tree, line - 1) if line > 1 else tree


def is_magic(node: ast.Call) -> bool:
    """Tell whether a call is what IPython makes of a magic or a shell command."""
    match node.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=attribute):
            return attribute in ("run_line_magic", "run_cell_magic", "system", "getoutput", "magic")
        case ast.Name(id="get_ipython"):
            return True
        case _:
            return False


def magic_name(node: ast.Call) -> str:
    """Return the name of the line magic that a call stands for; ``!`` for a shell command."""
    if not isinstance(node.func, ast.Attribute):
        return "matplotlib"  # get_ipython() itself: its method is looked at on its own
    first = node.args[0] if node.args else None
    if node.func.attr == "run_line_magic" and isinstance(first, ast.Constant):
        return str(first.value)
    return "!"


def _captured(name: str, arguments: str) -> tuple[str, ...]:
    if name != "capture":
        return ()
    return tuple(word for word in arguments.split() if word.isidentifier())[:1]


def _tree(source: str) -> ast.Module:
    try:
        return _compiled(source)
    except SyntaxError:
        pass
    # Only now: importing IPython costs more than analysing most notebooks.
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of odd line ends
        transformed = str(manager().transform_cell(source))
    return _compiled(transformed)


# CPython counts a tree's depth for all threads at once: two that parse at a time can fail with SystemError.
_one_at_a_time = threading.RLock()


def _compiled(source: str) -> ast.Module:
    with _one_at_a_time, warnings.catch_warnings():
        # '\d' in somebody's string is theirs to hear of when the cell runs.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
            if _may_fail_later.search(source):
                compile(tree, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, SyntaxError):
                raise
            raise SyntaxError(str(error) or "too deeply nested", ("<cell>", 1, 0, "")) from None
    return tree
