"""Which stages must keep their order because of files: one writes what the other reads or writes too.

Found in the code's texts alone, so it serves the schedule: an edge too many costs some parallelism, one too few is
seen when the stages have run.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from jupyter_mlops.notebook.syntax import is_magic, parse
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline import cache_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Pipeline

# By how their names begin: calls that only read the file they are given.
_READS = re.compile(
    r"(read|load|imread|genfromtxt|fromfile|exists|is_file|is_dir|stat|getsize|listdir|scandir|glob|rglob|iglob"
    r"|iterdir|from_csv|parse|dataset$|scan_|basename|dirname|suffix|checkpoint_exists)"
)
# Calls that make a path or pass one on: what is done with it is seen one call further out.
_PATHS = ("Path", "PurePath", "join", "joinpath", "str", "fspath", "abspath", "resolve", "expanduser")
_FILE = re.compile(r"^[^\s<>|\"'{}]*(/|\.[A-Za-z]\w{0,8}$)[^\s<>|\"'{}]*$")
_OPENS_TO_WRITE = re.compile(r"[wax+]")
_WRITEFILE = re.compile(r"^\s*%%(?:writefile|file)\s+(?:-a\s+)?(\S+)")


def edges(
    notebook: Notebook, pipeline: Pipeline, order: Sequence[str], params: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return for each stage the ones above it that use a file of its own, where one of the two may write it.

    Args:
        notebook: the notebook.
        pipeline: its stages.
        order: the stages' names in page order.
        params: the values of its parameters, among which there may be paths.
    """
    named = {name: value for name, value in params.items() if isinstance(value, str) and _FILE.match(value)}
    texts = {cell.index: untagged(cell.source) for cell in notebook.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        if cell.index in texts and (cell.index in pipeline.setup or (cell.tag and cell.tag.kind == "params")):
            named.update(_named_paths(texts[cell.index]))
    uses = {}
    for name in order:
        stage = pipeline.stage(name)
        for index in stage.cells:
            named.update(_named_paths(texts[index]))
        uses[name] = _uses((texts[index] for index in stage.cells), named)
    return {
        name: tuple(above for above in order[:place] if _meet(uses[above], uses[name]))
        for place, name in enumerate(order)
    }


def _meet(above: Mapping[str, bool], below: Mapping[str, bool]) -> bool:
    return any(
        (writes or writes_too) and _same(path, other)
        for path, writes in above.items()
        for other, writes_too in below.items()
    )


def _same(one: str, other: str) -> bool:
    """Say whether two paths may be one file, or one the folder of the other."""
    short, long = sorted((_plain(one), _plain(other)), key=len)
    return short == long or long.startswith(f"{short}/")


def _plain(path: str) -> str:
    return path.removeprefix("./").rstrip("/")


def _uses(texts: Iterable[str], named: Mapping[str, str]) -> dict[str, bool]:
    """Map each path that the texts use to whether they may write it."""
    found: dict[str, bool] = {}
    for text in texts:
        written = _WRITEFILE.match(text)
        if written:
            found[written[1]] = True
            continue
        for path, only_read in _Walk(named).run(_tree(text)):
            found[path] = found.get(path, False) or not only_read
    return found


class _Walk:
    """Find paths in an expression, and whether the call around them only reads."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self._named = named

    def run(self, node: ast.AST, *, only_read: bool = False) -> Iterable[tuple[str, bool]]:
        if isinstance(node, ast.Call) and is_magic(node):
            yield from ((word, False) for word in cache_key.shell_words(node) if _FILE.match(word))
        elif isinstance(node, ast.Call):
            only_read = self._reads(node, only_read=only_read)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _FILE.match(node.value):
            yield node.value, only_read
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self._named:
            yield self._named[node.id], only_read
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_path(node.value):
            # Only a name for it; what is done with it is seen where the name is used.
            return
        for child in ast.iter_child_nodes(node):
            yield from self.run(child, only_read=only_read)

    @staticmethod
    def _reads(call: ast.Call, *, only_read: bool) -> bool:
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "open":
            modes = [
                value.value
                for value in (*call.args, *(keyword.value for keyword in call.keywords))
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) <= 3  # noqa: PLR2004 - a mode, as "r+b"
            ]
            return not any(_OPENS_TO_WRITE.search(mode) for mode in modes)
        return bool(_READS.match(name)) or (only_read and name in _PATHS)


def _named_paths(text: str) -> dict[str, str]:
    """Return the names that a cell gives to paths."""
    found = {}
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_path(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = _path(node.value)
            found.update({target.id: value for target in targets if isinstance(target, ast.Name)})
    return found


def _is_path(node: ast.expr) -> bool:
    return bool(_path(node))


def _path(node: ast.expr) -> str:
    """Return the path that an expression spells out: a text, ``Path("a") / "b"``, ``os.path.join("a", "b")``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and _FILE.match(node.value) else ""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        parts = [part.value for part in node.args if isinstance(part, ast.Constant)]
        if name in _PATHS and parts and len(parts) == len(node.args):
            return "/".join(str(part).rstrip("/") for part in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
        left = _path(node.left)
        return f"{left.rstrip('/')}/{node.right.value!s}" if left else ""
    return ""


def _tree(text: str) -> ast.Module:
    try:
        return parse(text).tree
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])
