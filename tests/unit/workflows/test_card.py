from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.errors import NotFoundError
from jupyter_mlops.governance.model_card import verdict
from jupyter_mlops.interfaces.cli import main
from jupyter_mlops.records.access import Approval, Grant, Rule
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.model import ModelVersion, Promotion, Retirement, Signature
from jupyter_mlops.records.run import Environment, NamedVersion, Run, StageExecution
from jupyter_mlops.settings import load
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import card
from tests import notebooks
from tests.unit.governance import cards

if TYPE_CHECKING:
    from pathlib import Path


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00.000000Z"


@pytest.fixture
def store(workspace: Path) -> Store:
    return open_store(load())


def run(store: Store, run_id: str, minute: int, *cells: notebooks.CellSpec, **more: Any) -> Run:
    environment = Environment(python="3.11.7", platform="linux", packages={"numpy": "2.4.6"})
    return Run(
        run_id=run_id,
        status="succeeded",
        notebook="n.ipynb",
        notebook_digest=store.objects.put_bytes(notebooks.text(*cells).encode()),
        environment=store.objects.put_bytes(canonical_json(environment)),
        models=(NamedVersion(name="churn", version=1),),
        created_at=at(minute),
        author="ada",
        **more,
    )


@pytest.fixture
def version(store: Store) -> ModelVersion:
    """One version on record, made by stage `train` of run r1."""
    stage = StageExecution(key="k", pipeline="n", stage="train", source="", cells=(1,), run_id="r1")
    model = ModelVersion(
        name="churn",
        version=1,
        bundle=store.bundles.write({"a": "model"}, cards.manifest()),
        signature=Signature(layout="array", inputs=(), outputs=()),
        run_id="r1",
        stage="train",
        parents=("run/r1",),
        created_at=at(1),
        author="ada",
    )
    first = run(
        store, "r1", 0, "%%mlops card churn\nAs it was.", "%%mlops stage train\nx", parents=(str(stage.ref),)
    )
    store.ledger.append(stage, first, model)
    return model


def found(text: str = "churn") -> Any:
    return card.card(load(), text, clock=lambda: at(59))


def test_what_a_run_recorded_is_on_the_card(version: ModelVersion, store: Store) -> None:
    shown = found()
    assert (shown.title, shown.at, shown.task) == ("churn/1", at(59), "classification")
    assert (shown.run.run_id, shown.text_from) == ("r1", "run r1")
    assert shown.text.sections[0].text == "As it was."
    assert shown.environment.packages == {"numpy": "2.4.6"}
    assert shown.size_bytes > 0
    assert shown.signed_by == store.keys.fingerprint
    assert [(event.what, event.author) for event in shown.events] == [
        ("registered by stage train of run r1", "ada")
    ]
    with pytest.raises(NotFoundError, match="churn/2"):
        found("churn/2")


def test_the_text_is_that_of_the_newest_run_that_gave_the_version(
    version: ModelVersion, store: Store
) -> None:
    stage = "stage/n.train@r1"
    other = run(store, "r3", 9, "%%mlops card churn\nOf another version.", "x")
    failed = run(store, "r4", 10, "%%mlops card churn\nOf a failed run.", parents=(stage,))
    store.ledger.append(
        run(store, "r2", 5, "%%mlops card churn\nWritten since.", "x", parents=(stage,)),
        other,
        type(failed)(**{**{f: getattr(failed, f) for f in failed.__struct_fields__}, "status": "failed"}),
    )
    shown = found()
    assert (shown.text.sections[0].text, shown.text_from) == ("Written since.", "run r2")
    store.ledger.append(run(store, "r5", 11, "x = 1", parents=(stage,)))
    assert found().text is None


def test_a_version_registered_by_hand_has_the_words_of_its_time(version: ModelVersion, store: Store) -> None:
    def by_hand(number: int, minute: int) -> ModelVersion:
        return ModelVersion(
            name="lent", version=number, bundle="b" * 64, signature=version.signature, created_at=at(minute)
        )

    store.ledger.append(by_hand(1, 2), by_hand(2, 6), by_hand(3, 20))
    for minute, words in ((1, "first"), (4, "second"), (7, "third"), (8, "third"), (30, "last")):
        card.describe(load(), "lent", f"{words}\n", clock=partial(at, minute))
    texts = [found(f"lent/{number}").text.sections[0].text for number in (1, 2, 3)]
    assert texts == ["second", "third", "last"]
    assert len(store.ledger.find("description", "lent")) == 4
    log = [(line.action, line.subject) for line in store.audit.events()]
    assert log[0] == ("model.log", "model/lent")


def test_nothing_is_made_where_there_is_no_project_yet(workspace: Path) -> None:
    card.describe(load(), "churn", "For calls.")
    assert not (workspace / ".mlops").exists()


def test_everybodys_newest_word_about_this_bundle_counts(version: ModelVersion, store: Store) -> None:
    def word(minute: int, author: str, verdict: Any, bundle: str = version.bundle) -> Approval:
        return Approval(
            name="churn", version=1, bundle=bundle, verdict=verdict, reason="read", parents=(str(version.ref),),
            created_at=at(minute), author=author,
        )  # fmt: skip

    store.ledger.append(
        word(1, "ada", "approved"), word(2, "eva", "rejected"), word(3, "eva", "approved"), word(4, "kim", "approved", bundle="another"),
        word(5, "who is no approver", "approved"), Grant(grant_id="e", user="eva", role="approver"),
        Grant(grant_id="g", user="ada", role="admin"), Grant(grant_id="h", user=stamp.owner(), role="viewer"),
        Rule(rule_id="r", names="ch*", approvals=2),
    )  # fmt: skip
    shown = found()
    assert [(vote.author, vote.approved) for vote in shown.votes] == [("eva", True)]
    assert shown.approvals_needed == 2
    assert [event.what for event in shown.events[1:]] == ["approved", "rejected", "approved", "approved"]


def test_an_override_stands_until_the_next_promotion(version: ModelVersion, store: Store) -> None:
    def promotion(minute: int, **more: Any) -> Promotion:
        return Promotion(
            name="churn", version=1, alias="champion", authority="ledger", parents=(str(version.ref),),
            created_at=at(minute), author="ada", **more,
        )  # fmt: skip

    store.ledger.append(
        cards.evaluation(passed=False, version=1, parents=(str(version.ref),), created_at=at(2))
    )
    store.ledger.append(promotion(3, override=True, reason="the old one is broken"))
    shown = found("churn@champion")
    assert verdict.judge(shown).verdict == verdict.OVERRIDDEN
    assert [event.what for event in shown.events[1:]] == ["gate failed", "made champion by an override"]
    store.ledger.append(promotion(4))
    assert verdict.judge(found()).verdict == verdict.BLOCKED
    store.ledger.append(
        Retirement(name="churn", version=1, cause="superseded", parents=(str(version.ref),), created_at=at(5))
    )
    assert found().retired == "superseded"
    store.ledger.append(
        Promotion(
            name="churn",
            version=2,
            alias="champion",
            previous=1,
            authority="ledger",
            created_at=at(6),
            author="eva",
        )
    )
    assert (found("churn/1").events[-1].what, found("churn/1").aliases) == (
        "replaced as champion by churn/2",
        (),
    )


def test_a_bundle_that_is_not_what_was_recorded_is_told(version: ModelVersion, store: Store) -> None:
    path = store.objects.path(version.bundle)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"churn", b"chern"))
    shown = found()
    assert verdict.judge(shown).verdict == verdict.BROKEN
    assert "Not to be used" in card.write(shown, "md")


def test_what_is_gone_is_not_recorded(version: ModelVersion, store: Store) -> None:
    gone = ModelVersion(
        name="churn", version=2, bundle="b" * 64, signature=version.signature, run_id="lost", stage="train",
        datasets=("dataset/lost@" + "c" * 64,), created_at=at(2),
    )  # fmt: skip
    store.ledger.append(gone)
    shown = found("churn/2")
    assert (shown.run, shown.text, shown.manifest, shown.environment) == (None, None, None, None)
    assert "| `lost@cccccccccccc` | ❌ not recorded |" in card.write(shown, "md")


def typed(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["models", "card", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_command_writes_by_the_files_name(
    version: ModelVersion, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("churn") == 0
    assert "# churn/1" in capsys.readouterr().out
    for name, beginning in {"card.html": "<!doctype", "card.md": "---\n", "bom.json": "{"}.items():
        assert typed("churn/1", "-o", name) == 0
        assert capsys.readouterr().out == f"churn/1: {name}\n"
        assert (workspace / name).read_text().startswith(beginning)
    assert typed("churn", "--format", "cyclonedx") == 0
    assert json.loads(capsys.readouterr().out)["bomFormat"] == "CycloneDX"
    assert typed("churn", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"]["verdict"], document["model"]["name"]) == ("not judged", "churn")


@pytest.mark.parametrize(
    "words, message",
    [(("churn/7",), "no model version 'churn/7'"), (("churn", "-o", "mlops.toml/card.md"), "can't be written"),
     (("churn", "--format", "pdf"), "is not one of"), (("churn", "-o", "."), "is a directory")],
)  # fmt: skip
def test_what_cant_be_written_is_one_line(
    version: ModelVersion, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(*words) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert message in said.err
