"""Notebooks and what their authors do to them between two runs, drawn at random: the stories of test_incremental."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.workflows import build
from tests import notebooks
from tests.properties.test_stagewise import LINES, NAMES, SETUP, START

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

HELPERS = "COUNT = {i}\nseen = []\ndef value(n):\n    return n * COUNT\ndef grow(a):\n    a.append(COUNT)\n"
HELPERS += "class Thing:\n    def __init__(self, a):\n        self.a = a\n    def show(self):\n        return self.a * COUNT\n"
PARAMS = "flag = True\nsize = 3\nword = 'in.txt'\nrate = 0.5"
GIVEN: Mapping[str, tuple[Any, ...]] = {
    "flag": (True, False), "size": (1, 3, 5), "word": ("in.txt", "more.txt"), "rate": (0.5, 0.25),
}  # fmt: skip
MORE = (
    # files
    "print(open('in.txt').read())", "print(open(word).read())", "print(open('{{}}.txt'.format('in')).read())",
    "where = 'in.txt'", "where = 'more.txt'",
    "where = 'out{k}.txt'", "print(open(where).read())",
    "with open('out{k}.txt', 'w') as stream:\n    _ = stream.write(f'{{{a}}} {i}')",
    "with open('out{k}.txt', 'w') as stream:\n    _ = stream.write('{i}')",
    "with open('out{k}.txt', 'a') as stream:\n    _ = stream.write('more {i}')",
    "print(open('out{k}.txt').read())",
    "import os\nif os.path.exists('out{k}.txt'):\n    print(open('out{k}.txt').read())",
    "from pathlib import Path\nif Path('more.txt').exists():\n    print(Path('more.txt').read_text())",
    "try:\n    print(open('more.txt').read())\nexcept FileNotFoundError:\n    print('no more')",
    "{a}.append(len(open('in.txt').read()))", "import glob\nprint(sorted(glob.glob('data/*.csv')))",
    "import os\nprint(sorted(os.listdir('data')))",
    # the local module
    "import helpers\nprint(helpers.value({i}))", "from helpers import grow\ngrow({a})",
    "import helpers\nhelpers.seen.append({i})", "import helpers\nprint(helpers.seen, helpers.COUNT)",
    "import helpers\nhelpers.COUNT = {i}", "grow({a})",
    # functions and classes
    "def push(a, v):\n    a.append(v + {i})", "def look(a):\n    return len(a) + {i}", "print(look({a}))",
    "def extra(a):\n    return look(a) + size", "print(extra({a}) if 'extra' in globals() else None)",
    "late = lambda: len({a}) + {i}", "def total():\n    return [len({a}), n, {i}]",
    # random state and options
    "random.seed({i})", "np.random.seed({i})", "print(np.random.randint(100))", "print(random.random())",
    "np.set_printoptions(precision={i})", "print(np.array([1 / 3, 2 / 7]))", "%precision {i}", "1 / 3",
    "import os\nos.environ['LEVEL'] = '{i}'", "import os\nprint(os.environ.get('LEVEL'))",
    # names that come and go
    "if 'w' in globals():\n    print(w)", "del w", "w = [{i}]", "try:\n    print(maybe)\nexcept NameError:\n    print('none')",
    "maybe = {i}", "maybe = {a}", "globals().pop('maybe', None)", "print(globals().get('maybe'))", "maybe",
    # parameters
    "if flag:\n    {a}.append({i})\nelse:\n    {b}.append({i})", "if flag:\n    maybe = [{i}]",
    "limit = size + {i}\nprint(limit)", "for item in range(size):\n    {a}.append(item)", "print(rate * {i})",
    "if size > {i}:\n    print({a})", "size = size + 1", "def scaled(v):\n    return v * rate",
    "print(scaled({i}) if 'scaled' in globals() else None)", "size", "[{a}, {b}]", "{a}", "print('{i} # no comment')",
)  # fmt: skip
_literal = re.compile(r"(?<![\w'{.])\d(?![\w.%])")
_uses = re.compile(r"'((?:out\d|in|more)\.txt)'(?:, '(\w)')?")


@dataclass(frozen=True)
class Cell:
    """A cell: its tag, and statements."""

    tag: str
    lines: tuple[str, ...]

    @property
    def source(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Version:
    """A notebook, the files beside it that its author writes, and the parameters given to the run."""

    cells: tuple[Cell, ...]
    files: Mapping[str, str]
    given: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        return notebooks.text(*(f"%%mlops {cell.tag}\n{cell.source}" for cell in self.cells))

    def stages(self) -> list[int]:
        """Return the places of the cells of stages, all but the first and the last."""
        places = [number for number, cell in enumerate(self.cells) if cell.tag.startswith("stage ")]
        return places[1:-1]


@dataclass(frozen=True)
class Step:
    """What the author does: a new version, how it is run, and what must not run because of it.

    ``quiet`` says that nothing changed for any stage, ``place`` is the first cell that may have changed.
    """

    what: str
    version: Version
    stages: tuple[str, ...] = ()
    force: bool = False
    damage: bool = False
    remove: tuple[str, ...] = ()
    quiet: bool = False
    place: int = 0


def statement(draw: random.Random) -> str:
    line = draw.choice(draw.choice((LINES, MORE, MORE)))
    return line.format(a=draw.choice(NAMES), b=draw.choice(NAMES), i=draw.randrange(9), k=draw.randrange(2))


def statements(draw: random.Random, most: int) -> tuple[str, ...]:
    return tuple(statement(draw) for _ in range(draw.randrange(1, most)))


def beginning(draw: random.Random) -> Version:
    """Return a notebook with four to seven stages."""
    while True:
        version = _beginning(draw)
        if sound(version):
            return version


def _beginning(draw: random.Random) -> Version:
    cells = [Cell("setup", (SETUP,)), Cell("params", (PARAMS,)), Cell("stage start", (START,))]
    for number in range(draw.randrange(2, 6)):
        cells += [Cell(f"stage s{number}", statements(draw, 5)) for _ in range(draw.choice((1, 1, 1, 2)))]
    cells.append(Cell("stage report", ("print(x, y, z, w, d, n, b.a, Box.made, shared, u, v, late())",)))
    files = {"in.txt": "1 2", "helpers.py": HELPERS.format(i=3), "data/a.csv": "a"}
    return Version(tuple(cells), files)


def sound(version: Version) -> bool:
    """Say whether it is taken as a pipeline, and shows the same where it is run twice."""
    try:
        build.parse(version.text(), "n.ipynb")
    except DataflowError:
        return False
    return _together(version) and _repeatable(version)


def _together(version: Version) -> bool:
    """Say whether each stage's cells lie side by side: what comes between is a matter of its own."""
    tags = [cell.tag for cell in version.cells]
    return all(
        tags.index(tag) + tags.count(tag) - 1 == max(at for at, each in enumerate(tags) if each == tag)
        for tag in tags
    )


def _repeatable(version: Version) -> bool:
    """Say whether no file is read, or added to, above where it is written."""
    made: set[str] = set()
    read: set[str] = set()
    by_name: set[str] = set()
    for line in (line for cell in version.cells for line in cell.lines):
        for name, mode in _uses.findall(line):
            if line.startswith("where"):
                by_name.add(name)
            elif (mode == "w" and name in read) or (mode == "a" and name not in made):
                return False
            elif mode == "w":
                made.add(name)
            elif name not in made:
                read.add(name)
    # When a file is read by a name for it, nobody knows: not in a notebook that writes it.
    return not made & by_name


def _with(version: Version, place: int, *cells: Cell) -> Version:
    return replace(version, cells=(*version.cells[:place], *cells, *version.cells[place + 1 :]))


def _literal_changed(version: Version, draw: random.Random) -> Step | None:
    place = draw.choice(version.stages())
    cell = version.cells[place]
    number = draw.randrange(len(cell.lines))
    changed = _literal.sub(lambda _: str(draw.randrange(9)), cell.lines[number], count=1)
    lines = (*cell.lines[:number], changed, *cell.lines[number + 1 :])
    return Step(f"a literal of cell {place}", _with(version, place, replace(cell, lines=lines)), place=place)


def _added(version: Version, draw: random.Random) -> Step | None:
    place = draw.choice(version.stages())
    cell = version.cells[place]
    number = draw.randrange(len(cell.lines) + 1)
    lines = (*cell.lines[:number], statement(draw), *cell.lines[number:])
    return Step(
        f"a statement more in cell {place}", _with(version, place, replace(cell, lines=lines)), place=place
    )


def _removed(version: Version, draw: random.Random) -> Step | None:
    place = draw.choice(version.stages())
    cell = version.cells[place]
    if len(cell.lines) < 2:
        return None
    number = draw.randrange(len(cell.lines))
    lines = (*cell.lines[:number], *cell.lines[number + 1 :])
    return Step(
        f"a statement less in cell {place}", _with(version, place, replace(cell, lines=lines)), place=place
    )


def _swapped(version: Version, draw: random.Random) -> Step | None:
    first, second = sorted((draw.choice(version.stages()), draw.choice(version.stages())))
    cells = list(version.cells)
    one, other = cells[first], cells[second]
    cells[first], cells[second] = replace(one, lines=other.lines), replace(other, lines=one.lines)
    what = f"cells {first} and {second} with each other's code"
    return Step(what, replace(version, cells=tuple(cells)), place=first)


def _renamed(version: Version, draw: random.Random) -> Step | None:
    old, new = draw.sample(("x", "y", "w", "maybe", "limit", "where"), 2)
    cells = tuple(
        replace(cell, lines=tuple(re.sub(rf"\b{old}\b", new, line) for line in cell.lines))
        if number in version.stages()
        else cell
        for number, cell in enumerate(version.cells)
    )
    return Step(f"{old} is called {new}", replace(version, cells=cells))


def _stage_deleted(version: Version, draw: random.Random) -> Step | None:
    names = sorted({version.cells[place].tag for place in version.stages()})
    if len(names) < 2:
        return None
    gone = draw.choice(names)
    first = next(number for number, cell in enumerate(version.cells) if cell.tag == gone)
    cells = tuple(cell for cell in version.cells if cell.tag != gone)
    return Step(f"{gone} deleted", replace(version, cells=cells), place=first)


def _stage_added(version: Version, draw: random.Random) -> Step | None:
    place = draw.randrange(3, len(version.cells))
    taken = {cell.tag for cell in version.cells}
    name = next(f"stage s{number}" for number in range(20) if f"stage s{number}" not in taken)
    cells = (*version.cells[:place], Cell(name, statements(draw, 4)), *version.cells[place:])
    return Step(f"{name} added as cell {place}", replace(version, cells=cells), place=place)


def _moved(version: Version, draw: random.Random) -> Step | None:
    cells = list(version.cells)
    place, target = draw.choice(version.stages()), draw.choice(version.stages())
    cells.insert(target, cells.pop(place))
    first = min(version.cells.index(cell) for cell in version.cells if cell.tag == version.cells[place].tag)
    first = min(first, place, target)
    return Step(f"cell {place} moved to {target}", replace(version, cells=tuple(cells)), place=first)


def _retagged(version: Version, draw: random.Random) -> Step | None:
    place, other = draw.choice(version.stages()), draw.choice(version.stages())
    old, new = version.cells[place].tag, version.cells[other].tag
    changed = _with(version, place, replace(version.cells[place], tag=new))
    first = next(at for at, cell in enumerate(version.cells) if cell.tag in (old, new))
    return Step(f"cell {place} becomes one of {new}", changed, place=first)


def _setup_changed(version: Version, draw: random.Random) -> Step | None:
    source = version.cells[0].source
    old, new = draw.choice(
        (
            (r"random.seed\(\d\)", f"random.seed({draw.randrange(9)})"),
            (r"return len\(a\).*", f"return len(a) + {draw.randrange(3)}"),
            (r"n = n \+ \d", f"n = n + {draw.randrange(1, 4)}"),
            (r"shared = .*", f"shared = [{draw.randrange(9)}]"),
            (r"made = \d", f"made = {draw.randrange(9)}"),
            (r"import random", "import math\nimport random"),
        )
    )
    return Step(f"setup: {new}", _with(version, 0, Cell("setup", (re.sub(old, new, source, count=1),))))


def _parameter(version: Version, draw: random.Random) -> Step | None:
    name = draw.choice(sorted(GIVEN))
    value = draw.choice(GIVEN[name])
    if draw.random() < 0.5:
        given = {key: each for key, each in version.given.items() if key != name}
        if draw.random() < 0.7:
            given[name] = value
        return Step(f"-p {given}", replace(version, given=given))
    source = re.sub(rf"(?m)^{name} = .*", f"{name} = {value!r}", version.cells[1].source)
    return Step(f"the cell says {name} = {value!r}", _with(version, 1, Cell("params", (source,))))


def _file_changed(version: Version, draw: random.Random) -> Step | None:
    name, text = draw.choice(
        (
            ("in.txt", f"{draw.randrange(9)} {draw.randrange(99)}"),
            ("more.txt", f"more {draw.randrange(9)}"),
            ("helpers.py", HELPERS.format(i=draw.randrange(9))),
            ("helpers.py", HELPERS.format(i=draw.randrange(9)) + "def another():\n    return 0\n"),
            (f"data/{draw.choice('bc')}.csv", "x"),
        )
    )
    return Step(f"{name} becomes {text!r}", replace(version, files={**version.files, name: text}))


def _file_deleted(version: Version, draw: random.Random) -> Step | None:
    name = draw.choice(("more.txt", "more.txt", "in.txt", "data/b.csv", "out0.txt", "out1.txt"))
    files = {key: text for key, text in version.files.items() if key != name}
    return Step(f"{name} deleted", replace(version, files=files), remove=(name,))


def _comment(version: Version, draw: random.Random) -> Step | None:
    place = draw.choice((0, 1, *version.stages()))
    cell = version.cells[place]
    number = draw.randrange(len(cell.lines) + 1)
    lines = (*cell.lines[:number], draw.choice(("# a comment", "", "pass; # nothing")), *cell.lines[number:])
    quiet = "pass; # nothing" not in lines and not any(line.startswith("%%") for line in lines)
    # At a cell's end it might hide what the cell shows.
    changed = _with(version, place, replace(cell, lines=lines))
    return Step(f"a comment in cell {place}", changed, quiet=quiet, place=place)


def _nothing(version: Version, draw: random.Random) -> Step | None:
    return Step("nothing", version, quiet=True)


def _damaged(version: Version, draw: random.Random) -> Step | None:
    return Step("a product deleted from the store", version, damage=True)


def _forced(version: Version, draw: random.Random) -> Step | None:
    stages = (_name(version, draw),) if draw.random() < 0.7 else ()
    return Step(f"--force {stages}", version, stages=stages, force=True)


def _one_stage(version: Version, draw: random.Random) -> Step | None:
    name = _name(version, draw)
    changed = _literal_changed(version, draw)
    if changed is None:
        return None
    return replace(changed, what=f"{changed.what}, --stage {name}", stages=(name,))


def _name(version: Version, draw: random.Random) -> str:
    return version.cells[draw.choice(version.stages())].tag.split()[1]


EDITS: tuple[Callable[[Version, random.Random], Step | None], ...] = (
    _literal_changed, _literal_changed, _added, _added, _removed, _removed, _swapped, _renamed, _stage_deleted,
    _stage_added, _moved, _retagged, _setup_changed, _parameter, _parameter, _file_changed, _file_changed,
    _file_deleted, _comment, _nothing, _damaged, _forced, _one_stage,
)  # fmt: skip


def edit(version: Version, earlier: list[Version], draw: random.Random) -> Step:
    """Return what the author does next."""
    while True:
        if draw.random() < 0.12 and earlier:
            return Step("back to an earlier version", draw.choice(earlier))
        step = draw.choice(EDITS)(version, draw)
        if step is not None and sound(step.version):
            return step
