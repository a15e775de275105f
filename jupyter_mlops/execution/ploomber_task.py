"""Build one task of a compiled folder with stock ploomber; imported only in processes that do nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before it is loaded: it looks for updates and sends statistics unless told otherwise.
os.environ["PLOOMBER_STATS_ENABLED"] = "false"
os.environ["PLOOMBER_VERSION_CHECK_DISABLED"] = "true"

import yaml
from ploomber.constants import TaskStatus
from ploomber.executors import Serial
from ploomber.spec import DAGSpec

from jupyter_mlops.pipeline.layout import MARKER, RESERVED

if TYPE_CHECKING:
    from collections.abc import Mapping


def build_task(stage: str, parameters: Mapping[str, Any]) -> None:
    """Build a stage of the compiled folder that this process works in.

    Args:
        stage: its name.
        parameters: values in the place of those in ``pipeline.yaml``; ``upstream`` are the stages whose products are
            in place, those that ``pipeline.yaml`` names where it isn't given.

    Raises:
        TaskBuildError: when it fails.
    """
    document = yaml.safe_load(Path(MARKER).read_text(encoding="utf-8"))
    tasks = {task["name"]: task for task in document["tasks"]}
    above = parameters.get(RESERVED[0])
    wanted = list(tasks[stage].get("upstream", ()) if above is None else above)
    own = {**tasks[stage], "upstream": wanted}
    given = {name: value for name, value in parameters.items() if name not in RESERVED}
    if given:
        own["params"] = {**own.get("params", {}), **given}
    # Stages above are there as products only: what they wait for is no business of this one.
    others = [{key: value for key, value in tasks[name].items() if key != "upstream"} for name in wanted]
    dag = DAGSpec({"meta": document["meta"], "tasks": [*others, own]}).to_dag()
    dag.executor = Serial(build_in_subprocess=False)
    dag.render(force=True, show_progress=False)
    for name in wanted:
        dag[name].exec_status = TaskStatus.Executed
    dag[stage].build(force=True)
