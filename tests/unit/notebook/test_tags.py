from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook.tags import (
    Tag,
    conditions,
    of_cell,
    parse_arguments,
    to_magic,
    to_metadata,
    untagged,
)
from jupyter_mlops.records.pipeline import StageOptions

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True)
options = st.builds(
    StageOptions,
    after=st.lists(names, max_size=3, unique=True).map(tuple),
    retries=st.integers(0, 999),
    timeout=st.none() | st.floats(1e-3, 1e7),
    gpu=st.booleans(),
    cache=st.booleans(),
)
tags = st.one_of(
    st.builds(Tag, kind=st.just("stage"), name=names, options=options),
    st.builds(Tag, kind=st.sampled_from(["gate", "card"]), name=names),
    st.builds(Tag, kind=st.sampled_from(["params", "setup", "skip"])),
)


@given(tags)
def test_every_way_round_gives_the_same_tag(tag: Tag) -> None:
    magic = to_magic(tag)
    by_magic = of_cell(magic + "\nx = 1", {})
    metadata = json.loads(json.dumps(to_metadata(tag)))
    assert by_magic == of_cell("x = 1", metadata) == tag
    assert to_magic(by_magic) == magic


@given(st.text(max_size=60))
def test_any_text_is_a_tag_or_a_usage_error(text: str) -> None:
    try:
        tag = parse_arguments(text)
    except UsageError:
        return
    assert parse_arguments(to_magic(tag).removeprefix("%%mlops")) == tag


@pytest.mark.parametrize(
    "text, expected",
    [
        ("stage train", Tag(kind="stage", name="train")),
        (
            "stage train --after a --after=b,c --retries 2 --timeout 10m --gpu --no-cache",
            Tag(
                kind="stage",
                name="train",
                options=StageOptions(after=("a", "b", "c"), retries=2, timeout=600.0, gpu=True, cache=False),
            ),
        ),
        ("stage t --memory 4GB", Tag(kind="stage", name="t", options=StageOptions(memory=4 << 30))),
        ("stage t --memory 1.5g", Tag(kind="stage", name="t", options=StageOptions(memory=3 << 29))),
        ("stage --timeout 1.5h t", Tag(kind="stage", name="t", options=StageOptions(timeout=5400.0))),
        (" gate churn ", Tag(kind="gate", name="churn")),
        ("card churn", Tag(kind="card", name="churn")),
        ("params", Tag(kind="params")),
    ],
)
def test_arguments(text: str, expected: Tag) -> None:
    assert parse_arguments(text) == expected


@pytest.mark.parametrize(
    "text, said",
    [
        ("stag train", "stage"),
        ("stage train --retry 2", "--retries"),
        ("stage train --retries", "needs a value"),
        ("stage train --retries x", "retries"),
        ("stage train --retries -1", "retries"),
        ("stage train --timeout 10x", "10x"),
        ("stage train --timeout 0", "'0'"),
        ("stage train --memory lots", "'lots' is not an amount"),
        ("stage train --memory 0.1", "4GB"),
        ("stage train --timeout infs", "not a time"),
        ("stage", "NAME"),
        ("stage ../x", "can't name"),
        ("stage a b", "one word too many"),
        ("gate", "model"),
        ("gate m --retries 2", "only stages"),
        ("card", "lacks the model"),
        ("card ../m", "can't name a model"),
        ("setup x", "one word too many"),
        ("stage 'a", "quotation"),
        ("", "one of stage"),
    ],
)
def test_mistakes_are_named_with_the_mend(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "metadata, expected",
    [
        ({"mlops": {"kind": "stage", "name": "t", "retries": 2}}, StageOptions(retries=2)),
        ({"mlops": {"kind": "stage", "name": "t", "timeout": 90}}, StageOptions(timeout=90.0)),
        ({"mlops": {"kind": "stage", "name": "t", "memory": "512MB"}}, StageOptions(memory=512 << 20)),
        (
            {"mlops": {"kind": "stage", "name": "t", "after": "a", "cache": False}},
            StageOptions(after=("a",), cache=False),
        ),
        ({"mlops": {"kind": "stage", "name": "t"}, "tags": ["parameters"]}, StageOptions()),
    ],
)
def test_metadata(metadata: dict[str, object], expected: StageOptions) -> None:
    assert of_cell("x", metadata) == Tag(kind="stage", name="t", options=expected)


@pytest.mark.parametrize(
    "inner",
    [
        {}, [], "stage", {"kind": 1}, {"kind": "stage"}, {"kind": "stage", "name": 3}, {"kind": "stage", "name": "t", "retry": 1},
        {"kind": "stage", "name": "t", "gpu": "yes"}, {"kind": "stage", "name": "t", "after": [1]}, {"kind": "stage", "name": "t", "timeout": True},
        {"kind": "stage", "name": "t", "retries": 1.5}, {"kind": "setup", "name": "x"}, {"kind": "gate"}, {"kind": "gates"},
    ],
)  # fmt: skip
def test_odd_metadata_is_refused(inner: object) -> None:
    with pytest.raises(UsageError):
        of_cell("x", {"mlops": inner})


def test_the_first_line_wins_over_metadata() -> None:
    metadata = {"mlops": {"kind": "skip"}}
    assert of_cell("%%mlops setup\nx", metadata) == Tag(kind="setup")
    assert of_cell("x", {"tags": ["parameters"]}) == Tag(kind="params")
    assert of_cell("x", {"tags": ["injected-parameters"]}) == Tag(kind="params")
    assert of_cell("x", {"tags": ["other"], "mlops": None}) is None
    assert of_cell("x\n%%mlops setup", {}) is None
    assert of_cell("%%mlopsx", {}) is None


@pytest.mark.parametrize(
    "source, expected",
    [
        ("%%mlops stage a\nx = 1", "# %%mlops stage a\nx = 1"),
        ("%%mlops stage a", "# %%mlops stage a"),
        ("\n%%mlops setup\nx", "\n# %%mlops setup\nx"),
        ("%%mlops stage a\n%%time\nx", "%%time\nx"),
        ("%%mlops stage a\r\nx", "# %%mlops stage a\r\nx"),
        ("x = 1\n", "x = 1\n"),
        ("", ""),
    ],
)
def test_untagged_keeps_the_lines(source: str, expected: str) -> None:
    assert untagged(source) == expected


def test_conditions_are_the_lines_that_say_something() -> None:
    assert conditions("%%mlops gate m\n\n a > 1 \n# no\nb < 2\n") == ("a > 1", "b < 2")
