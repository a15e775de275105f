"""Run a notebook top to bottom and stage by stage, and say whether the two show the same.

Stage by stage means: what ``compile_pipeline`` makes of it, each stage's own cells in a process of its own, with
parameters set as papermill sets them and products in a folder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook import parameters
from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.lint import check as lint
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline.compiler import compile_pipeline
from jupyter_mlops.pipeline.layout import PRODUCTS, SOURCE_KEY
from jupyter_mlops.pipeline.session import RUN_VARIABLE
from jupyter_mlops.workflows import build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Diagnostic, Pipeline, Stage
    from tests.cases.shells import Output, Ran, Shells

Mode = Literal["engine", "stock"]
# Addresses, and the numbers that scikit-learn gives to its tables on a page.
_address = re.compile(r"(0x|sk-container-id-|sk-estimator-id-)[0-9a-f]+")
_times = re.compile(r"(?m)^(?:CPU times: .*|Wall time: .*)\n?")


@dataclass(frozen=True)
class Outcome:
    """Say how it ended: ``same``, ``different``, ``loud``, an exception's name, or the rules that refused it."""

    kind: str
    detail: str = ""
    findings: tuple[Diagnostic, ...] = ()


class BothWays:
    """Run one notebook in a folder; ``files`` lie beside it, ``params`` are given from outside."""

    def __init__(
        self,
        shells: Shells,
        folder: Path,
        notebook: str,
        *,
        files: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._shells = shells
        self._folder = folder
        self._text = notebook
        self._files = files or {}
        self._params = params or {}
        self._whole: dict[int, list[Output]] | None = None
        self.findings: tuple[Diagnostic, ...] = ()
        self.pipeline: Pipeline | None = None
        try:
            self._notebook, self.pipeline = build.parse(notebook, "case.ipynb")
        except DataflowError as error:
            self.findings = tuple(error.details["diagnostics"])

    def warnings(self) -> list[Diagnostic]:
        """Return what ``check`` says."""
        return lint(parse(self._text, "case.ipynb"))

    def compare(self, mode: Mode) -> Outcome:
        """Run both ways: stage by stage as our engine does, or with the compiled folder's own order and defaults."""
        if self.pipeline is None:
            rules = " ".join(dict.fromkeys(finding.rule for finding in self.findings))
            return Outcome(rules, "\n".join(map(repr, self.findings)), self.findings)
        expected = self.whole()
        root = self._folder / mode
        compiled = self._compile(self._notebook, self.pipeline, root)
        for stage in self.pipeline.stages:
            cells, numbers = self._stage_cells(compiled, stage, mode)
            environment = {RUN_VARIABLE: "a-run"} if mode == "engine" else {}
            ran = self._shells.run(cells, compiled, environment)
            if ran.error:
                kind = "loud" if ran.error == "HandoffError" else ran.error
                return Outcome(kind, f"stage {stage.name}, cell {numbers.get(ran.cell)}: {ran.message}")
            different = _first_difference(expected, ran, numbers, root)
            if different:
                return Outcome("different", f"stage {stage.name}, {different}")
        return Outcome("same")

    def whole(self) -> dict[int, list[Output]]:
        """Return what each cell shows when the notebook is run top to bottom."""
        if self._whole is None:
            root = self._folder / "whole"
            self._write_files(root / "work")
            cells: list[str] = []
            numbers: dict[int, int] = {}
            for cell in parse(self._text, "case.ipynb").cells:
                kind = cell.tag.kind if cell.tag else ""
                if cell.cell_type != "code" or kind in ("skip", "gate"):
                    continue
                numbers[len(cells)] = cell.index
                cells.append(self._given(cell.source) if kind == "params" else untagged(cell.source))
            ran = self._shells.run(cells, root / "work")
            if ran.error:
                raise AssertionError(f"the notebook itself fails in cell {numbers[ran.cell]}: {ran.message}")
            self._whole = {index: _plain(ran.outputs[place], root) for place, index in numbers.items()}
        return self._whole

    def _given(self, source: str) -> str:
        """Return a params cell with the parameters set: first the literals, then what works with them."""
        if not self._params:
            return untagged(source)
        cell = parameters.split(source)
        return "\n".join([_assignments({**cell.values, **self._params}), cell.rest])

    def _compile(self, notebook: Notebook, pipeline: Pipeline, root: Path) -> Path:
        compiled = root / "compiled"
        self._write_files(root / "work")
        (compiled / PRODUCTS).mkdir(parents=True)
        files = compile_pipeline(notebook, pipeline, workdir="../work", requirements="")
        for name, content in files.items():
            (compiled / name).write_bytes(content)
        return compiled

    def _write_files(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, content in self._files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")

    def _stage_cells(self, compiled: Path, stage: Stage, mode: Mode) -> tuple[list[str], dict[int, int]]:
        """Return the code cells that papermill would run, and which cell of the notebook each is."""
        document = json.loads((compiled / f"{stage.name}.ipynb").read_text(encoding="utf-8"))
        given = dict(self._params)
        if mode == "engine" and self.pipeline is not None:
            names = [other.name for other in self.pipeline.stages]
            given["upstream"] = {name: _product(name) for name in names[: names.index(stage.name)]}
            given["product"] = _product(stage.name)
        cells: list[str] = []
        numbers: dict[int, int] = {}
        for cell in document["cells"]:
            if cell["cell_type"] != "code":
                continue
            source_cell = cell["metadata"].get(SOURCE_KEY, {}).get("source_cell")
            is_parameters = "parameters" in cell["metadata"].get("tags", ())
            if source_cell is not None and not is_parameters:
                numbers[len(cells)] = source_cell
            cells.append("".join(cell["source"]))
            if is_parameters and given:
                cells.append(_assignments(given))
        return cells, numbers


def _product(stage: str) -> dict[str, str]:
    return {"nb": f"{PRODUCTS}/{stage}.ipynb", "data": f"{PRODUCTS}/{stage}.pkl"}


def _assignments(values: Mapping[str, Any]) -> str:
    """Write parameters as papermill does."""
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])


def _first_difference(
    expected: dict[int, list[Output]], ran: Ran, numbers: dict[int, int], root: Path
) -> str:
    for place, index in numbers.items():
        shown = _plain(ran.outputs[place], root)
        if shown != expected[index]:
            return f"cell {index}:\n  notebook: {expected[index]}\n  stage:    {shown}"
    return ""


def _plain(outputs: list[Output], root: Path) -> list[Output]:
    """Take out what differs from run to run: addresses, folders, times."""
    text = json.dumps(outputs).replace(str(root), "<folder>")
    found: list[Output] = json.loads(_address.sub(r"\1", text))
    cleaned = [
        [kind, _times.sub("", content) if isinstance(content, str) else content] for kind, content in found
    ]
    return [output for output in cleaned if output[1] != ""]
