from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from jupyter_mlops.monitoring import plots, timeline
from jupyter_mlops.monitoring.columns import Side, categories
from jupyter_mlops.monitoring.drawing import drawing
from jupyter_mlops.monitoring.drift import compare
from jupyter_mlops.monitoring.over_time import Windows
from jupyter_mlops.monitoring.over_time import compare as compare_over_time
from jupyter_mlops.monitoring.report import render
from jupyter_mlops.records.drift import ConceptChange, DriftReport, Performance, WindowPerformance

VOID = {"meta", "br", "line", "path"}


class Page(HTMLParser):
    """Read a page; note its tags, and that each is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def report(rows: int = 500, wide: int = 1) -> str:
    random = np.random.default_rng(0)
    before = pd.DataFrame({f"n{i}": random.normal(size=rows) for i in range(wide)})
    after = before + 1
    before["<script>alert(1)</script>"] = "<b>"
    after["<script>alert(1)</script>"] = "</svg><script>"
    before["when"] = pd.date_range("2015-01-01", periods=rows, freq="h")
    after["when"] = pd.date_range("2016-01-01", periods=rows, freq="h")
    before["old"] = after["new"] = 1
    before["same"] = after["same"] = "x"
    return render(compare(before, after, names=("<i>2015</i>", "2018")))


def test_the_page_is_whole_and_escaped() -> None:
    page = Page(report())
    assert page.open == []
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert "b" in tags  # the tiles' own
    assert tags.count("details") == 6
    assert any("<script>alert(1)</script>" in words for words in page.words)


def test_the_page_loads_nothing_and_suits_both_schemes() -> None:
    text = report()
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme:dark" in text
    assert not {"src", "href"} & {
        name
        for tag, attributes in Page(text).tags
        for name, value in attributes.items()
        if not str(value).startswith("#")
    }


def test_every_plot_has_a_name() -> None:
    plotted = [attributes for tag, attributes in Page(report()).tags if tag == "svg"]
    assert len(plotted) == 8
    assert all(attributes["aria-label"] and attributes["role"] == "img" for attributes in plotted)


def test_the_worst_column_stands_first() -> None:
    text = report()
    assert text.index(">when</a>") < text.index(">same</a>")


def test_fifty_columns_stay_well_under_a_megabyte() -> None:
    assert len(report(wide=50).encode()) < 400_000


def test_whole_numbers_get_bins_of_their_own() -> None:
    ages = np.sort(np.repeat(np.arange(18.0, 40.0), 3))
    plot = plots.histogram(ages, ages)
    assert plot["edges"][0] == 17.5
    assert set(np.diff(plot["edges"])) == {1.0}
    assert plot["reference"] == plot["current"]
    assert sum(plot["reference"]) == pytest.approx(1)


def test_a_far_outlier_does_not_flatten_the_plot() -> None:
    values = np.sort(np.append(np.random.default_rng(0).normal(size=1_000), 1e9))
    plot = plots.histogram(values, values)
    assert plot["edges"][-1] < 10
    assert sum(plot["current"]) == pytest.approx(1)


def test_plots_of_odd_columns() -> None:
    nothing, huge = np.zeros(0), np.array([-1.7e308, 1.7e308])
    assert plots.histogram(nothing, np.array([np.inf])) == {}
    assert drawing({}, "x", 10, 10, words=True) is None
    assert np.isfinite(plots.histogram(huge, huge)["edges"]).all()
    one_sided = plots.histogram(np.array([1.5, 1.5]), nothing)
    assert one_sided["reference"] == [1.0]
    picture = drawing(one_sided, "x", 100, 50, words=True)
    assert picture is not None
    assert [path["side"] for path in picture["paths"]] == ["reference"]


def test_many_categories_are_pooled_and_long_names_cut() -> None:
    names = [f"a rather long name {i:02}" for i in range(40)]
    pair = categories(Side(pd.Series(names * 2)), Side(pd.Series(names)))
    plot = plots.bars(*pair)
    assert plot["labels"][-1] == "29 others"
    assert len(plot["labels"]) == 12
    assert sum(plot["reference"]) == pytest.approx(1)
    picture = drawing(plot, "x", 560, 200, words=True)
    assert picture is not None
    assert all(len(label["text"]) <= 28 for label in picture["labels"])
    assert picture["labels"][0]["text"].endswith("…")
    assert all(bar["height"] + bar["y"] == picture["base"] for bar in picture["bars"])


def test_a_date_beyond_the_calendar_is_a_number() -> None:
    picture = drawing(
        {"edges": [-1e18, 1e18], "dates": True, "reference": [1.0], "current": [1.0]}, "x", 9, 9, words=True
    )
    assert picture is not None
    assert picture["labels"][0]["text"] == "-1e+18"
    assert picture["labels"][1]["text"] == "1970-01-01 00:00"


def test_few_rows_say_less() -> None:
    before = pd.DataFrame({"n": np.arange(30.0) + 0.5})
    after = pd.DataFrame({"n": np.arange(30.0) + 0.5})
    page = render(compare(before, after))
    assert "AUC" not in page
    assert ">same</span>" in page


def test_a_small_change_has_a_verdict_of_its_own() -> None:
    random = np.random.default_rng(0)
    before = pd.DataFrame({"n": random.normal(size=20_000)})
    page = render(compare(before, before + 0.1, rule="p < 0.05 and psi >= 0.1"))
    assert ">small change</span>" in page


def over_time() -> DriftReport:
    random = np.random.default_rng(0)
    rows = 3_000
    when = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) // 300, unit="D")
    before = pd.DataFrame({"when": when, "<b>x": random.normal(size=rows), "y": random.normal(size=rows)})
    after = before.assign(**{"<b>x": before["<b>x"] + (np.arange(rows) >= 2_100)})
    sides = {"reference": ("old", before), "current": ("new", after)}
    return compare_over_time(sides, Windows("when", by="day"), rule="p < 0.01")


def test_periods_are_a_strip_a_column() -> None:
    found = over_time()
    layout = timeline.heat(found)
    assert layout is not None
    assert [name["title"] for name in layout["names"]] == ["<b>x", "y"]
    assert [cell["drifted"] for cell in layout["cells"][:10]] == [False] * 7 + [True] * 3
    assert layout["cells"][9]["strength"] == 1
    assert all(cell["x"] + cell["width"] <= layout["width"] for cell in layout["cells"])
    page = Page(text := render(found))
    assert page.open == []
    assert "Over time" in text
    assert "<b>x, 2026" not in text
    assert timeline.heat(compare(*(pd.DataFrame({"x": [1.5, 2.5]}),) * 2)) is None


def window(start: str, value: float | None, guess: float | None, *, alarm: bool = False) -> WindowPerformance:
    return WindowPerformance(
        start=start,
        rows=100,
        labelled=100,
        value=value,
        interval=None if value is None else (value - 0.1, value + 0.1),
        alarm=alarm,
        estimated=guess,
        estimated_interval=None if guess is None else (guess - 0.2, guess + 0.2),
    )


def test_the_model_over_time() -> None:
    metric = Performance(
        metric="roc_auc",
        reference=0.8,
        reference_interval=(0.75, 0.85),
        margin=0.02,
        windows=(window("a", 0.8, 0.8), window("b", 0.5, None, alarm=True), window("c", None, 0.9)),
        alarm=True,
    )
    found = replace(
        over_time(),
        performance=(metric,),
        changes=(
            ConceptChange(detector="adwin", row=41),
            ConceptChange(detector="ddm", row=4, at="2026-01-01"),
        ),
    )
    layout = timeline.quality(metric)
    assert [mark["tone"] for mark in layout["marks"]] == ["measured", "estimated", "alarm", "estimated"]
    assert all(0 <= mark["top"] <= mark["y"] <= mark["bottom"] <= layout["base"] for mark in layout["marks"])
    text = render(found)
    assert Page(text).open == []
    assert "ADWIN at row 42; DDM at 2026-01-01." in text
    assert "0.8000 in the reference; an alarm is 0.02 worse" in text


def test_what_carries_a_difference_is_named() -> None:
    random = np.random.default_rng(0)
    before = pd.DataFrame(random.normal(size=(2_000, 3)), columns=["a", "b", "c"])
    found = compare(before, before.assign(b=before["b"] + 1))
    assert [each["name"] for each in found.multivariate["classifier"]["columns"]] == ["b"]
    assert found.multivariate["mmd"]["drifted"]
    text = render(found)
    assert "AUC lost without it: b (" in text
