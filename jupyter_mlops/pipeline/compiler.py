"""Write a notebook's pipeline as a folder that stock ploomber and papermill run: same notebook in, same bytes out."""

from __future__ import annotations

import ast
import hashlib
import json
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook.cells import MAY_RAISE
from jupyter_mlops.notebook.syntax import parse
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline import pages
from jupyter_mlops.pipeline.bindings import last_bindings, top_level_names
from jupyter_mlops.pipeline.layout import GENERATED, MARKER, PRODUCTS, RESERVED, SOURCE_KEY
from jupyter_mlops.pipeline.wanted import Words
from jupyter_mlops.records.base import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_mlops.notebook.cells import Cell, Notebook
    from jupyter_mlops.records.pipeline import Pipeline, Stage

_IMPORT = "from jupyter_mlops.pipeline import handoff as _mlops"


def compile_pipeline(
    notebook: Notebook, pipeline: Pipeline, *, workdir: str, requirements: str
) -> dict[str, bytes]:
    """Return the compiled folder: file name to content.

    Args:
        notebook: the notebook that ``pipeline`` was made from.
        pipeline: its stages and the variables between them.
        workdir: the notebook's folder, relative to the compiled folder.
        requirements: the locked requirements, as they go into ``requirements.txt``.

    Raises:
        DataflowError: when the notebook has no stage, or a name that ploomber keeps for itself is in the way.
    """
    _check(notebook, pipeline)
    files = {
        MARKER: pages.pipeline_yaml(pipeline),
        "params.yaml": pages.params_yaml(pipeline),
        "requirements.txt": requirements.encode(),
        "README.md": pages.readme(pipeline),
        ".gitignore": b"# what a build leaves behind\n/products/\n",
    }
    if pipeline.gates:
        files["gates.yaml"] = pages.gates_yaml(pipeline)
    if pipeline.expected:
        files[pages.EXPECTATIONS] = pages.expectations_yaml(pipeline)
    for stage in pipeline.stages:
        files[f"{stage.name}.ipynb"] = stage_notebook(notebook, pipeline, stage, workdir)
    return files


def stage_notebook(notebook: Notebook, pipeline: Pipeline, stage: Stage, workdir: str) -> bytes:
    """Return one stage as a notebook that papermill runs."""
    cells = _StageCells(notebook, pipeline, stage, workdir).build()
    kernelspec = {"display_name": notebook.kernel, "language": notebook.language, "name": notebook.kernel}
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": kernelspec,
            "language_info": {"name": notebook.language},
            SOURCE_KEY: {"notebook": notebook.name, "stage": stage.name},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


class _StageCells:
    """Collect a stage notebook's cells in order."""

    def __init__(self, notebook: Notebook, pipeline: Pipeline, stage: Stage, workdir: str) -> None:
        self._notebook = notebook
        self._pipeline = pipeline
        self._stage = stage
        self._workdir = workdir
        self._words = Words(notebook, pipeline)
        self._cells: list[dict[str, Any]] = []

    def build(self) -> list[dict[str, Any]]:
        pipeline, stage, cells = self._pipeline, self._stage, self._notebook.cells
        name = pages.name_of(pipeline)
        self._add("markdown", pages.stage_header(pipeline, stage))
        call = _call("enter", stage.name, pipeline=name, workdir=self._workdir, params=list(pipeline.params))
        self._add("code", f"{_IMPORT}\n\n{call}", GENERATED)
        params = _params_cells(self._notebook)
        first = params[0].index if params else -1
        self._add_setup(index for index in pipeline.setup if index < first)
        self._add_parameters(params)
        self._add("code", "_mlops.bind(globals())", GENERATED)
        for cell in params:
            _, computed = _literals_apart(untagged(cell.source), pipeline.params)
            if computed:
                # After papermill's values: what is computed from a parameter follows it.
                self._add("code", computed, source_cell=cell.index)
        begin = max(stage.cells[0], first)
        self._add_setup(index for index in pipeline.setup if first < index < begin)
        self._add("code", _call("load", **self._load()), GENERATED)
        # A setup cell between two of the stage's own takes its turn there; one below the stage is not for it.
        inner = [index for index in pipeline.setup if begin <= index <= stage.cells[-1]]
        for index in sorted((*stage.cells, *inner)):
            self._add_original(cells[index])
            if index in inner:
                self._add("code", _call("define", names=sorted(top_level_names(cells[index]))), GENERATED)
        self._add("code", f"{_IMPORT}\n\n{_call('publish', **self._publish())}", GENERATED)
        return self._cells

    def _load(self) -> dict[str, Any]:
        known, stage = self._words, self._stage
        above = [other.name for other in known.above(stage)]
        return {
            "order": above,
            "since": known.since(stage) if above else {},
            "shadowed": known.shadowed(stage),
            "words": known.state_words(),
            "varying": [] if above else known.varying(),
        }

    def _publish(self) -> dict[str, Any]:
        known, stage = self._words, self._stage
        if not known.below(stage):
            return {"last": True}
        unwanted = known.unwanted(stage)
        kept = sorted({*known.bound(stage), *stage.outputs}.difference(unwanted))
        return {"places": last_bindings(known.cells(stage), kept), "unwanted": unwanted}

    def _add_setup(self, indexes: Iterable[int]) -> None:
        for index in indexes:
            self._add_original(self._notebook.cells[index])

    def _add_parameters(self, params: list[Cell]) -> None:
        stage = self._stage
        product = {"nb": f"{PRODUCTS}/{stage.name}.ipynb", "data": f"{PRODUCTS}/{stage.name}.pkl"}
        upstream = {
            other.name: {"nb": f"{PRODUCTS}/{other.name}.ipynb", "data": f"{PRODUCTS}/{other.name}.pkl"}
            for other in self._words.above(stage)
        }
        own = "\n".join(_literals_apart(untagged(cell.source), self._pipeline.params)[0] for cell in params)
        ours = f"upstream = {_literal(upstream)}\nproduct = {_literal(product)}"
        source = f"{own}\n\n{ours}" if own else ours
        self._add("code", source, "parameters", source_cell=params[0].index if params else None)

    def _add_original(self, cell: Cell) -> None:
        if cell.cell_type == "code":
            tags = (MAY_RAISE,) if cell.may_raise else ()
            self._add("code", untagged(cell.source), *tags, source_cell=cell.index)

    def _add(self, kind: str, source: str, *tags: str, source_cell: int | None = None) -> None:
        metadata: dict[str, Any] = {"tags": list(tags)} if tags else {}
        if GENERATED in tags:
            metadata["jupyter"] = {"source_hidden": True}
        if source_cell is not None:
            metadata[SOURCE_KEY] = {"source_cell": source_cell}
        digest = hashlib.sha256(canonical_json([self._stage.name, len(self._cells), source])).hexdigest()
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": digest[:12],
            "metadata": metadata,
            "source": source.splitlines(keepends=True),
        }
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        self._cells.append(cell)


def _check(notebook: Notebook, pipeline: Pipeline) -> None:
    if not pipeline.stages:
        raise DataflowError(f"{notebook.name} has no stage", hint="tag a cell with %%mlops stage NAME")
    for index in (*pipeline.setup, *(cell.index for cell in _params_cells(notebook))):
        for name in top_level_names(notebook.cells[index]):
            if name in RESERVED:
                raise DataflowError(
                    f"{notebook.name}, cell {index}: the name {name!r} is ploomber's own in a compiled stage",
                    hint="give it another name",
                    cell=index,
                )


def _params_cells(notebook: Notebook) -> list[Cell]:
    return [
        cell for cell in notebook.cells if cell.cell_type == "code" and cell.tag and cell.tag.kind == "params"
    ]


def _literals_apart(source: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """Split a params cell into the values that parameters have, and what it computes, each line where it was."""
    try:
        body = parse(source).tree.body
    except SyntaxError:
        return source, ""
    computing = [node for node in body if not (is_parameter(node, params) or _is_text(node))]
    if not computing:
        return source, ""
    lines = source.splitlines()
    taken = {number for node in computing for number in range(node.lineno, (node.end_lineno or 0) + 1)}
    values = [line for number, line in enumerate(lines, 1) if number not in taken]
    computed = [line if number in taken else "" for number, line in enumerate(lines, 1)]
    return "\n".join(values), "\n".join(computed).rstrip()


def is_parameter(node: ast.stmt, params: Mapping[str, Any]) -> bool:
    """Say whether a statement gives a parameter its value, as it stands there."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if not (isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name)):
        return False
    try:
        ast.literal_eval(node.value or ast.Constant(value=None))
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        return False
    return target.id in params


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _call(function: str, *arguments: Any, **named: Any) -> str:
    """Write a call of the hand-off, one argument a line where there are several."""
    positional = [_literal(value) for value in arguments] or ["globals()"]
    parts = [
        *positional,
        *(f"{name}={_literal(value)}" for name, value in named.items() if value not in ([], {}, False)),
    ]
    line = f"_mlops.{function}({', '.join(parts)})"
    if len(line) <= 100:  # noqa: PLR2004 - a line that fits a notebook's cell
        return line
    return f"_mlops.{function}(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        inner = ", ".join(_literal(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
