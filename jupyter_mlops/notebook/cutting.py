"""Cut a notebook's cells into blocks, one a stage: by headings, by the kind of work, by what little crosses a border."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import headings
from jupyter_mlops.notebook.events import Event, Use, bound_names, flat, is_local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlops.notebook.headings import Heading
    from jupyter_mlops.notebook.syntax import Parsed

MOST = 12  # stages that a person still takes in
_few = 5  # so many stages are fine, however short the notebook is
_long = 12  # so many cells of one kind of work are cut by their data flow
_cells_a_part = 8
# What a call tells about the work that a cell does; the first that fits names it.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("train", re.compile(r"fit|fit_transform|partial_fit|train|backward|cross_val_score|GridSearchCV|log_model")),
    ("evaluate", re.compile(r"\w*_score|score|\w*_error|\w*_report|confusion_matrix|roc_curve|evaluate|log_metrics|predict\w*|summary")),
    ("load", re.compile(r"read_\w+|load_\w+|fetch_\w+|dataset|load|loadtxt|genfromtxt|urlretrieve")),
    ("features", re.compile(r"fillna|dropna|get_dummies|merge|join|train_test_split|astype|transform|drop_duplicates|replace|map|apply|cut|qcut")),
)  # fmt: skip
_PLOTS = re.compile(
    r"plot\w*|scatter\w*|hist\w*|show|subplots|imshow|bar\w*|boxplot|heatmap|pairplot|figure|\w+plot"
)


@dataclass(slots=True)
class Work:
    """Hold one code cell that is part of a stage: what it does, and the headings it stands under."""

    index: int
    parsed: Parsed
    events: tuple[Event, ...]
    path: tuple[Heading, ...] = ()


@dataclass(slots=True)
class Block:
    """Hold the cells of one stage, and what names it."""

    cells: list[int]
    path: tuple[Heading, ...] = ()
    kind: str = ""
    name: str = field(default="")

    def joined(self, other: Block) -> Block:
        """Return one block of both; the heading that both stand under names it, else the first's own."""
        common = shared(self.path, other.path)
        path = common if common and any(headings.slug(h.text) for h in common) else self.path
        return Block(sorted([*self.cells, *other.cells]), path, self.kind or other.kind)


def cut(work: Sequence[Work]) -> list[Block]:
    """Return the blocks of a notebook's cells, in page order, with names that are unique."""
    blocks = _by_headings(work)
    if len(blocks) < 2:  # noqa: PLR2004 - one block is no cut
        by_kind = _by_kind(work)
        blocks = by_kind if len(by_kind) > 1 or not blocks or not blocks[0].path else blocks
    if len(blocks) == 1 and len(work) >= _long:
        blocks = _by_flow(work)
    return named(reduced(blocks, min(MOST, max(_few, (len(work) + 1) // 2))))


def reduced(blocks: list[Block], most: int) -> list[Block]:
    """Join neighbours until there are at most ``most``: those under one heading first, the smallest first."""
    blocks = list(blocks)
    costs = [_cost(first, second) for first, second in pairwise(blocks)]
    while len(blocks) > most:
        place = min(range(len(costs)), key=costs.__getitem__)
        blocks[place : place + 2] = [blocks[place].joined(blocks[place + 1])]
        del costs[place]
        for near in (place - 1, place):
            if 0 <= near < len(costs):
                costs[near] = _cost(blocks[near], blocks[near + 1])
    return blocks


def named(blocks: list[Block]) -> list[Block]:
    """Give each block a name of its own: its heading's, else that of its work."""
    taken: set[str] = set()
    for place, block in enumerate(blocks):
        slugs = [name for heading in reversed(block.path) if (name := headings.slug(heading.text))]
        wanted = slugs[0] if slugs else block.kind or ("load" if place == 0 else "work")
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name)
        block.name = name
    return blocks


def shared(first: tuple[Heading, ...], second: tuple[Heading, ...]) -> tuple[Heading, ...]:
    """Return the headings that both stand under."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


def _cost(first: Block, second: Block) -> tuple[int, int]:
    return -len(shared(first.path, second.path)), len(first.cells) + len(second.cells)


def _by_headings(work: Sequence[Work]) -> list[Block]:
    blocks: list[Block] = []
    for cell in work:
        if not blocks or cell.path is not blocks[-1].path:
            blocks.append(Block([], cell.path, _kind(cell.parsed, "")))
        blocks[-1].cells.append(cell.index)
    return blocks


def _by_kind(work: Sequence[Work]) -> list[Block]:
    blocks: list[Block] = []
    before = ""
    for cell in work:
        kind = _kind(cell.parsed, before)
        if not blocks or (kind and kind != before):
            before = kind or before
            blocks.append(Block([], (), kind))
        blocks[-1].cells.append(cell.index)
    return blocks


def _by_flow(work: Sequence[Work]) -> list[Block]:
    """Cut where the fewest variables cross, into parts of about the same length."""
    crossing = _crossing(work)
    parts = min(_few + 1, max(2, len(work) // _cells_a_part))
    length = len(work) / parts
    borders = [0]
    for part in range(1, parts):
        middle = part * length
        near = range(
            max(borders[-1] + 1, int(middle - length / 3)), min(len(work) - 1, int(middle + length / 3)) + 1
        )
        if near:
            borders.append(min(near, key=lambda place: (crossing[place], abs(place - middle))))
    blocks = []
    for start, end in zip(borders, [*borders[1:], len(work)], strict=True):
        part_of = work[start:end]
        kinds = [kind for cell in part_of if (kind := _kind(cell.parsed, "") or _plots(cell.parsed))]
        kind = max(dict.fromkeys(kinds), key=kinds.count) if kinds else "explore"
        blocks.append(Block([cell.index for cell in part_of], part_of[0].path if start == 0 else (), kind))
    return blocks


def _crossing(work: Sequence[Work]) -> list[int]:
    """Return for each place how many variables cross a border in front of that cell."""
    counts = [0] * (len(work) + 1)
    bound: dict[str, int] = {}
    reach: dict[tuple[str, int], int] = {}
    for place, cell in enumerate(work):
        for event in flat(cell.events):
            if isinstance(event, Use) and not is_local(event.name) and bound.get(event.name, place) < place:
                reach[event.name, bound[event.name]] = place
        bound |= dict.fromkeys(bound_names(cell.events), place)
    for (_, start), end in reach.items():
        for place in range(start + 1, end + 1):
            counts[place] += 1
    return counts


def _kind(parsed: Parsed, before: str) -> str:
    """Return the kind of work a cell does; cells that only look at things go on with what was ``before``."""
    calls = _calls(parsed)
    kinds = [name for name, pattern in _KINDS if any(pattern.fullmatch(call) for call in calls)]
    if before in kinds:
        return before
    return kinds[0] if kinds else ""


def _plots(parsed: Parsed) -> str:
    return "plot" if any(_PLOTS.fullmatch(call) for call in _calls(parsed)) else ""


def _calls(parsed: Parsed) -> set[str]:
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(parsed.tree)
        if isinstance(node, ast.Call)
    }
