"""Read the table of cases: plain text files with many small notebooks each.

A file in ``table/`` holds cases; each begins with a title, goes on with a few settings, then has its cells::

    # ==== a list that a later stage appends to
    # expect: same
    # %% setup
    import math
    # %% stage a
    x = [1]
    # %% stage b --after a
    x.append(2)

What stands behind ``# %%`` is the cell's tag, as behind ``%%mlops``; nothing there is an untagged cell, and
``markdown`` a text. ``# %% file NAME`` holds a file that lies beside the notebook.

The settings:

``expect``
    ``same`` (each cell shows what it shows in the notebook run top to bottom), or ``MLO107 cell 2`` (refused before
    anything runs, by that rule, at that cell where one is named), or ``loud`` (a HandoffError while it runs).
    ``same | MLO122`` lets either be.
``params``
    The values it is run with, as a Python call's arguments: ``flag=False, n=3``. It is analysed with its own.
``warns``
    A rule that ``check`` must warn of: ``MLO106 cell 2``.
``mend``
    A word that the mend of the refusal must have.
``xfail``
    Why it isn't solved.
``why``
    What is worth knowing of the case.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlops.notebook.tags import parse_arguments, to_metadata
from tests import notebooks

TABLE = Path(__file__).parent / "table"
_title = re.compile(r"^# ==== (.+)\n", re.MULTILINE)
_cell = re.compile(r"^# %%(.*)\n", re.MULTILINE)
_setting = re.compile(r"# (\w+): (.+)")
SETTINGS = frozenset({"expect", "params", "warns", "mend", "why", "xfail"})


@dataclass(frozen=True)
class Expectation:
    """Say how a case may end: ``same``, ``loud`` or a rule's code; ``cell`` where it matters."""

    outcome: str
    cell: int | None = None


@dataclass(frozen=True)
class Case:
    """Hold one case: the notebook's text, the files beside it, the values it is run with, how it may end."""

    topic: str
    title: str
    notebook: str
    files: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    expect: tuple[Expectation, ...] = (Expectation("same"),)
    warns: tuple[Expectation, ...] = ()
    mend: str = ""
    xfail: str = ""

    @property
    def sources(self) -> list[str]:
        """The cells' sources."""
        return ["".join(cell["source"]) for cell in json.loads(self.notebook)["cells"]]


def table(folder: Path = TABLE) -> list[Case]:
    """Return all cases, file by file."""
    return [case for path in sorted(folder.glob("*.txt")) for case in read(path)]


def read(path: Path) -> list[Case]:
    """Return a file's cases."""
    _, *parts = _title.split(path.read_text(encoding="utf-8"))
    return [_case(path.stem, title, body) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def _case(topic: str, title: str, body: str) -> Case:
    head, *parts = _cell.split(body)
    settings = dict(_setting.findall(head))
    if not settings.keys() <= SETTINGS or "expect" not in settings:
        raise ValueError(f"{topic}: {title}: {settings}")
    cells: list[notebooks.CellSpec] = []
    files: dict[str, str] = {}
    for mark, source in zip(parts[::2], parts[1::2], strict=True):
        kind, _, rest = mark.strip().partition(" ")
        text = source.rstrip("\n")
        if kind == "file":
            files[rest] = text + "\n"
        elif kind == "markdown":
            cells.append(("md", text))
        else:
            cells.append((text, to_metadata(parse_arguments(mark))) if kind else text)
    return Case(
        topic=topic,
        title=title,
        notebook=notebooks.text(*cells),
        files=files,
        params=_arguments(settings.get("params", "")),
        expect=_expectations(settings["expect"]),
        warns=_expectations(settings.get("warns", "")),
        mend=settings.get("mend", ""),
        xfail=settings.get("xfail", ""),
    )


def _expectations(text: str) -> tuple[Expectation, ...]:
    found = []
    for part in text.split("|") if text else ():
        outcome, _, cell = part.strip().partition(" cell ")
        found.append(Expectation(outcome, int(cell) if cell else None))
    return tuple(found)


def _arguments(text: str) -> dict[str, Any]:
    call = ast.parse(f"dict({text})", mode="eval").body
    if not isinstance(call, ast.Call):
        raise TypeError(text)
    return {str(given.arg): ast.literal_eval(given.value) for given in call.keywords}
