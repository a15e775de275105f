"""Which attributes of modules, and of what is in them, a notebook's code sets: ``pandas.DataFrame.shout``."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import known, syntax
from jupyter_mlops.notebook.tags import untagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What has a way of its own from stage to stage, or belongs to the kernel.
_APART = known.words(
    "rcParams rcParamsDefault options environ path modules stdout stderr stdin displayhook excepthook filters meta_path "
    "path_hooks path_importer_cache handlers root ast_node_interactivity style"
)
_APART_MODULES = known.words("IPython __main__")
_ACCESSORS = {
    "register_dataframe_accessor": "pandas.DataFrame",
    "register_series_accessor": "pandas.Series",
    "register_index_accessor": "pandas.Index",
}
# What calls add: ``tqdm.pandas()``, ``mimetypes.add_type(…)``.
_PROGRESS = tuple(
    ("pandas", *owner.split("."), f"progress_{name}")
    for owner, names in {
        "DataFrame": ("apply", "applymap", "map"),
        "Series": ("apply", "map"),
        "core.groupby.groupby.GroupBy": ("apply", "map"),
    }.items()
    for name in names
)
_ADDED = {"pandas": _PROGRESS, "add_type": (("mimetypes", "_db"),)}
# What needs no import of the notebook's own to be meant: accessors are registered by pandas itself.
_KNOWN = {"__builtins__": "builtins", "pandas": "pandas", "mimetypes": "mimetypes"}


def patched(sources: Iterable[str]) -> set[str]:
    """Return the dotted names of attributes that code sets, with the names that its imports stand for."""
    cells = [_of_cell(source) for source in sources]
    imported = {name: module for modules, _ in cells for name, module in modules}
    found = set()
    for _, paths in cells:
        for first, *rest in paths:
            module = imported.get(first, _KNOWN.get(first, ""))
            parts = (*module.split("."), *rest)
            if module and parts[0] not in _APART_MODULES and not _APART.intersection(parts):
                found.add(".".join(parts))
    return found


@lru_cache(maxsize=4096)
def _of_cell(source: str) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, ...], ...]]:
    """Return what a cell's imports stand for, and the dotted names that it sets."""
    try:
        nodes = list(ast.walk(syntax.parse(untagged(source)).tree))
    except SyntaxError:
        return (), ()
    modules = tuple(
        pair for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for pair in _imports(node)
    )
    paths = tuple(path for node in nodes for path in _set_by(node) if len(path) > 1)
    return modules, paths


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            top = alias.name.partition(".")[0]
            yield top, top


def _set_by(node: ast.AST) -> Iterator[tuple[str, ...]]:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        yield _path(node)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        yield _path(node.value)
    if not isinstance(node, ast.Call):
        return
    name = _name(node.func)
    first = node.args[0] if node.args else None
    second = node.args[1] if len(node.args) > 1 else None
    if name in ("setattr", "delattr") and first is not None and isinstance(second, ast.Constant):
        path = _path(first)
        yield (*path, str(second.value)) if path else ()
    elif name in _ACCESSORS and isinstance(first, ast.Constant):
        yield (*_ACCESSORS[name].split("."), str(first.value))
    elif name in _ADDED:
        yield from _ADDED[name]
    elif name in known.SHALLOW and isinstance(node.func, ast.Attribute):
        path = _path(node.func.value)
        yield path if len(path) > 1 else ()


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _path(node: ast.expr) -> tuple[str, ...]:
    """Return the names of ``a.b.c``; nothing where it begins with something else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else ()
