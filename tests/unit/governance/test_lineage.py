from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import UsageError
from jupyter_mlops.governance import lineage_svg, lineage_text
from jupyter_mlops.governance.lineage import Lineage, trace, trace_downstream
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.evaluation import Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature

if TYPE_CHECKING:
    from jupyter_mlops.records.base import Record


def dataset(name: str, *parents: str) -> DatasetVersion:
    return DatasetVersion(name=name, version="v", source="s", format="csv", size_bytes=1, parents=parents)


def walk(start: Record, *records: Record, judgements: tuple[Record, ...] = ()) -> Lineage:
    known = {str(record.ref): record for record in records}
    return trace(
        start,
        fetch=lambda refs: {ref: known[ref] for ref in refs if ref in known},
        sources=lambda step: {str(record.ref): record.parents for record in step},
        judgements=lambda step: [
            (str(record.ref), one) for record in step for one in judgements if str(record.ref) in one.parents
        ],
    )


def test_everything_behind_is_found_once() -> None:
    d = dataset("d")
    b, c = dataset("b", "dataset/d@v"), dataset("c", "dataset/d@v")
    a = dataset("a", "dataset/b@v", "dataset/c@v")
    chain = walk(a, a, b, c, d, dataset("other"))
    assert chain.nodes[0].ref == chain.start == "dataset/a@v"
    assert sorted(node.ref for node in chain.nodes) == [f"dataset/{name}@v" for name in "abcd"]
    assert len(chain.edges) == 4
    assert lineage_text.text(chain).count("dataset d@v") == 1


def test_what_is_not_on_record_is_shown_so() -> None:
    chain = walk(dataset("a", "run/gone"))
    assert chain.node("run/gone").missing
    assert lineage_text.text(chain).endswith("└─ run gone  (not on record)")


def test_judgements_hang_on_what_they_judge() -> None:
    signature = Signature(layout="array", inputs=(), outputs=())
    model = ModelVersion(name="m", version=1, bundle="b", signature=signature, mlflow_run="r")
    gate = Evaluation(
        model="m", version=1, passed=False, conditions=(), parents=("model/m@1",), created_at="t"
    )
    chain = walk(model, model, judgements=(gate,))
    assert [(edge.source, edge.to) for edge in chain.edges] == [("model/m@1", "evaluation/m.1@t")]
    assert lineage_text.text(chain).splitlines()[-1].startswith("└─ gate blocked")
    from_the_gate = walk(gate, model, judgements=(gate,))
    assert lineage_text.text(from_the_gate).splitlines()[-1].startswith("└─ model m/1")


def test_downstream_walks_the_other_way() -> None:
    a, b, c = dataset("a"), dataset("b", "dataset/a@v"), dataset("c", "dataset/b@v")
    made = {"dataset/a@v": [b], "dataset/b@v": [c], "dataset/c@v": []}
    chain = trace_downstream(
        a,
        children=lambda step: [(str(one.ref), child) for one in step for child in made[str(one.ref)]],
    )
    assert {node.ref for node in chain.nodes} == {f"dataset/{name}@v" for name in "abc"}
    lines = lineage_text.text(chain).splitlines()
    assert [line.strip("└─ ")[:9] for line in lines] == ["dataset a", "dataset b", "dataset c"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_any_graph_even_a_circle_is_walked_and_written_once(edges: list[tuple[int, int]]) -> None:
    parents: dict[int, list[str]] = {}
    for child, parent in edges:
        parents.setdefault(child, []).append(f"dataset/n{parent}@v")
    records = [dataset(f"n{number}", *parents.get(number, ())) for number in range(7)]
    chain = walk(records[0], *records)
    lines = lineage_text.text(chain).splitlines()
    assert len(lines) == len(chain.nodes) == len({node.ref for node in chain.nodes})


def test_a_chain_of_thousands_is_written_too() -> None:
    records = [dataset(str(n), f"dataset/{n + 1}@v") for n in range(2000)]
    chain = walk(records[0], *records)
    assert lineage_text.text(chain).splitlines()[-1].strip() == "└─ dataset 2000@v  (not on record)"
    with pytest.raises(UsageError, match="2001 records are too many"):
        lineage_svg.render(chain)


def test_the_picture_has_every_record_and_edge() -> None:
    d = dataset("<d>")
    b, c = dataset("b", "dataset/<d>@v"), dataset("c", "dataset/<d>@v")
    chain = walk(dataset("a", "dataset/b@v", "dataset/c@v", "dataset/gone@v"), b, c, d)
    drawn = ET.fromstring(lineage_svg.render(chain))  # noqa: S314 - our own picture
    space = {"svg": "http://www.w3.org/2000/svg"}
    names = [one.text for one in drawn.findall(".//svg:text[@class='name']", space)]
    assert sorted(map(str, names)) == sorted(
        ["dataset a@v", "dataset b@v", "dataset c@v", "dataset <d>@v", "dataset gone@v"]
    )
    assert len(drawn.findall("svg:path", space)) == len(chain.edges)
    assert drawn.get("aria-label") == "Lineage of dataset/a@v"


def test_two_boxes_of_one_name_stay_two() -> None:
    signature = Signature(layout="array", inputs=(), outputs=())
    model = ModelVersion(name="m", version=1, bundle="b", signature=signature, mlflow_run="r")
    gates = tuple(
        Evaluation(model="m", version=1, passed=True, conditions=(), parents=("model/m@1",), created_at=at)
        for at in ("2026-01-01", "2026-01-02")
    )
    drawn = lineage_svg.render(walk(model, model, judgements=gates))
    assert drawn.count(">gate passed</text>") == drawn.count(">gate passed (3)</text>") == 1
