from __future__ import annotations

from html.parser import HTMLParser

import msgspec

from jupyter_mlops.explanation import picture
from jupyter_mlops.records.explanation import Explanation, Importance, RowExplanation

FOUND = Explanation(
    model="churn",
    version=3,
    metric="roc_auc",
    score=0.91,
    rows=2000,
    rounds=5,
    method="tree paths",
    scale="score",
    attributed_rows=500,
    notes=("region is no input of the model",),
    importance=(
        Importance(
            feature="age",
            loss=0.3,
            loss_ci=(0.28, 0.32),
            attribution=1.5,
            attribution_ci=(1.4, 1.6),
            direction=0.9,
        ),
        Importance(feature="sex", loss=0.01, loss_ci=(0.004, 0.016), attribution=0.2, protected="sex"),
        Importance(feature="noise", loss=-0.001, loss_ci=(-0.002, 0.001), attribution=0.02, direction=0.01),
    ),
)


class Words(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.labels: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.labels += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_sentence_names_what_matters_beyond_chance():
    assert picture.summary(FOUND) == (
        "churn/3 decides most by age, sex (roc_auc 0.91 on 2,000 test rows, tree paths of 500)"
    )
    nothing = msgspec.structs.replace(FOUND, importance=FOUND.importance[2:])
    assert "none of its columns" in picture.summary(nothing)
    unscored = msgspec.structs.replace(
        FOUND, importance=(Importance(feature="a", attribution=1.0),), metric=""
    )
    assert picture.summary(unscored) == "churn/3 decides most by a (tree paths of 500)"


def test_each_column_has_its_bars_with_words_for_who_cannot_see_them():
    page = Words(picture.html(FOUND))
    assert "0.3 [0.28, 0.32]" in page.labels
    assert "1.5 [1.4, 1.6]" in page.labels
    assert page.tags.count("svg") == 6
    text = " ".join(page.words)
    for words in ("protected: sex", "higher raises it", "either way", "region is no input", "roc_auc lost"):
        assert words in text


def test_many_columns_are_cut_off_and_counted():
    many = tuple(Importance(feature=f"c{place}", loss=0.1) for place in range(30))
    text = picture.html(msgspec.structs.replace(FOUND, importance=many, scale=None, method=None))
    assert "5 more columns matter less" in text
    assert "c24" in text
    assert "c25" not in text


def test_names_are_escaped():
    hostile = "</td><script>alert(1)</script>"
    found = msgspec.structs.replace(
        FOUND, importance=(Importance(feature=hostile, loss=0.1, protected=hostile),), notes=(hostile,)
    )
    row = RowExplanation(base=0.1, value=0.7, attributions={hostile: 0.6}, output=hostile)
    for text in (picture.html(found), picture.rows_html([row], "tree paths", "score")):
        assert "script" not in Words(text).tags


def test_an_answer_shows_what_raised_and_what_lowered_it():
    row = RowExplanation(base=0.5, value=0.4, attributions={"a": 0.1, "b": -0.2}, output="yes")
    page = Words(picture.rows_html([row], "linear weights", "probability"))
    assert page.labels == ["b adds -0.2", "a adds +0.1"]
    assert "probability of yes " in page.words[2] or "probability of yes " in " ".join(page.words)
