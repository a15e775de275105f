from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

from jupyter_mlops.pipeline.render import document, mermaid, svg, text
from jupyter_mlops.pipeline.render.layout import arrange
from jupyter_mlops.records.pipeline import Gate, Pipeline, Stage, StageOptions

PIPELINE = Pipeline(
    notebook="churn <1>.ipynb",
    params={"seed": 7},
    setup=(0,),
    stages=(
        Stage(name="load", cells=(2,), outputs=("df",)),
        Stage(
            name="features",
            cells=(3, 4, 6),
            upstream=("load",),
            inputs=("df",),
            outputs=("X",),
            producers={"df": "load"},
        ),
        Stage(
            name="train",
            cells=(7,),
            upstream=("load", "features"),
            inputs=("X", "df"),
            producers={"X": "features", "df": "load"},
            options=StageOptions(retries=2, timeout=600, gpu=True, cache=False),
        ),
        Stage(name="end", cells=(9,), upstream=("train",)),
    ),
    gates=(Gate(model="churn", conditions=("accuracy >= 0.8",), cell=8),),
)


def test_json_has_the_keys_of_the_contract() -> None:
    assert json.loads(document.render(PIPELINE)) == {
        "notebook": "churn <1>.ipynb",
        "params": {"seed": 7},
        "stages": [
            {"name": "load", "cells": [2], "upstream": [], "inputs": [], "outputs": ["df"]},
            {
                "name": "features",
                "cells": [3, 4, 6],
                "upstream": ["load"],
                "inputs": ["df"],
                "outputs": ["X"],
            },
            {
                "name": "train",
                "cells": [7],
                "upstream": ["load", "features"],
                "inputs": ["X", "df"],
                "outputs": [],
            },
            {"name": "end", "cells": [9], "upstream": ["train"], "inputs": [], "outputs": []},
        ],
    }
    assert list(document.graph(PIPELINE)) == ["notebook", "params", "stages"]


def test_text_says_what_comes_from_where() -> None:
    shown = text.render(PIPELINE)
    assert shown.splitlines()[0] == "churn <1>.ipynb: 4 stages"
    assert "● features  cells 3-4, 6" in shown
    assert "load → df" in shown
    assert "[retries 2, timeout 600 s, gpu, not cached]" in shown
    assert "train (after)" in shown
    assert "gate churn  cell 8" in shown


def test_mermaid_has_a_node_a_stage_and_an_edge_a_need() -> None:
    shown = mermaid.render(PIPELINE)
    assert shown.startswith("flowchart LR\n")
    assert 's0["load"]' in shown
    assert 's0 -->|"df"| s1' in shown
    assert "s2 --> s3" in shown


def test_svg_is_well_formed_and_escaped() -> None:
    shown = svg.render(PIPELINE)
    root = ET.fromstring(shown)  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    assert [t.text for t in root.iter(f"{space}text") if t.get("class") == "name"] == [
        "load",
        "features",
        "train",
        "end",
    ]
    assert len([path for path in root.iter(f"{space}path") if path.get("marker-end")]) == 4
    assert "prefers-color-scheme: dark" in shown
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")


def test_svg_boxes_do_not_overlap() -> None:
    boxes = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg.render(PIPELINE)
    )
    places = [tuple(map(float, box)) for box in boxes]
    for index, (x, y, width, height) in enumerate(places):
        for other_x, other_y, other_width, other_height in places[index + 1 :]:
            assert (
                x + width <= other_x
                or other_x + other_width <= x
                or y + height <= other_y
                or other_y + other_height <= y
            )


def test_every_stage_stands_right_of_what_it_waits_for() -> None:
    layout = arrange(PIPELINE)
    for stage in PIPELINE.stages:
        for upstream in stage.upstream:
            assert layout.places[upstream].column < layout.places[stage.name].column
    taken = [*layout.places.values(), *(place for bend in layout.bends.values() for place in bend)]
    assert len(taken) == len(set(taken))


def test_a_pipeline_without_stages_is_shown_too() -> None:
    empty = Pipeline(notebook="a.ipynb")
    for render in (document.render, text.render, mermaid.render, svg.render):
        assert render(empty)


def test_a_cycle_is_shown_rather_than_endless() -> None:
    looped = Pipeline(
        notebook="a.ipynb",
        stages=(Stage(name="a", cells=(0,), upstream=("b",)), Stage(name="b", cells=(1,), upstream=("a",))),
    )
    ET.fromstring(svg.render(looped))  # noqa: S314 - our own text
    assert mermaid.render(looped).count("-->") == 2
