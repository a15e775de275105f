"""`jupyter mlops data` and `jupyter mlops models`, as a person types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.interfaces.cli import main
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature, Tensor
from jupyter_mlops.settings import load
from jupyter_mlops.store.opened import open_store

if TYPE_CHECKING:
    from pathlib import Path


class Answer:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def type_in(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> Answer:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Answer(caught.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def models(workspace: Path) -> None:
    """Two versions on record, the newer one with a failed gate."""
    signature = Signature(
        layout="frame",
        inputs=(Tensor(name="age", datatype="FP64", shape=(-1,)),),
        outputs=(Tensor(name="predict", datatype="INT64", shape=(-1,)),),
    )
    versions = [
        ModelVersion(
            name="churn",
            version=number,
            bundle="b" * 64,
            signature=signature,
            metrics={"auc": 0.8 + number / 100},
            params={"C": number},
            datasets=("dataset/census@" + "c" * 64,),
            run_id="r1",
            stage="train",
        )
        for number in (1, 2)
    ]
    gate = Evaluation(
        model="churn",
        version=2,
        passed=False,
        conditions=(ConditionResult(text="auc >= 0.9", status="failed"),),
        created_at="2026-11-21T08:00:00Z",
    )
    open_store(load()).ledger.append(*versions, gate)


def test_an_empty_project_says_so_and_stays_empty(type_in: Any, workspace: Path) -> None:
    assert "there is no model yet" in type_in("models", "list").out
    assert "there is no dataset yet" in type_in("data", "list").out
    assert type_in("models", "list", "--json").document == []
    missed = type_in("models", "show", "churn")
    assert (missed.status, missed.err) == (2, "error: no model 'churn'; there is no model yet [MLO400]\n")
    assert [path.name for path in workspace.iterdir()] == ["mlops.toml"]


def test_the_way_of_a_dataset(type_in: Any, workspace: Path) -> None:
    (workspace / "a.csv").write_text("n,c,t\n1,x,2020-01-01\n2,y,2020-01-02\n")
    first = type_in("data", "add", "churn", "a.csv", "--json").document["version"]
    (workspace / "a.csv").write_text("n,c\n1,x\n3,\n")
    assert "2 rows, 2 columns" in type_in("data", "add", "churn", "a.csv").out
    listed = type_in("data", "list").out
    assert first[:12] in listed
    assert first not in listed
    assert [version["rows"] for version in type_in("data", "list", "churn", "--json").document] == [2, 2]
    shown = type_in("data", "show", f"churn@{first[:6]}").out
    assert "1 .. 2, mean 1.5" in shown
    assert "2 different: x (1), y (1)" in shown
    changed = type_in("data", "diff", f"churn@{first[:6]}", "churn").out
    for line in ("rows: 2 -> 2", "- column t", "column c: 0 -> 1 missing", "1 rows added, 1 removed"):
        assert line in changed
    assert type_in("data", "diff", "churn", "churn").out == "the same content\n"
    path = type_in("data", "checkout", f"churn@{first[:6]}", "--json").document["path"]
    assert path.endswith("a.csv")
    assert type_in("data", "checkout", "churn", "--to", "b.csv").out == "b.csv\n"
    assert (workspace / "b.csv").read_text() == "n,c\n1,x\n3,\n"


def test_the_way_of_a_folder(type_in: Any, workspace: Path) -> None:
    (workspace / "images").mkdir()
    (workspace / "images" / "a.png").write_bytes(b"a")
    assert "1 files" in type_in("data", "add", "images", "images").out
    (workspace / "images" / "b.png").write_bytes(b"b")
    added = type_in("data", "add", "images", "images", "--from", "images", "--json").document
    first = added["parents"][0].partition("@")[2]
    assert "made from images@" in type_in("data", "show", "images").out
    changed = type_in("data", "diff", f"images@{first}", "images").out
    assert "1 files added, 0 removed, 0 changed\n+ b.png" in changed
    assert "whole" in type_in("data", "verify", "images").out
    assert type_in("data", "checkout", "images", "--to", "copy", "--dvc").out == "copy\n"
    assert (workspace / "copy.dvc").is_file()
    assert type_in("data", "add", "images", "copy.dvc", "--json").document["version"] == added["version"]
    stored = workspace / ".mlops" / "objects" / first[:2] / first
    stored.chmod(0o644)
    stored.write_bytes(b"spoiled")
    verified = type_in("data", "verify", "--json")
    assert verified.status == 1
    assert {each["version"]: each["status"] for each in verified.document} == {
        f"dataset/images@{first}": "changed",
        f"dataset/images@{added['version']}": "whole",
    }


def test_names_that_look_like_styles_or_move_the_cursor_are_shown_as_they_are(
    type_in: Any, workspace: Path
) -> None:
    (workspace / "[").mkdir()
    (workspace / "[" / "b].csv").write_text("[/b],[red]\n[/],x\n")
    type_in("data", "add", "churn", "[/b].csv")
    assert "[/b].csv" in type_in("data", "list").out
    shown = type_in("data", "show", "churn").out
    assert "[/b]" in shown
    assert "[red]" in shown
    for name in ("plain.png", "\x1b[2Jevil.png"):
        (workspace / "[" / name).write_bytes(b"1")
        type_in("data", "add", "files", "[")
    first = type_in("data", "list", "files", "--json").document[-1]["version"]
    told = type_in("data", "diff", f"files@{first}", "files").out
    assert "\x1b" not in told
    assert "evil.png" in told


def test_a_value_that_moves_the_cursor_is_shown_as_it_is_written(type_in: Any, workspace: Path) -> None:
    (workspace / "a.csv").write_text("\x1b[31mcolumn\n\x1b[2Jvalue\n")
    type_in("data", "add", "churn", "a.csv")
    shown = type_in("data", "show", "churn").out
    assert "\x1b" not in shown
    assert "\\x1b[2Jvalue (1)" in shown


def test_a_column_beyond_what_floats_hold_is_shown(type_in: Any, workspace: Path) -> None:
    (workspace / "a.csv").write_text("n\n1e308\n-1e308\ninf\n")
    type_in("data", "add", "churn", "a.csv")
    assert "-1e+308 .. 1e+308, mean 0, std beyond floats, 1 infinite" in type_in("data", "show", "churn").out


def test_more_different_values_than_can_be_remembered_are_about_so_many(
    type_in: Any, workspace: Path
) -> None:
    (workspace / "a.csv").write_text("word\n" + "".join(f"w{number}\n" for number in range(19_950)))
    column = type_in("data", "add", "churn", "a.csv", "--json").document["columns"][0]
    assert column["profile"]["unique"] <= 19_950
    assert "about 19,950 different, " in type_in("data", "show", "churn").out


def test_nothing_is_cut_off_elsewhere_than_in_a_terminal(
    type_in: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "a-name-that-is-longer-than-the-terminal-is-wide"
    (workspace / "a.csv").write_text(f"{name}\n1\n")
    version = type_in("data", "add", name, "a.csv", "--json").document["version"]
    listed = type_in("data", "list").out
    assert f"{name}  {version[:12]}  1 x 1" in listed
    assert f"{name}  int64" in type_in("data", "show", name).out


def test_a_folder_against_a_table(type_in: Any, workspace: Path) -> None:
    (workspace / "images").mkdir()
    for place in ("images/a.png", "images/b.png"):
        (workspace / place).write_bytes(place.encode())
        type_in("data", "add", "images", "images")
    (workspace / "a.csv").write_text("n\n1\n")
    type_in("data", "add", "churn", "a.csv")
    first = type_in("data", "list", "images", "--json").document[-1]["version"]
    assert "rows:" not in type_in("data", "diff", f"images@{first}", "images").out
    assert "rows: no table -> 1\n" in type_in("data", "diff", "images", "churn").out


def test_names_that_arent_shown_are_counted(type_in: Any, workspace: Path) -> None:
    (workspace / "a.csv").write_text("n\n1\n")
    for name in "abcdefg":
        type_in("data", "add", name, "a.csv")
    assert "; there are: a, b, c, d, e and 2 more [MLO400]" in type_in("data", "show", "nothing").err


def test_rows_by_key_and_what_would_go(type_in: Any, workspace: Path) -> None:
    (workspace / "a.csv").write_text("id,n\n1,1\n2,2\n")
    first = type_in("data", "add", "churn", "a.csv", "--json").document["version"]
    (workspace / "a.csv").write_text("id,n\n1,1\n2,3\n")
    type_in("data", "add", "churn", "a.csv")
    told = type_in("data", "diff", f"churn@{first}", "churn", "--key", "id").out
    assert (
        "0 rows added, 0 removed, 1 changed (by id)\ncolumn n: 1 values changed\n~ id 2, n: 2 -> 3\n" in told
    )
    found = type_in("data", "gc", "--keep", "1", "--dry-run", "--json").document
    assert (found["versions"], found["contents"]) == ([f"dataset/churn@{first}"], 1)
    assert f"churn@{first[:12]}\n1 contents would go" in type_in("data", "gc", "--keep", "1", "--dry-run").out
    assert "0 contents gone" in type_in("data", "gc").out


@pytest.mark.parametrize(
    "words, message",
    [
        (("data", "diff", "churn", "churn", "--key", "x"), "no dataset 'churn'"),
        (("data", "checkout", "churn", "--dvc"), "say --to"),
        (("data", "add", "churn", "a.csv", "--query", "SELECT 1"), "is no URL of one"),
        (("data", "add", "churn", "a.csv", "--from", "raw"), "no dataset 'raw'"),
        (("data", "add", "churn", "memory://nothing"), "nothing is at memory://nothing"),
        (("data", "gc", "--keep", "0"), "'--keep'"),
        (
            ("data", "add", "churn", "sqlite:///a.db"),
            "sqlite:///a.db is a database; say what to ask it: --query",
        ),
        (("data", "show", ""), "no dataset ''"),
        (("data", "show", "@4f2a"), "no dataset '@4f2a'"),
        (("data", "verify", "churn"), "no dataset 'churn'"),
        (("data", "add", "churn", "b.csv"), "did you mean a.csv"),
        (("data", "add", "ch/urn", "a.csv"), "can't name a dataset"),
        (("data", "show", "churn"), "no dataset 'churn'"),
        (("data", "lst"), "No such command 'lst'"),
        (("models", "rollback", "churn"), "no model 'churn'"),
        (("models", "card", "churn"), "no model 'churn'"),
        (("models", "promote"), "Missing argument"),
    ],
)
def test_what_cant_be_done_is_one_line_and_status_2(
    type_in: Any, workspace: Path, words: tuple[str, ...], message: str
) -> None:
    (workspace / "a.csv").write_text("n\n1\n")
    answer = type_in(*words)
    assert answer.status == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not (workspace / ".mlops").exists()


def test_models_are_listed_shown_and_compared(type_in: Any, models: None) -> None:
    assert [line.split()[:2] for line in type_in("models", "list").out.splitlines()[1:]] == [
        ["churn/2", "failed"],
        ["churn/1", "auc"],
    ]
    newest = type_in("models", "list", "--json").document[0]
    assert (newest["ref"], newest["gate"], newest["aliases"]) == ("model/churn@2", "failed", [])
    shown = type_in("models", "show", "churn").out
    for line in (
        "age FP64",
        "census@cccccccccccc",
        "auc = 0.82",
        "C = 2",
        "auc >= 0.9: failed",
        "stage train",
    ):
        assert line in shown
    assert type_in("models", "show", "churn/1", "--json").document["version"] == 1
    compared = type_in("models", "compare", "churn/1", "churn/2").out
    assert "the same bundle" in compared
    assert type_in("models", "compare", "churn/1", "churn/2", "--json").document["params"] == {"C": [1, 2]}


def test_a_failed_gate_ends_with_status_1(type_in: Any, models: None) -> None:
    refused = type_in("models", "promote", "churn/2")
    assert refused.status == 1
    assert "churn/2 can't become champion: auc >= 0.9: failed" in refused.err


def test_promote_and_roll_back(type_in: Any, models: None) -> None:
    assert type_in("models", "promote", "churn/1", "--override", "none better").status == 0
    assert type_in("models", "promote", "churn/1").out == "churn/1 is champion already\n"
    moved = type_in("models", "promote", "churn/2", "--override", "a trial")
    assert moved.out == "churn/2 is champion now (before: 1), overriding its gates\n"
    assert type_in("models", "rollback", "churn", "--json").document["version"] == 1
    assert "churn/1  champion" in type_in("models", "list").out


def test_gc_and_what_it_takes_away(type_in: Any, models: None) -> None:
    assert type_in("models", "gc", "--dry-run").out == "0 versions would be taken away, 0.0 MB\n"
    gone = type_in("models", "gc", "churn", "--keep", "1")
    assert gone.out == "1 versions taken away, 0.0 MB: churn/1\n"
    assert "collected" in type_in("models", "list").out
    assert type_in("models", "gc", "--json").document == {"versions": [], "size_bytes": 0, "dry_run": False}
    assert type_in("models", "promote", "churn/1").err.startswith("error: churn/1 was taken away")


def test_nothing_to_bring_to_mlflow_makes_nothing(type_in: Any, workspace: Path) -> None:
    assert type_in("models", "sync").status == 2
    assert [path.name for path in workspace.iterdir()] == ["mlops.toml"]
