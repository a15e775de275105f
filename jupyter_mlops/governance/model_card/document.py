"""The parts a card is laid out in, before it is Markdown or HTML; all text in them is plain and not yet escaped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.governance.model_card.record import Tone

NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Bar:
    """Place a figure on an axis from ``low`` to ``high``: its interval, and a tick at what it is held against."""

    value: float
    low: float
    high: float
    interval: tuple[float, float] | None = None
    tick: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold one cell of a table: its text, a note below it, and the picture of its figure."""

    text: str
    note: str = ""
    code: bool = False
    tone: Tone = ""
    bar: Bar | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Hold a table; ``numbers`` are the columns set flush right, ``folded`` a title to hide it under.

    ``axis`` says what the pictures in it, if there are pictures, are drawn on.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()
    folded: str = ""
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Hold a line that must be seen; ``tone`` says how badly."""

    text: str
    tone: Tone = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """Hold a list of short lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """Hold Markdown that a person wrote."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Commands:
    """Hold what to type."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold a drawing made by us, and the same in text where there are no pictures."""

    svg: str
    text: str


Block = Table | Note | Points | Written | Commands | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """Hold a headed part of the card; ``level`` 2, or 3 for a part of a part."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Tile:
    """Hold one figure of the summary."""

    figure: str
    words: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Document:
    """Hold a whole card: the verdict first, then what stands behind it."""

    title: str
    subtitle: str
    headline: str
    tone: Tone
    reasons: tuple[str, ...]
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    footer: str
    front: dict[str, object] = field(default_factory=dict)
