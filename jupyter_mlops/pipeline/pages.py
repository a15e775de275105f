"""The text files of a compiled folder."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.records.base import to_builtins
from jupyter_mlops.records.expectation import Expectations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyter_mlops.records.pipeline import Pipeline, Stage


EXPECTATIONS = "expectations.yaml"


def name_of(pipeline: Pipeline) -> str:
    """Return the pipeline's name: its notebook's, without the suffix."""
    return PurePath(pipeline.notebook).stem


def pipeline_yaml(pipeline: Pipeline) -> bytes:
    """Return what ``ploomber build`` reads: each stage comes after all above it on the page."""
    names = [stage.name for stage in pipeline.stages]
    tasks = [_task(stage, pipeline.params, names[:place]) for place, stage in enumerate(pipeline.stages)]
    # Stages are cut out of one notebook, so names that another stage binds look undefined to a static analysis.
    meta = {"extract_product": False, "extract_upstream": False}
    text = yaml.safe_dump({"meta": meta, "tasks": tasks}, sort_keys=False, allow_unicode=True, width=100)
    return (_generated(pipeline) + text).encode()


def params_yaml(pipeline: Pipeline) -> bytes:
    """Return the parameters as papermill's ``-f`` reads them."""
    hint = "# papermill NAME.ipynb out.ipynb -f params.yaml\n"
    text = yaml.safe_dump(pipeline.params, sort_keys=True, allow_unicode=True)
    return (_generated(pipeline) + hint + text).encode()


def expectations_yaml(pipeline: Pipeline) -> bytes:
    """Return what is expected of datasets; a stage that takes one looks there."""
    expected = {each.dataset: _said(each.expectations) for each in pipeline.expected}
    text = yaml.safe_dump({"expectations": expected}, sort_keys=False, allow_unicode=True, width=100)
    return (_generated(pipeline) + text).encode()


def expectations_in(path: Path) -> dict[str, Expectations]:
    """Return what a compiled folder's file says is expected of datasets.

    Raises:
        HandoffError: when it can't be read.
    """
    try:
        found = yaml.safe_load(path.read_bytes())["expectations"]
        return {name: msgspec.convert({**each, "name": name}, Expectations) for name, each in found.items()}
    except (OSError, yaml.YAMLError, msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())
        raise HandoffError(f"{path} can't be read: {why}", hint="compile the notebook again") from None


def _said(expected: Expectations) -> dict[str, Any]:
    """Return the fields that say something, as plain values."""
    blank = to_builtins(Expectations(name=expected.name))
    return {key: value for key, value in to_builtins(expected).items() if value != blank[key]}


def gates_yaml(pipeline: Pipeline) -> bytes:
    """Return the evaluation gates: model and conditions."""
    gates = [{"model": gate.model, "conditions": list(gate.conditions)} for gate in pipeline.gates]
    return (
        _generated(pipeline) + yaml.safe_dump({"gates": gates}, sort_keys=False, allow_unicode=True)
    ).encode()


def readme(pipeline: Pipeline) -> bytes:
    """Return the folder's README: what it is and how to run it."""
    name = name_of(pipeline)
    rows = "\n".join(
        f"| `{stage.name}.ipynb` | {_code(stage.upstream)} | {_code(stage.inputs)} | {_code(stage.outputs)} |"
        for stage in pipeline.stages
    )
    order = "\n".join(
        f"papermill {stage.name}.ipynb products/{stage.name}.ipynb" for stage in pipeline.stages
    )
    return f"""# {name}, compiled

Made from `{pipeline.notebook}` by `jupyter mlops compile {pipeline.notebook}`. Edit the notebook, not these files.

| stage | builds on | takes | leaves |
|---|---|---|---|
{rows}

Run in this folder:

```
pip install -r requirements.txt
ploomber build
```

or stage by stage (`mkdir -p products` first; parameters by `-p name value`, or all by `-f params.yaml`):

```
{order}
```

ploomber and papermill do the stages in page order, each with all above it in sight; `jupyter mlops run` does them in
parallel where it can. ploomber takes its parameters from `pipeline.yaml`. Each stage's code works in the notebook's own
folder, as the notebook does; what it leaves is in `products/`.
""".encode()


def stage_header(pipeline: Pipeline, stage: Stage) -> str:
    """Return the Markdown that stands on top of a stage's notebook."""
    numbers = ", ".join(str(index) for index in stage.cells)
    return (
        f"# {stage.name}\n\n"
        f"Made from `{pipeline.notebook}` (cells {numbers}) by `jupyter mlops compile`. Edit the notebook, not this file."
    )


def _task(stage: Stage, params: dict[str, Any], upstream: Sequence[str]) -> dict[str, Any]:
    task: dict[str, Any] = {
        "name": stage.name,
        "source": f"{stage.name}.ipynb",
        "static_analysis": "disable",
        "product": {"nb": f"products/{stage.name}.ipynb", "data": f"products/{stage.name}.pkl"},
    }
    if upstream:
        task["upstream"] = list(upstream)
    if params:
        # A copy: YAML would write the second one as a reference to the first.
        task["params"] = _copy(params)
    return task


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _generated(pipeline: Pipeline) -> str:
    return f"# Made from {pipeline.notebook} by `jupyter mlops compile`; edit the notebook, not this file.\n"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"
