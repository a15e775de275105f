from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from jupyter_mlops.governance.lineage import Edge, Lineage, Node
from jupyter_mlops.governance.model_card.lineage_picture import MOST, draw
from jupyter_mlops.records.base import to_builtins
from tests.unit.governance import cards

SVG = "{http://www.w3.org/2000/svg}"


def lineage(*edges: str, more: int = 0) -> Lineage:
    """Draw datasets by the letters of their edges: ``ab`` says that b was made from a."""
    names = sorted({letter for edge in edges for letter in edge}) + [f"n{place}" for place in range(more)]
    return Lineage(
        start=f"dataset/{names[0]}@v",
        nodes=tuple(Node(ref=f"dataset/{name}@v", kind="dataset", record={}, missing=True) for name in names),
        edges=tuple(Edge(source=f"dataset/{edge[0]}@v", to=f"dataset/{edge[1]}@v") for edge in edges),
    )


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))  # noqa: S314 - our own picture


@pytest.mark.parametrize(
    "edges, lines",
    [
        (("ab", "bc"), 2),
        (("ab", "bc", "ac"), 2),
        (("ab", "ac", "bd", "cd", "ad"), 4),
        (("ab", "bc", "cd", "ad", "be", "de"), 4),
        (("aa", "ab"), 1),
    ],
)
def test_what_another_way_leads_to_is_not_drawn_twice(edges: tuple[str, ...], lines: int) -> None:
    picture = parsed(draw(lineage(*edges)))
    assert len(picture.findall(f"{SVG}path")) == lines
    assert len(picture.findall(f"{SVG}g")) == len({letter for edge in edges for letter in edge})


def test_boxes_lie_apart_and_inside() -> None:
    picture = parsed(draw(lineage("ab", "ac", "ad", "be", "ce", "ae", "df")))
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    boxes = [
        tuple(float(box.get(side, 0)) for side in ("x", "y", "width", "height"))
        for group in picture.findall(f"{SVG}g")
        for box in group.findall(f"{SVG}rect")[:1]
    ]
    for x, y, w, h in boxes:
        assert x >= 0
        assert x + w <= width
        assert y + h <= height
    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            apart = (
                one[0] + one[2] <= other[0]
                or other[0] + other[2] <= one[0]
                or abs(one[1] - other[1]) >= one[3]
            )
            assert apart


def test_a_circle_is_drawn_all_the_same() -> None:
    assert len(parsed(draw(lineage("ab", "bc", "ca"))).findall(f"{SVG}g")) == 3


def test_too_much_for_a_picture_is_none() -> None:
    assert draw(lineage("ab", more=MOST)) == ""


def test_gates_are_coloured_by_what_they_said() -> None:
    nodes = [
        Node(ref=str(each.ref), kind="evaluation", record=to_builtins(each))
        for each in (cards.evaluation(), cards.evaluation(passed=False, created_at="t"))
    ]
    picture = parsed(draw(Lineage(start=nodes[0].ref, nodes=tuple(nodes), edges=())))
    assert [group.get("class") for group in picture.findall(f"{SVG}g")] == ["evaluation ok", "evaluation bad"]
