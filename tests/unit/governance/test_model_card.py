from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jupyter_mlops.governance.model_card import markdown, page, prose, verdict
from jupyter_mlops.governance.model_card.layout import lay_out
from jupyter_mlops.governance.model_card.record import Card, Event, Vote
from jupyter_mlops.records.evaluation import ConditionResult, Figure, Slice
from jupyter_mlops.records.explanation import Importance
from tests.unit.governance import cards

HOSTILE = """</td><script>alert(1)</script>"'`|*_[x](javascript:alert(1))\\ <img src=x onerror=alert(1)> {{ 7 * 7 }} &lt;"""
ADDED = {"br", "details", "summary"}


class Structure(HTMLParser):
    """What a browser makes of a page: tags and attributes, without the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]


def html(card: Card) -> str:
    return page.render(lay_out(card))


def text(card: Card) -> str:
    return markdown.render(lay_out(card))


def body(written: str) -> str:
    return written.partition("\n---\n")[2]


def without_prose(card: Card) -> Card:
    """What a person wrote as Markdown may have any structure; all the rest may not."""
    return msgspec.structs.replace(card, text=None)


# Control characters have no place in HTML or YAML; what users give is stripped of them by neither.
plain = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30).filter(
    str.strip
)


@settings(max_examples=30, deadline=None)
@given(plain)
@example(HOSTILE)
def test_no_text_of_a_users_changes_the_pages_structure(words: str) -> None:
    expected = Structure(html(without_prose(cards.full())))
    found = Structure(html(without_prose(cards.full(words))))
    assert found.seen == expected.seen
    assert all(link.startswith("#") for link in found.links)


def tokens(written: str) -> list[tuple[str, str]]:
    """What a reader of Markdown makes of a text: blocks, and raw HTML in lines; the words are left out."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(written):
        if token.type == "html_block":
            found.append(
                (
                    "html",
                    "".join(part for part in token.content.split() if part in ("<details>", "</details>")),
                )
            )
        elif token.type == "inline":
            found += [
                ("inline", child.content) for child in token.children or () if child.type == "html_inline"
            ]
            found += [("link", "") for child in token.children or () if child.type in ("link_open", "image")]
        else:
            found.append((token.type, token.tag))
    return found


@settings(max_examples=30, deadline=None)
@given(plain)
@example(HOSTILE)
@example("1. x")
@example("- x")
@example(">0")
@example("=")
@example("+")
@example("---")
@example("12)")
@example("# x")
@example("a|b\n\n| c |")
def test_no_text_of_a_users_changes_the_markdowns_structure(words: str) -> None:
    expected = tokens(body(text(without_prose(cards.full()))))
    assert tokens(body(text(without_prose(cards.full(words))))) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>scriptimg`~ \n#/=\"'!&-[]()x:", max_size=80))
@example("```\n<b>\n```\n<b> `<i>` <https://example.org> <!-- x -->")
@example(HOSTILE)
def test_what_a_person_wrote_holds_no_html_of_its_own(words: str) -> None:
    raw = [(kind, what) for kind, what in tokens(prose.markdown(words)) if kind in ("html", "inline")]
    assert raw == []
    shown = Structure(prose.html(words))
    assert not {tag for tag, _ in shown.seen} & {"script", "img", "b", "i", "s", "style", "iframe", "svg"}
    assert not any(link.lower().startswith("javascript") for link in shown.links)


def test_code_in_what_a_person_wrote_stays_as_it_is() -> None:
    written = "Use `a < b`:\n\n```html\n<b># no heading</b>\n```\n\n# Heading\n\n<b>bold</b>"
    shown = prose.markdown(written)
    assert "`a < b`" in shown
    assert "<b># no heading</b>" in shown
    assert "### Heading" in shown
    assert "\\<b>bold\\</b>" in shown


def test_hub_pages_read_the_front_matter() -> None:
    from huggingface_hub import ModelCard, ModelCardData

    card = cards.full()
    assert card.text is not None
    own = msgspec.structs.replace(card.text, front={"license": "mit", "tags": ["ours"]})
    read = ModelCard(text(msgspec.structs.replace(card, text=own)))
    assert isinstance(read.data, ModelCardData)
    assert (read.data.license, read.data.library_name, read.data.tags) == ("mit", "sklearn", ["ours"])
    assert [(each.metric_type, each.metric_value) for each in read.data.eval_results or []] == [
        ("accuracy", 0.82),
        ("log_loss", 0.4),
    ]
    (result,) = {(each.dataset_name, each.task_type) for each in read.data.eval_results or []}
    assert result == ("churn-test", "tabular-classification")
    assert "# churn/3" in read.text


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(plain, plain | st.booleans() | st.lists(plain, max_size=2) | st.dates(), max_size=3))
def test_any_front_matter_comes_back(front: dict[str, Any]) -> None:
    card = cards.full()
    assert card.text is not None
    written = text(msgspec.structs.replace(card, text=msgspec.structs.replace(card.text, front=front)))
    read = yaml.safe_load(written.removeprefix("---\n").partition("\n---\n")[0])
    assert {key: read[key] for key in front} == front


def test_the_whole_record_is_on_the_card() -> None:
    for written in (html(cards.full("given")), text(cards.full("given"))):
        for words in (
            "Cleared: it passed its gates", "approved by given", "1,200 test rows", "0.78 to 0.86", "difference +0.01",
            "roc_auc >= champion.roc_auc - 0.01", "Limits", "jupyter mlops reproduce churn/3", "d" * 64, "1" * 40,
            "numpy", "2.4.6", "12.3 kB", "Python 3.11.7", "given = 7", "given1",
        ):  # fmt: skip
            assert words in written.replace("&gt;", ">").replace("\\", "").replace("&#39;", "'"), words
        assert "not recorded" in written  # where the data came from; and in the footer


def test_what_is_missing_is_said_to_be() -> None:
    shown = text(cards.bare())
    for words in (
        "Approvals: not recorded", "Intended use: not recorded", "Limits: not recorded", "Gates: not recorded",
        "Data: not recorded", "How groups of people fare: not recorded", "| Git commit | not recorded |",
        "| Environment | not recorded |", "| Notebook | not recorded |", "| Signature | not recorded |",
        "Not judged: no gate has evaluated this version", "It was registered by hand",
    ):  # fmt: skip
        assert words in shown, words
    assert Structure(html(cards.bare())).seen


def vote(*, approved: bool, author: str = "eva") -> Vote:
    return Vote(at=cards.AT, author=author, approved=approved, reason="read it")


OVERRIDE = Event(at=cards.AT, what="override", author="ada", reason="the old one is broken")
PASSED, FAILED = cards.evaluation(), cards.evaluation(passed=False)


@pytest.mark.parametrize(
    "card, expected, said",
    [
        ({"evaluations": (PASSED,)}, verdict.CLEARED, "2 of 2 conditions"),
        ({"evaluations": (FAILED,)}, verdict.BLOCKED, "failed: roc_auc"),
        ({"evaluations": (PASSED, FAILED)}, verdict.BLOCKED, "3 of 4 conditions"),
        ({}, verdict.NOT_JUDGED, "nobody's approval is on record"),
        ({"evaluations": (FAILED,), "override": OVERRIDE}, verdict.OVERRIDDEN, "ada overrode what stood against it: the old one"),
        ({"evaluations": (PASSED,), "votes": (vote(approved=False),)}, verdict.REJECTED, "rejected by eva: read it"),
        ({"evaluations": (PASSED,), "approvals_needed": 2, "votes": (vote(approved=True),)}, verdict.WAITING, "(2 needed)"),
        (
            {"evaluations": (PASSED,), "approvals_needed": 1, "votes": (vote(approved=True),)},
            verdict.CLEARED,
            "approved by eva (1 needed)",
        ),
        ({"evaluations": (PASSED,), "broken": "its signature doesn't fit"}, verdict.BROKEN, "its signature doesn't fit"),
        ({"evaluations": (PASSED,), "retired": "its stage ran again"}, verdict.CLEARED, "out of use: its stage ran again"),
    ],
)  # fmt: skip
def test_the_verdict_comes_first(card: dict[str, Any], expected: str, said: str) -> None:
    decision = verdict.judge(msgspec.structs.replace(cards.bare(), **card))
    assert decision.verdict == expected
    assert said in "; ".join(decision.reasons)
    headline, tone = verdict.headline(decision)
    assert (tone == "ok") == (expected == verdict.CLEARED)
    shown = text(msgspec.structs.replace(cards.bare(), **card))
    assert headline in shown.partition("\n## ")[0]


def test_an_override_is_prominent() -> None:
    card = msgspec.structs.replace(cards.bare(), evaluations=(FAILED,), override=OVERRIDE)
    assert "**Override.** By ada, 2026-03-01 10:00 UTC. Reason: the old one is broken" in text(card)
    assert '<p class="note bad"><b>Override.</b>' in html(card)


def test_a_pass_by_a_hair_is_told() -> None:
    close, clear = cards.evaluation(ci=(0.78, 0.86)), cards.evaluation(ci=(0.81, 0.86))
    told = [
        verdict.cautions(msgspec.structs.replace(cards.full(), evaluations=(each,)))
        for each in (close, clear)
    ]
    assert [any("chance could explain it" in line for line in lines) for lines in told] == [True, False]


def test_an_optional_condition_is_shown_as_not_evaluated() -> None:
    gpu = ConditionResult(
        text="gpu_peak_memory_mb <= 8000", status="not evaluated", optional=True, reason="no GPU here"
    )
    card = msgspec.structs.replace(
        cards.bare(), evaluations=(msgspec.structs.replace(PASSED, conditions=(*PASSED.conditions, gpu)),)
    )
    assert "optional; no GPU here" in text(card)
    assert "not evaluated (optional): gpu_peak_memory_mb <= 8000" in "; ".join(verdict.judge(card).reasons)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"run": None, "model": cards.model()}, "It was registered by hand"),
        ({"datasets": ()}, "What data it was trained on is not recorded"),
        ({"evaluations": (cards.evaluation(slices=()),)}, "It was not compared between groups"),
        ({"evaluations": (cards.evaluation(rows=0, slices=()),)}, "It was judged without test rows"),
        ({}, "Its code differs from git commit 111111111111"),
        ({"run": msgspec.structs.replace(cards.run(), commit=None)}, "the notebook itself is on record"),
        (
            {"model": msgspec.structs.replace(cards.model(), datasets=("dataset/churn-test@" + "d" * 64,))},
            "are a dataset version that it read itself",
        ),
    ],
)
def test_what_no_gate_says_is_said(changes: dict[str, Any], said: str) -> None:
    shown = verdict.cautions(msgspec.structs.replace(cards.full(), **changes))
    assert any(said in line for line in shown), shown


def test_a_regressions_figures_have_axes_of_their_own() -> None:
    figures = (
        Figure(metric="mean_absolute_error", value=123456.0, ci=(120000.0, 130000.0)),
        Figure(metric="root_mean_squared_error", value=3.2),
    )
    conditions = (
        ConditionResult(
            text="mean_absolute_error <= 125000", status="passed", value=123456.0, threshold=125000.0
        ),
    )
    parts = tuple(
        Slice(
            attribute="region",
            group=name,
            rows=50,
            figures=(msgspec.structs.replace(figures[0], value=value),),
        )
        for name, value in (("north", 121000.0), ("south", 128000.0))
    )
    judged = cards.evaluation(figures=figures, conditions=conditions, slices=parts)
    card = msgspec.structs.replace(cards.full(), evaluations=(judged,), explanation=None)
    shown = text(card)
    assert "| mean absolute error | **123,456** | 120,000 to 130,000 | 125,000 |" in shown
    assert "mean absolute error where it is worst: region south" in shown
    assert "axis from" not in html(card)
    assert html(card).count('class="bar"') == 3


def test_a_group_without_a_figure_says_so() -> None:
    bare = Slice(attribute="x", group="few", rows=31)
    judged = cards.evaluation(slices=(*cards.evaluation().slices, bare))
    assert "| **few** | 31 | not recorded |" in text(
        msgspec.structs.replace(cards.full(), evaluations=(judged,))
    )


def test_what_it_decides_by_names_the_protected_attribute() -> None:
    card = cards.full("sex")
    shown = text(card)
    assert "| `sex`<br>protected: sex | **0.1**<br>0.08 to 0.12 | **0.5**<br>0.4 to 0.6 |" in shown
    assert (
        "It decides by the protected attribute sex: ROC AUC loses 0.1 when it is shuffled (0.08 to 0.12)"
        in shown
    )
    assert 'aria-label="sex 0.1, 95% interval 0.08 to 0.12"' in html(card)
    without = text(msgspec.structs.replace(card, explanation=None))
    assert "What it decides by: not recorded. jupyter mlops models explain churn/3 measures it." in without


def test_columns_that_matter_less_are_folded() -> None:
    few = tuple(Importance(feature=f"c{place}", loss=1 / (place + 1)) for place in range(20))
    explained = msgspec.structs.replace(cards.explanation(), importance=few, scale=None, method=None)
    page_ = html(msgspec.structs.replace(cards.full(), explanation=explained))
    assert "5 columns that matter less" in page_
    assert page_.index("c14") < page_.index("5 columns that matter less") < page_.index("c15")
    assert "moves the" not in page_
