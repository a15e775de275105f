"""The graph as the JSON document that scripts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.records.base import to_builtins

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline

STAGE_KEYS = ("name", "cells", "upstream", "inputs", "outputs")


def graph(pipeline: Pipeline) -> dict[str, Any]:
    """Return ``notebook``, ``params`` and ``stages`` as plain values, in this order."""
    return {
        "notebook": pipeline.notebook,
        "params": to_builtins(pipeline.params),
        "stages": [
            {key: to_builtins(getattr(stage, key)) for key in STAGE_KEYS} for stage in pipeline.stages
        ],
    }


def render(pipeline: Pipeline) -> str:
    """Return the graph as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(graph(pipeline)), indent=2).decode() + "\n"
