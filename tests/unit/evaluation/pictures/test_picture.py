from __future__ import annotations

from xml.etree import ElementTree as ET

from jupyter_mlops.evaluation.pictures import picture
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation

EVALUATION = Evaluation(
    model="<b>churn</b>",
    version=3,
    passed=False,
    rows=1_200,
    champion=2,
    conditions=(
        ConditionResult(text="accuracy >= 0.80", status="failed", value=0.78, threshold=0.8, ci=(0.77, 0.79)),
        ConditionResult(
            text="roc_auc >= champion.roc_auc - 0.005",
            status="passed",
            value=0.9,
            threshold=0.875,
            difference=0.02,
            ci=(0.01, 0.03),
            p_value=0.0001,
        ),
        ConditionResult(
            text='parity["<i>"] <= 1', status="not evaluated", threshold=1.0, reason="<script>", optional=True
        ),
        ConditionResult(text="model_size_mb <= 1", status="passed", value=1.0, threshold=1.0),
        ConditionResult(text="f1 >= champion.f1", status="passed", value=123456.7, reason="no champion yet"),
    ),
)


def test_the_picture_is_well_formed_and_escaped() -> None:
    page = picture.html(EVALUATION)
    root = ET.fromstring(page)  # noqa: S314 - our own page
    assert len(root.findall(".//tbody/tr")) == 5
    assert len(root.findall(".//svg[@role='img']")) == 3
    assert "<script>" not in page
    assert "<b>churn</b>" not in page.replace("<b>&lt;", "")


def test_each_bar_says_what_it_shows_and_stands_within_its_axis() -> None:
    root = ET.fromstring(picture.html(EVALUATION))  # noqa: S314 - our own page
    titles = [bar.get("aria-label") for bar in root.findall(".//svg[@role='img']")]
    assert titles[0] == "95% interval 0.77 to 0.79; threshold 0.8"
    assert titles[1] == "difference +0.02 (+0.01 to +0.03); margin -0.005"
    for bar in root.findall(".//svg[@role='img']"):
        places = [float(str(line.get("x1")).rstrip("%")) for line in bar.findall("line")]
        assert all(0 <= place <= 100 for place in places)


def test_the_text_for_a_terminal() -> None:
    lines = picture.text(EVALUATION).splitlines()
    assert lines[0] == "✗ gate failed: <b>churn</b> version 3 (1,200 test rows, cpu, champion: version 2)"
    assert lines[1].split(maxsplit=4)[4] == "failed; 0.78, 95% interval 0.77 to 0.79"
    assert lines[2].endswith("passed; 0.9, difference +0.02 (+0.01 to +0.03), p < 0.001")
    assert lines[3].endswith("not evaluated (optional); <script>")
    assert lines[5].endswith("passed; 1.235e+05; no champion yet")


def test_without_champion_and_rows() -> None:
    bare = Evaluation(model="m", version=1, passed=True, conditions=())
    assert picture.text(bare) == "✓ gate passed: m version 1 (no test rows, cpu)"
