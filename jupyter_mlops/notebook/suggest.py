"""Propose tags for a notebook that has none: from its headings, else from the kind of work its cells do."""

from __future__ import annotations

import ast
import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.notebook import syntax
from jupyter_mlops.notebook.dataflow import examine
from jupyter_mlops.notebook.events import Event, bound_names
from jupyter_mlops.notebook.scope import events_of
from jupyter_mlops.notebook.stages import is_setup
from jupyter_mlops.notebook.tags import Tag, untagged

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Cell, Notebook

_heading = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_html_heading = re.compile(r"<h([1-6])[^>]*>(.*?)</h[1-6]>", re.IGNORECASE | re.DOTALL)
_underlined = re.compile(r"^(\S[^\n]*)\n(=+|-{3,})[ \t]*$", re.MULTILINE)
_fence = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_number = re.compile(r"^\W*(?:(?:chapter|step|part|section)\s+)?[\d.]+[\d.):\s-]+", re.IGNORECASE)
_longest = 32
# What a call tells about the work that a cell does, in the order of a model's life.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("train", re.compile(r"fit|fit_transform|partial_fit|train|backward|cross_val_score|GridSearchCV|log_model")),
    ("evaluate", re.compile(r"\w*_score|score|\w*_error|\w*_report|confusion_matrix|roc_curve|evaluate|log_metrics|predict\w*")),
    ("load", re.compile(r"read_\w+|load_\w+|fetch_\w+|dataset|load|loadtxt|genfromtxt|urlretrieve")),
    ("features", re.compile(r"fillna|dropna|get_dummies|merge|join|train_test_split|astype|transform|drop_duplicates|replace|map|apply|cut|qcut")),
)  # fmt: skip


def suggest(notebook: Notebook) -> Notebook:
    """Return the notebook with a tag on each code cell; one that has a stage already is returned as it is."""
    if has_stages(notebook):
        return notebook
    roles = _roles(notebook)
    for _ in range(len(notebook.cells)):
        tagged = _tagged(notebook, roles)
        _, findings = examine(tagged)
        split = [finding for finding in findings if finding.rule == "MLO107" and finding.cell is not None]
        if not split or not _join(roles, split[0].cell or 0):
            break
    return _tagged(notebook, roles)


def has_stages(notebook: Notebook) -> bool:
    """Tell whether any cell is tagged as a stage's."""
    return any(cell.tag is not None and cell.tag.kind == "stage" for cell in notebook.cells)


def slug(heading: str) -> str:
    """Return a stage name for a heading: ``3. Train the model!`` gives ``train-the-model``."""
    text = re.sub(r"<[^>]+>|!?\[([^\]]*)\]\([^)]*\)|[`*_~]", r"\1 ", heading)
    text = unicodedata.normalize("NFKC", _number.sub("", text)).lower()
    words = re.findall(r"\w+", text)
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_longest]
        if len(longer) > _longest:
            break
        name = longer
    return name or "stage"


def _roles(notebook: Notebook) -> dict[int, Tag]:
    """Return a tag for every untagged code cell: stages are runs of cells, so none can wait for a later one."""
    once = _bound_once(notebook)
    title = _title(notebook)
    roles: dict[int, Tag] = {}
    known: set[str] = set()
    taken: set[str] = set()
    heading, current, work = "", "", ""
    for cell in notebook.cells:
        found = _last_heading(cell) if cell.index != title else ""
        if found:
            heading, current = slug(found), ""
        if cell.cell_type != "code":
            continue
        parsed, events = _read(cell)
        names = bound_names(events)
        if cell.tag is not None:
            known |= names if cell.tag.kind in ("params", "setup") else set()
            continue
        if is_setup(parsed, events, known) and (not taken or (_only_defines(parsed) and names <= once)):
            known |= names
            roles[cell.index] = Tag(kind="setup")
            continue
        kind = "" if heading else _kind(parsed, work)
        if not current or (kind and kind != work):
            work = kind or work
            current = _free(heading or kind or "load", taken)
        roles[cell.index] = Tag(kind="stage", name=current)
    if not taken:
        _make_one(notebook, roles)
    return roles


def _make_one(notebook: Notebook, roles: dict[int, Tag]) -> None:
    """Make a stage where all cells could be setup: of those that assign or show something, else of the last."""
    works = [index for index in roles if not _only_defines(_read(notebook.cells[index])[0])] or list(roles)[
        -1:
    ]
    for index in works:
        roles[index] = Tag(kind="stage", name="main")


def _free(name: str, taken: set[str]) -> str:
    made, number = name, 1
    while made in taken:
        number += 1
        made = f"{name}-{number}"
    taken.add(made)
    return made


def _title(notebook: Notebook) -> int:
    """Return the cell whose heading names the whole notebook and so no stage, -1 when there is none."""
    above: list[tuple[int, int]] = []
    for cell in notebook.cells:
        above += [(cell.index, level) for _, level, _ in _headings(cell)]
        if cell.cell_type == "code" and not above:
            return -1
    top = [index for index, level in above if level == 1]
    return top[0] if len(top) == 1 and len(above) > 1 and above[0] == (top[0], 1) else -1


def _last_heading(cell: Cell) -> str:
    """Return the heading nearest to the code below, empty when the cell has none."""
    found = _headings(cell)
    return max(found)[2] if found else ""


def _headings(cell: Cell) -> list[tuple[int, int, str]]:
    """Return place, level and text of each heading in a Markdown cell."""
    if cell.cell_type != "markdown":
        return []
    text = _fence.sub("", cell.source)
    found = [(match.start(), len(match[1]), match[2].strip()) for match in _heading.finditer(text)]
    found += [(match.start(), int(match[1]), match[2].strip()) for match in _html_heading.finditer(text)]
    return found + [
        (match.start(), 1 + (match[2][0] == "-"), match[1].strip()) for match in _underlined.finditer(text)
    ]


def _kind(parsed: syntax.Parsed, before: str) -> str:
    """Return the kind of work a cell does; cells that only look at things go on with what was ``before``."""
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(parsed.tree)
        if isinstance(node, ast.Call)
    }
    kinds = [name for name, pattern in _KINDS if any(pattern.fullmatch(call) for call in calls)]
    if before in kinds:
        return before
    return kinds[0] if kinds else ""


def _read(cell: Cell) -> tuple[syntax.Parsed, tuple[Event, ...]]:
    source = untagged(cell.source)
    try:
        return syntax.parse(source), events_of(source, str(cell.index))
    except SyntaxError:
        return syntax.Parsed(syntax.EMPTY, opaque=True), ()


def _only_defines(parsed: syntax.Parsed) -> bool:
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return bool(parsed.tree.body) and all(isinstance(node, kinds) for node in parsed.tree.body)


def _bound_once(notebook: Notebook) -> set[str]:
    """Return the names that only one cell defines: moving such a definition up changes no other's meaning."""
    count: dict[str, int] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for name in bound_names(_read(cell)[1]):
                count[name] = count.get(name, 0) + 1
    return {name for name, times in count.items() if times == 1}


def _join(roles: dict[int, Tag], cell: int) -> bool:
    """Let the stage of a cell go on through the next stage; False when there is none."""
    stage = roles.get(cell)
    after = [
        tag.name
        for index, tag in sorted(roles.items())
        if index > cell and tag.kind == "stage" and tag != stage
    ]
    if stage is None or not after:
        return False
    for index, tag in list(roles.items()):
        if tag.name == after[0]:
            roles[index] = stage
    return True


def _tagged(notebook: Notebook, roles: dict[int, Tag]) -> Notebook:
    cells = tuple(
        msgspec.structs.replace(cell, tag=roles[cell.index]) if cell.index in roles else cell
        for cell in notebook.cells
    )
    return msgspec.structs.replace(notebook, cells=cells)
