from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError as MagicError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import jupyter_mlops as mlops
from jupyter_mlops import settings as project
from jupyter_mlops.errors import BlockedError, DataError, DeniedError, NotFoundError, UsageError
from jupyter_mlops.interfaces import cli
from jupyter_mlops.notebook import dataflow
from jupyter_mlops.notebook.cells import parse as notebook_of
from jupyter_mlops.notebook.expect_text import parse
from jupyter_mlops.records.expectation import NOTHING, Expectations, Validation
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import access, data, expectations, history
from tests import notebooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.settings import Settings

SAID = "columns: {age: {type: integer, max: 99}, name: {missing: 0}}"


@pytest.fixture
def settings(workspace: Path) -> Settings:
    (workspace / "good.csv").write_text("age,name\n30,ann\n40,bob\n")
    (workspace / "bad.csv").write_text("age,name\n30,ann\n230,\nx,eve\n")
    return project.load()


def say(settings: Settings, body: str = SAID, source: str = "n.ipynb") -> Expectations:
    return expectations.declare(settings, parse("people", body), source=source)


def run(*arguments: str) -> Any:
    return cli.group.main(args=list(arguments), prog_name="jupyter mlops", standalone_mode=False)


def records(settings: Settings, kind: str) -> list[Any]:
    return list(open_store(settings).ledger.find(kind))


def test_a_new_version_is_held_against_what_is_expected(settings: Settings):
    said = say(settings)
    assert mlops.dataset("people", "good.csv").is_file()
    with pytest.raises(BlockedError) as error:
        mlops.dataset("people", "bad.csv")
    message = str(error.value)
    assert "breaks 3 of 3 expectations" in message
    assert "age (type: integer): 1 of 3 values (33.3%) aren't whole numbers: 'x' in row 2" in message
    assert "age (max: 99): 1 of 3 values (33.3%) are above 99: '230' in row 1" in message
    assert "name (missing: 0): 1 of 3 values (33.3%) are missing, first in row 1" in message
    assert "\n" not in message
    assert (error.value.code, error.value.exit_code) == ("MLO511", 1)
    bad, good = records(settings, "validation")
    assert (bad.passed, good.passed, good.rows) == (False, True, 2)
    kept = data.show(settings, "people")
    assert kept.rows == 3  # the version is there to look into
    assert bad.parents == (str(kept.ref), str(said.ref))


def test_what_was_checked_is_not_checked_again(settings: Settings):
    say(settings)
    for _ in range(2):
        mlops.dataset("people", "good.csv")
        mlops.dataset("people")
    for _ in range(2):
        with pytest.raises(BlockedError):
            mlops.dataset("people", "bad.csv")
    assert [each.passed for each in records(settings, "validation")] == [False, True]
    say(settings, "columns: {age: {}}")
    mlops.dataset("people", "bad.csv")
    assert [each.passed for each in records(settings, "validation")] == [True, False, True]


def test_without_expectations_nothing_is_checked(settings: Settings):
    mlops.dataset("people", "bad.csv")
    assert records(settings, "validation") == []
    with pytest.raises(
        NotFoundError, match=r"nothing is expected of dataset 'people'; put a cell `%%mlops expect people`"
    ):
        expectations.check(settings, "people")


def test_expectations_are_kept_when_they_change(settings: Settings):
    first = say(settings)
    assert say(settings) == first
    assert len(records(settings, "expectations")) == 1
    assert say(settings, "rows: 2").said != first.said
    assert say(settings) != first  # back again: in force is what was said last
    assert len(records(settings, "expectations")) == 3
    assert expectations.declare(settings, Expectations(name="other")).said == NOTHING
    assert len(records(settings, "expectations")) == 3
    with pytest.raises(UsageError, match="can't name a dataset"):
        expectations.declare(settings, Expectations(name="a b"))


def test_what_a_notebook_no_longer_says_is_no_longer_expected(settings: Settings):
    def pipeline(*cells: str) -> Any:
        return dataflow.analyse(notebook_of(notebooks.text("%%mlops stage one\nx = 1", *cells), "n.ipynb"))

    expectations.declare_all(settings, pipeline(f"%%mlops expect people\n{SAID}"), "n.ipynb")
    say(settings, "rows: 3", source="other.ipynb")
    expectations.declare(settings, parse("orders", "rows: 3"), source="n.ipynb")
    expectations.declare_all(settings, pipeline(), "n.ipynb")
    store = open_store(settings)
    assert expectations.in_force(store, "orders") is None
    people = expectations.in_force(store, "people")
    assert people is not None
    assert people.source == "other.ipynb"
    digest = expectations.digests(store)
    assert digest("expectations://orders") == NOTHING
    assert digest("expectations://people") == people.said
    assert digest("dataset://people") is None


def test_folders_and_what_is_no_table(settings: Settings, workspace: Path):
    say(settings)
    (workspace / "many").mkdir()
    for name in ("good", "bad"):
        (workspace / "many" / f"{name}.csv").write_text((workspace / f"{name}.csv").read_text())
    with pytest.raises(BlockedError, match=r"'x' in row 2; .*'230' in row 1"):
        mlops.dataset("people", "many")  # rows are counted through all files, in the order of their names
    (workspace / "note.txt").write_text("hi")
    with pytest.raises(DataError, match="is no table; expectations are of tables"):
        mlops.dataset("people", "note.txt")


def test_who_may_not_declare_or_check(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    version = data.add(settings, "people", "good.csv")
    said = say(settings)
    data.add(settings, "others", "good.csv")
    access.grant(settings, "vera", "viewer")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, access.issue(settings, "vera")[1])
    for act in (
        lambda: say(settings, "rows: 2"),
        lambda: expectations.check_version(settings, version, said),
        # Not even whether anything is expected.
        lambda: expectations.check(settings, "others"),
    ):
        with pytest.raises(DeniedError):
            act()
    assert expectations.infer(settings, "people")[1].columns
    assert records(settings, "validation") == []


def test_the_command_line(settings: Settings, capsys: pytest.CaptureFixture[str]):
    run("data", "add", "people", "good.csv")
    run("data", "expect", "people")
    printed = capsys.readouterr().out.partition("\n")[2]
    tag, _, body = printed.partition("\n")
    assert tag == "%%mlops expect people"
    assert body.startswith("# inferred from people@")
    say(settings, body)
    assert run("data", "check", "people") == 0
    assert "is as expected" in capsys.readouterr().out
    assert run("data", "check", "people", "bad.csv", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["rows"], found["version"]) == (False, 3, "")
    assert [each.passed for each in records(settings, "validation")] == [True]
    with pytest.raises(BlockedError):
        run("data", "add", "people", "bad.csv")
    capsys.readouterr()
    run("data", "show", "people")
    assert "breaks " in capsys.readouterr().out
    run("data", "show", "people", "--json")
    assert json.loads(capsys.readouterr().out)["validation"]["passed"] is False
    run("data", "expect", "people", "--json")
    assert json.loads(capsys.readouterr().out)["name"] == "people"
    assert run("data", "check", "people") == 1
    first = capsys.readouterr().out.splitlines()[2]
    assert first.startswith("✗")
    with pytest.raises(DataError, match="no file gone"):
        run("data", "check", "people", "gone.csv")
    with pytest.raises(DataError, match="is no table"):
        run("data", "check", "people", "mlops.toml")


def test_lineage_tells_of_the_newest_check(settings: Settings):
    mlops.dataset("people", "good.csv")
    say(settings, "rows: 5")
    expectations.check(settings, "people")
    say(settings)
    expectations.check(settings, "people")
    chain = history.lineage(settings, "people")
    assert [node.kind for node in chain.nodes] == ["dataset", "validation", "expectations"]
    shown = history.shown(chain, "text").splitlines()
    assert shown[1].startswith("└─ check as expected  2 rows")
    assert "expectations people  2 columns, in n.ipynb" in shown[2]
    say(settings, "rows: 5")
    expectations.check(settings, "people")
    assert "✗ rows: 5: 2 rows, expected 5" in history.shown(history.lineage(settings, "people"), "text")
    assert "<svg" in history.shown(chain, "svg")
    assert history.open_lineage(settings, chain) is not None


@pytest.mark.parametrize("magics", [True, False])
def test_a_cell_is_written_into_a_notebook(settings: Settings, workspace: Path, magics: bool):
    mlops.dataset("people", "good.csv")
    load = "import jupyter_mlops as mlops" + "\n%load_ext jupyter_mlops" * magics
    use = "%%mlops stage load\npath = mlops.dataset('people', 'good.csv')"
    path = notebooks.write(workspace / "n.ipynb", load, ("md", "# Load"), use)
    run("data", "expect", "people", "--into", "n.ipynb")
    cells = json.loads(path.read_text())["cells"]
    assert [cell["cell_type"] for cell in cells] == ["code", "markdown", "code" if magics else "raw", "code"]
    (expected,) = dataflow.analyse(notebook_of(path.read_bytes(), "n.ipynb")).expected
    assert expected.cell == 2
    assert expected.expectations.said == expectations.infer(settings, "people")[1].said
    before = path.read_bytes()
    with pytest.raises(UsageError, match="cell 2 says already what is expected of people; empty it first"):
        run("data", "expect", "people", "--into", "n.ipynb")
    assert path.read_bytes() == before


def test_an_empty_cell_of_a_notebook_is_filled(settings: Settings, workspace: Path):
    mlops.dataset("people", "good.csv")
    path = notebooks.write(workspace / "n.ipynb", "x = 1", "\n%%mlops expect people\n# soon\n")
    run("data", "expect", "people", "--into", "n.ipynb")
    first, second = json.loads(path.read_text())["cells"]
    assert "".join(first["source"]) == "x = 1"
    assert "".join(second["source"]).startswith("\n%%mlops expect people\n# inferred from people@")
    with pytest.raises(UsageError):
        run("data", "expect", "people", "--into", "n.ipynb")


@pytest.fixture
def shell(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    InteractiveShell.clear_instance()
    shell: Any = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "jupyter_mlops")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ann/n.ipynb")
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def html_of(shell: Any, cell: str) -> str:
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()
    return "".join(output.data.get("text/html", "") for output in captured.outputs)


def test_a_cell_in_jupyter(shell: Any, settings: Settings):
    assert "There is none yet" in html_of(shell, f"%%mlops expect people\n{SAID}")
    (said,) = records(settings, "expectations")
    assert (said.source, said.said) == ("n.ipynb", parse("people", SAID).said)
    data.add(settings, "people", "good.csv")
    assert "is as expected" in html_of(shell, f"%%mlops expect people\n{SAID}")
    data.add(settings, "people", "bad.csv")
    assert "breaks 3 of 3" in html_of(shell, f"%%mlops expect people\n{SAID}")


def test_an_empty_cell_in_jupyter_is_filled_from_the_newest_version(shell: Any, settings: Settings):
    data.add(settings, "people", "good.csv")
    filled = []
    shell.set_next_input = lambda text, replace: filled.append((text, replace))
    assert "is as expected" in html_of(shell, "%%mlops expect people\n")
    ((text, replaced),) = filled
    assert replaced
    tag, _, body = text.partition("\n")
    assert tag == "%%mlops expect people"
    (said,) = records(settings, "expectations")
    assert parse("people", body).said == said.said != NOTHING


def test_mistakes_in_a_cell_are_one_line(shell: Any):
    for cell, words in (
        ("%%mlops expect people\nrows: {mim: 1}", "did you mean min"),
        ("%%mlops expect people", "no dataset 'people'"),
        ("%%mlops expect\nrows: 1", "lacks the dataset"),
        ("%%mlops expect a/b\nrows: 1", "can't name a dataset"),
    ):
        with pytest.raises(MagicError, match=words), capture_output():
            shell.run_cell(cell).raise_error()


def test_a_validation_is_found_by_its_version():
    found = Validation(
        name="people", version="ab" * 32, passed=True, rows=1, results=(), created_at="2026-01-01"
    )
    assert str(found.ref) == "validation/people.abababababab@2026-01-01"
    assert found.lookup == "ab" * 32
