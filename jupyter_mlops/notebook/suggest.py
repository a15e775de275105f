"""Propose tags for a notebook that has none, such that its pipeline gives what the notebook gives."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jupyter_mlops.notebook import cutting, headings, known, syntax
from jupyter_mlops.notebook.collecting import collect_later
from jupyter_mlops.notebook.cutting import Block, Work
from jupyter_mlops.notebook.dataflow import Examined, examined
from jupyter_mlops.notebook.events import Event, bound_names
from jupyter_mlops.notebook.headings import slug
from jupyter_mlops.notebook.scope import events_of
from jupyter_mlops.notebook.stages import is_setup, prepares_session
from jupyter_mlops.notebook.tags import Tag, untagged

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Cell, Notebook

__all__ = ["Proposal", "has_stages", "proposal", "slug", "suggest"]

_rounds = 20
_defines = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Decorators that change nothing but what they decorate.
_plain_decorators = known.words(
    "property staticmethod classmethod dataclass lru_cache cache cached_property wraps contextmanager njit jit "
    "abstractmethod total_ordering no_grad vectorize setter overload singledispatch"
)


class Proposal(NamedTuple):
    """A notebook with a tag on each code cell, and what the analysis says of it."""

    notebook: Notebook
    examined: Examined


def suggest(notebook: Notebook) -> Notebook:
    """Return the notebook with a tag on each code cell; one that has a stage already is returned as it is."""
    return notebook if has_stages(notebook) else proposal(notebook).notebook


@collect_later
def proposal(notebook: Notebook) -> Proposal:
    """Do the same, and return the analysis too, so that it isn't made twice."""
    if has_stages(notebook):
        return Proposal(notebook, examined(notebook))
    draft = _draft(notebook)
    tagged = draft.tagged()
    found = examined(tagged)
    for _ in range(_rounds):
        if not draft.mend(found):
            break
        tagged = draft.tagged()
        found = examined(tagged)
    return Proposal(tagged, found)


def has_stages(notebook: Notebook) -> bool:
    """Tell whether any cell is tagged as a stage's."""
    return any(cell.tag is not None and cell.tag.kind == "stage" for cell in notebook.cells)


class _Draft:
    """Hold a proposal while it is mended: which cells are setup, and the blocks that become stages."""

    def __init__(self, notebook: Notebook, setup: set[int], blocks: list[Block]) -> None:
        self._notebook = notebook
        self._setup = setup
        self._blocks = blocks

    def tagged(self) -> Notebook:
        """Return the notebook with the draft's tags."""
        roles = {index: Tag(kind="setup") for index in self._setup}
        for block in self._blocks:
            roles |= dict.fromkeys(block.cells, Tag(kind="stage", name=block.name))
        cells = tuple(
            msgspec.structs.replace(cell, tag=roles[cell.index]) if cell.index in roles else cell
            for cell in self._notebook.cells
        )
        return msgspec.structs.replace(self._notebook, cells=cells)

    def mend(self, found: Examined) -> bool:
        """Join the stages between which something can't be passed on; False where there is nothing to mend."""
        demoted = [
            finding.cell
            for finding in found.findings
            if finding.rule in ("MLO121", "MLO123") and finding.cell in self._setup
        ]
        for cell in demoted:
            self._demote(cell)
        places = {block.name: place for place, block in enumerate(self._blocks)}
        pairs = [*found.fragile, *(finding.merge for finding in found.findings)]
        ranges = [
            (min(known_places), max(known_places))
            for names in pairs
            if len(known_places := [places[name] for name in names if name in places]) > 1
        ]
        self._join(ranges)
        return bool(demoted or ranges)

    def _demote(self, cell: int) -> None:
        """Let a setup cell be part of the stage above it, or of the first one."""
        self._setup.discard(cell)
        above = [block for block in self._blocks if block.cells[0] < cell]
        if not self._blocks:
            self._blocks = cutting.named([Block([cell])])
            return
        block = above[-1] if above else self._blocks[0]
        block.cells = sorted([*block.cells, cell])

    def _join(self, ranges: list[tuple[int, int]]) -> None:
        reach = list(range(len(self._blocks)))
        for first, last in ranges:
            reach[first] = max(reach[first], last)
        joined: list[Block] = []
        end = -1
        for place, block in enumerate(self._blocks):
            if place <= end:
                joined[-1] = joined[-1].joined(block)
            else:
                joined.append(block)
            end = max(end, reach[place])
        if len(joined) < len(self._blocks):
            self._blocks = cutting.named(joined)


def _draft(notebook: Notebook) -> _Draft:
    once = _bound_once(notebook)
    title = headings.title_cell(notebook)
    path: tuple[headings.Heading, ...] = ()
    known_names: set[str] = set()
    setup: set[int] = set()
    work: list[Work] = []
    defines: dict[int, bool] = {}
    for cell in notebook.cells:
        for heading in headings.of_cell(cell) if cell.index != title else ():
            path = (*(above for above in path if above.level < heading.level), heading)
        if cell.cell_type != "code":
            continue
        parsed, events = _read(cell)
        names = bound_names(events)
        if cell.tag is not None:
            known_names |= names if cell.tag.kind in ("params", "setup") else set()
            continue
        defines[cell.index] = _only_defines(parsed)
        early = not work or (defines[cell.index] and names <= once)
        if prepares_session(parsed) or (early and is_setup(parsed, events, known_names)):
            known_names |= names
            setup.add(cell.index)
        else:
            work.append(Work(cell.index, parsed, events, path))
    if not work:
        # All could be setup: what assigns or shows something makes the stage, else the last cell does.
        moved = {index for index in setup if not defines[index]} or set(sorted(setup)[-1:])
        return _Draft(
            notebook, setup - moved, [Block(sorted(moved), kind="main", name="main")] if moved else []
        )
    return _Draft(notebook, setup, cutting.cut(work))


def _read(cell: Cell) -> tuple[syntax.Parsed, tuple[Event, ...]]:
    source = untagged(cell.source)
    try:
        return syntax.parse(source), events_of(source, str(cell.index))
    except SyntaxError:
        return syntax.Parsed(syntax.EMPTY, opaque=True), ()


def _only_defines(parsed: syntax.Parsed) -> bool:
    """Tell whether a cell only imports and defines, so that it may run earlier than it stands."""
    body = parsed.tree.body
    return bool(body) and all(isinstance(node, _defines) and _does_nothing(node) for node in body)


def _does_nothing(node: ast.stmt) -> bool:
    """Tell whether a definition runs no code of its own: no decorator, default or class body that calls something."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.ClassDef):
        outside: list[ast.AST | None] = [
            *node.keywords,
            *(n for n in node.body if not isinstance(n, _defines)),
        ]
        inner = [n for n in node.body if isinstance(n, _defines)]
    else:
        function = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        outside = [*function.args.defaults, *function.args.kw_defaults] if function else []
        inner = []
    calls = any(isinstance(part, ast.Call) for item in outside if item is not None for part in ast.walk(item))
    decorators = getattr(node, "decorator_list", [])
    return not calls and all(map(_is_plain, decorators)) and all(map(_does_nothing, inner))


def _is_plain(decorator: ast.expr) -> bool:
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (getattr(inner, "attr", "") or getattr(inner, "id", "")) in _plain_decorators


def _bound_once(notebook: Notebook) -> set[str]:
    """Return the names that only one cell defines, and Python doesn't: defined earlier they change no other's meaning."""
    count: dict[str, int] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for name in bound_names(_read(cell)[1]):
                count[name] = count.get(name, 0) + 1
    return {name for name, times in count.items() if times == 1 and not known.is_provided(name)}
