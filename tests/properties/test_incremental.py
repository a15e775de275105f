"""The law of the cache: after any edit a run shows what a run from scratch shows, and does no more than it must.

Random notebooks, and what their authors do to them between runs, in one project each. More of them, or one again:
``INCREMENTAL_SEQUENCES=500 pytest tests/properties/test_incremental.py``, ``INCREMENTAL_FIRST=123``.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.execution import engines
from jupyter_mlops.execution.local import Outcome
from jupyter_mlops.notebook import cells as notebook_cells
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline.layout import PRODUCTS
from jupyter_mlops.records.run import StageError
from jupyter_mlops.workflows.run import run
from tests.cases.both_ways import _address
from tests.cases.shells import LIGHT, Shells
from tests.properties import stories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_mlops.records.pipeline import Stage
    from jupyter_mlops.records.run import Run
    from tests.cases.shells import Output, Ran

SEQUENCES = int(os.environ.get("INCREMENTAL_SEQUENCES", "16"))
FIRST = int(os.environ.get("INCREMENTAL_FIRST", "0"))
# Every record is synced to disk; memory is a disk that is synced at once.
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only for speed
SHOWN = "shown"
# A kernel looks for modules in the folder where it works.
AT_HOME = "import sys\nsys.path.insert(0, '')"


class Forked:
    """An engine that runs a compiled stage's cells in a forked shell, as papermill would."""

    def __init__(
        self, folder: Path, environment: dict[str, str], shells: Shells, lock: threading.Lock
    ) -> None:
        self.folder = folder
        self._environment = environment
        self._shells = shells
        self._lock = lock

    def notebook(self, stage: str) -> Path:
        return self.folder / PRODUCTS / f"{stage}.ipynb"

    def product(self, stage: str) -> Path:
        return self.folder / PRODUCTS / f"{stage}.pkl"

    def execute(
        self, stage: Stage, parameters: dict[str, Any], on_cells: Callable[[int, int], None]
    ) -> Outcome:
        self.notebook(stage.name).parent.mkdir(parents=True, exist_ok=True)
        self.product(stage.name).unlink(missing_ok=True)
        document = json.loads((self.folder / f"{stage.name}.ipynb").read_bytes())
        cells, own = [AT_HOME], {}
        for cell in document["cells"]:
            if cell["cell_type"] != "code":
                continue
            index = cell["metadata"].get("jupyter_mlops", {}).get("source_cell")
            if index in stage.cells:
                own[len(cells)] = index
            cells.append("".join(cell["source"]))
            if "parameters" in cell["metadata"].get("tags", ()):
                cells.append("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
        with self._lock:
            ran = self._shells.run(cells, self.folder, self._environment)
        on_cells(len(ran.outputs), len(cells))
        document["metadata"][SHOWN] = plain([out for at in own for out in ran.outputs[at : at + 1]])
        self.notebook(stage.name).write_text(json.dumps(document))
        return Outcome(0.1, StageError(type=ran.error, message=ran.message) if ran.error else None)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def plain(outputs: list[list[Output]]) -> list[Output]:
    """Return what some cells showed in one list, without addresses."""
    together = json.dumps([each for cell in outputs for each in cell])
    found: list[Output] = json.loads(_address.sub(r"\1", together))
    return found


def shown(version: stories.Version) -> str:
    """Return a notebook as text, without its setup cell."""
    cells = [f"[{at}] %%mlops {cell.tag}\n{cell.source}" for at, cell in enumerate(version.cells) if at]
    return "\n".join((*cells, f"given {dict(version.given)}, files {dict(version.files)}"))


@dataclass
class Figures:
    """Count runs and stages; ``needless`` are stages that ran though nothing that they hang on had changed."""

    sequences: int = 0
    runs: int = 0
    failing: int = 0
    stages: int = 0
    executed: int = 0
    quiet: int = 0
    needless: list[str] = field(default_factory=list)


class Story:
    """One project, from its first run through all edits."""

    def __init__(self, seed: int, shells: Shells, root: Path, figures: Figures) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a reproducible draw is the point
        self._shells = shells
        self._root = root
        self._figures = figures
        self._told: list[str] = []
        self._whole = False
        self._ticks = 1_700_000_000
        self._place = root / "project"
        (self._place / "data").mkdir(parents=True)
        (self._place / "mlops.toml").touch()

    def go(self) -> str:
        """Return what went wrong and the story up to there; empty where nothing did."""
        self._figures.sequences += 1
        earlier: list[stories.Version] = []
        step = stories.Step("the first run", stories.beginning(self._draw))
        for _ in range(self._draw.randrange(5, 10)):
            wrong = self.once(step)
            if wrong:
                return "\n".join((wrong, *self._told, shown(step.version)))
            earlier.append(step.version)
            step = stories.edit(step.version, earlier, self._draw)
        return ""

    def once(self, step: stories.Step) -> str:
        """Take a step, run, compare; return what is wrong."""
        version = step.version
        self._write(step)
        reference = self._reference(version)
        jobs = self._draw.choice((1, 4))
        done = run(
            self._place / "n.ipynb", params=dict(version.given), stages=step.stages, force=step.force,
            jobs=jobs, engine="local", track=False,
        )  # fmt: skip
        stages = [f"{stage.name} {stage.status} ({stage.reason})" for stage in done.stages]
        self._told.append(f"-- {step.what}, {jobs} at a time\n   {stages}")
        self._figures.runs += 1
        wrong = self._compare(version, done, reference)
        if not wrong:
            self._count(step, done)
        return wrong

    def _write(self, step: stories.Step) -> None:
        (self._place / "n.ipynb").write_text(step.version.text())
        for path in [*self._place.glob("*.txt"), *self._place.glob("data/*")]:
            name = str(path.relative_to(self._place))
            written_by_a_stage = name.startswith("out")
            if name in step.remove or (name not in step.version.files and not written_by_a_stage):
                path.unlink()
        for name, text in step.version.files.items():
            path = self._place / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                # Python takes a module for unchanged when size and second are.
                self._ticks += 2
                os.utime(path, (self._ticks, self._ticks))
        if step.damage:
            products = sorted((self._place / ".mlops").glob("objects/**/*"))
            files = [path for path in products if path.is_file() and path.name != "verified"]
            if files:
                self._draw.choice(files).unlink()

    def _reference(self, version: stories.Version) -> tuple[Ran, dict[int, int]]:
        """Run the notebook top to bottom, with the files as they are, out of the project's sight."""
        folder = self._root / "whole"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(
            self._place, folder, ignore=shutil.ignore_patterns(".mlops", "n.ipynb", "__pycache__")
        )
        sources, places = [AT_HOME], {}
        for cell in notebook_cells.parse(version.text(), "n.ipynb").cells:
            places[cell.index] = len(sources)
            sources.append(untagged(cell.source))
            if cell.tag is not None and cell.tag.kind == "params":
                sources.append("\n".join(f"{name} = {value!r}" for name, value in version.given.items()))
        return self._shells.run(sources, folder), places

    def _compare(self, version: stories.Version, done: Run, reference: tuple[Ran, dict[int, int]]) -> str:
        ran, places = reference
        broken = next((index for index, at in places.items() if at == ran.cell), None)
        failing = version.cells[broken].tag.removeprefix("stage ") if broken is not None else ""
        if ran.error:
            self._figures.failing += 1
        below = False
        for stage in done.stages:
            mine = [index for index, cell in enumerate(version.cells) if cell.tag == f"stage {stage.name}"]
            below = below or (broken is not None and mine[-1] >= broken)
            if stage.name == failing:
                if stage.status not in ("failed", "skipped"):
                    return f"stage {stage.name} is {stage.status}, in the notebook it fails: {ran.error} {ran.message}"
            elif stage.status == "failed" and not below:
                return f"stage {stage.name} fails: {stage.error}"
            elif stage.status in ("executed", "cached") and not below:
                expected = plain([ran.outputs[places[index]] for index in mine])
                shown = json.loads(Path(stage.executed).read_bytes())["metadata"][SHOWN]
                if shown != expected:
                    return f"stage {stage.name} ({stage.status}):\n  from scratch: {expected}\n  shown:        {shown}"
        return ""

    def _count(self, step: stories.Step, done: Run) -> None:
        ran = [stage for stage in done.stages if stage.status == "executed"]
        self._figures.stages += sum(stage.status in ("executed", "cached") for stage in done.stages)
        self._figures.executed += len(ran)
        whole, self._whole = self._whole, done.status == "succeeded" and not step.stages
        if step.force or step.damage or step.remove or not whole:
            return
        self._figures.quiet += step.quiet
        cells = step.version.cells
        for stage in ran:
            last = max(at for at, cell in enumerate(cells) if cell.tag == f"stage {stage.name}")
            if (step.quiet or last < step.place) and done.status == "succeeded":
                self._figures.needless.append(f"{step.what}: {stage.name} ran: {stage.reason}")


@pytest.fixture(scope="module")
def shells() -> Iterator[Shells]:
    with Shells(LIGHT) as running:
        yield running


@pytest.fixture
def fast(shells: Shells, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder in memory, and have stages run in forked shells."""
    lock = threading.Lock()
    monkeypatch.setattr(
        engines, "create", lambda name, folder, variables, settings: Forked(folder, variables, shells, lock)
    )
    with tempfile.TemporaryDirectory(dir=FAST) as root:
        yield Path(root)


def test_a_run_after_any_edit_shows_what_a_run_from_scratch_shows(shells: Shells, fast: Path) -> None:
    figures, wrong = Figures(), []
    for seed in range(FIRST, FIRST + SEQUENCES):
        root = fast / str(seed)
        found = Story(seed, shells, root, figures).go()
        shutil.rmtree(root)
        if found:
            wrong.append(f"seed {seed}: {found}")
    print(figures)  # noqa: T201 - what to compare from time to time
    assert not wrong, f"{len(wrong)} of {SEQUENCES} ({figures}):\n" + "\n\n".join(wrong[:12])


MODULE = "K = {}\nclass Thing:\n    def show(self):\n        return K\ndef value():\n    return K\n"
MODULES = ({"helpers.py": MODULE.format(1)}, {"helpers.py": MODULE.format(22)})
TEXTS = ({"in.txt": "1"}, {"in.txt": "22"})
# Files before and after, and two stages: what the second shows hangs on the file.
FILES_CHANGED = {
    "module imported above": (*MODULES, "import helpers", "print(helpers.value())"),
    "function of a module imported above": (*MODULES, "from helpers import value", "print(value())"),
    "object of a class of a module": (
        *MODULES,
        "import helpers\nt = [helpers.Thing()]",
        "print(t[0].show())",
    ),
    "function above that imports": (
        *MODULES,
        "def f():\n    import helpers\n    return helpers.value()",
        "print(f())",
    ),
    "module imported out of sight": (
        *MODULES,
        "x = 1",
        "exec('import helpers')\nprint(eval('helpers.value()'))",
    ),
    "path by a name from above": (*TEXTS, "where = 'in.txt'", "print(open(where).read())"),
    "path put together": (*TEXTS, "name = 'in'", "print(open(f'{name}.txt').read())"),
    "file that appears": ({}, TEXTS[0], "import os", "print(os.path.exists('in.txt'))"),
}


@pytest.mark.parametrize("case", FILES_CHANGED)
def test_what_a_stage_shows_follows_the_files_that_it_hangs_on(case: str, shells: Shells, fast: Path) -> None:
    before, after, first, second = FILES_CHANGED[case]
    cells = (stories.Cell("stage a", (first,)), stories.Cell("stage b", (second,)))
    story = Story(0, shells, fast, Figures())
    for files in (before, after):
        assert not story.once(stories.Step(str(files), stories.Version(cells, files)))
