from __future__ import annotations

from html.parser import HTMLParser

from jupyter_mlops.pipeline.render import run_page
from jupyter_mlops.records.pipeline import Pipeline, Stage
from jupyter_mlops.records.provenance import Commit
from jupyter_mlops.records.run import NamedVersion, Run, StageError, StageRun

EVIL = '<script>alert("x")</script>'
PIPELINE = Pipeline(
    notebook="churn.ipynb",
    stages=(
        Stage(name="load", cells=(1,), outputs=("df",)),
        Stage(name="train", cells=(2,), upstream=("load",), inputs=("df",), producers={"df": "load"}),
        Stage(name="report", cells=(3,), upstream=("train",)),
    ),
)
STAGES = (
    StageRun(name="load", status="cached", reason="nothing changed", executed="/there"),
    StageRun(
        name="train",
        status="failed",
        seconds=61.5,
        kernel="warm",
        reason="parameter seed 7 -> 8",
        executed="/there",
        error=StageError(type="ValueError", message=EVIL, cell=2, line=3, traceback=f"Traceback {EVIL}"),
    ),
    StageRun(name="report", status="skipped", reason="stage train failed"),
)
RUN = Run(
    run_id="20261121-1",
    status="failed",
    notebook=f"{EVIL}.ipynb",
    stages=STAGES,
    params={"seed": 8, "words": EVIL, "long": "x" * 10_000},
    metrics={"accuracy": 0.9384123},
    models=(NamedVersion(name="churn", version=4),),
    datasets=(NamedVersion(name="people", version="4f2a" * 16),),
    commit=Commit(sha="91ac6df" + "0" * 33, dirty=True),
    created_at="2026-11-21T11:00:00.000000Z",
    finished_at="2026-11-21T12:01:00.000000Z",
)


class Page(HTMLParser):
    """Collect what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "path", "br"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def render(run: Run = RUN) -> str:
    return run_page.render(run, PIPELINE, links={"load": "products/load.ipynb", "train": "products/t.ipynb"})


def test_everything_on_record_is_on_the_page() -> None:
    page = Page(render())
    text = " ".join(page.words)
    for words in (
        "train, cell 2, line 3", "ValueError", "parameter seed 7 -> 8", "nothing changed", "stage train failed",
        "warm", "1 min 1 s", "1 h 1 min", "accuracy", "0.938412", "churn", "4f2a4f2a4f2a", "91ac6df00000, with changes",
        "takes", "makes", "2026-11-21 12:01:00 UTC",
    ):  # fmt: skip
        assert words in text, words
    assert page.open == []


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = Page(render())
    assert "script" not in page.tags
    assert EVIL in " ".join(page.words), "it is shown, as text"
    assert set(page.links) == {"products/load.ipynb", "products/t.ipynb"}
    assert "http" not in render().replace("http://www.w3.org/2000/svg", "")


def test_a_large_run_is_a_small_file() -> None:
    many = tuple(Stage(name=f"stage{number}", cells=(number,)) for number in range(100))
    stages = tuple(StageRun(name=stage.name, status="cached", reason="nothing changed") for stage in many)
    run = Run(run_id="r", status="succeeded", notebook="n.ipynb", stages=stages)
    assert len(run_page.render(run, Pipeline(notebook="n.ipynb", stages=many), links={})) < 200_000
    huge = StageError(type="E", message="x" * 10**6, traceback="y" * 10**6)
    failed = StageRun(name="stage0", status="failed", error=huge)
    assert len(render(Run(run_id="r", status="failed", notebook="n.ipynb", stages=(failed,)))) < 30_000


def test_a_run_that_never_began_has_a_page() -> None:
    assert "n.ipynb" in render(Run(run_id="r", status="failed", notebook="n.ipynb"))
