"""The graph in Mermaid's words, for Markdown cells and README files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Pipeline


def render(pipeline: Pipeline) -> str:
    """Return a flowchart; nodes are numbered, so that no stage's name can be a word of Mermaid's."""
    number = {stage.name: f"s{index}" for index, stage in enumerate(pipeline.stages)}
    lines = ["flowchart LR"]
    lines += [f'    {number[stage.name]}["{_escape(stage.name)}"]' for stage in pipeline.stages]
    for stage in pipeline.stages:
        for upstream in stage.upstream:
            names = [name for name in stage.inputs if stage.producers.get(name) == upstream]
            label = f'|"{_escape(", ".join(names))}"|' if names else ""
            lines.append(f"    {number[upstream]} -->{label} {number[stage.name]}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    for character, code in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(character, code)
    return text
