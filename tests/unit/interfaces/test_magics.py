from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


@pytest.fixture
def shell(workspace: Path) -> Iterator[Any]:
    InteractiveShell.clear_instance()
    shell: Any = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "jupyter_mlops")
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    "tag", ["stage train --after load --retries 2 --timeout 10m --gpu --no-cache", "params", "setup", "skip"]
)
def test_a_tagged_cell_runs_as_untagged(shell: Any, tag: str):
    body = "x = 20\ny = x + 1\ny * 2"
    plain, tagged = shell.run_cell(body), shell.run_cell(f"%%mlops {tag}\n{body}")
    assert tagged.success
    assert tagged.result == plain.result == 42
    assert shell.user_ns["y"] == 21


def test_empty_lines_may_stand_above_the_tag(shell: Any):
    assert shell.run_cell("\n\n%%mlops stage train\n6 * 7").result == 42


def test_line_numbers_are_those_of_the_cell(shell: Any):
    failed = shell.run_cell("%%mlops stage train\nx = 1\nx / 0")
    trace = failed.error_in_exec.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    assert trace.tb_lineno == 3


def test_another_cell_magic_below_the_tag_still_works(shell: Any, capsys: pytest.CaptureFixture[str]):
    assert shell.run_cell("%%mlops stage train\n%%capture told\nprint('hush')").success
    assert capsys.readouterr().out == ""
    assert shell.user_ns["told"].stdout == "hush\n"


def test_a_cell_may_await(shell: Any):
    assert shell.run_cell("%%mlops stage train\nimport asyncio\nz = await asyncio.sleep(0, 5)").success
    assert shell.user_ns["z"] == 5


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("stage train --retires 2", "--retries"),
        ("stage", "name"),
        ("stge train", "stage"),
        ("", "stage"),
        ("stage train --timeout soon", "is not a time; write 90s"),
    ],
)
def test_a_wrong_tag_is_explained_and_the_cell_does_not_run(
    shell: Any, line: str, complaint: str, capsys: pytest.CaptureFixture[str]
):
    failed = shell.run_cell(f"%%mlops {line}\nran = True")
    assert not failed.success
    assert "ran" not in shell.user_ns
    said = capsys.readouterr().err
    assert said.startswith("UsageError:")
    assert complaint in said
    assert "Traceback" not in said


def test_loading_twice_changes_nothing(shell: Any):
    before = len(shell.input_transformers_cleanup)
    shell.run_line_magic("reload_ext", "jupyter_mlops")
    assert len(shell.input_transformers_cleanup) == before


def test_a_gate_without_a_model_is_explained(shell: Any, capsys: pytest.CaptureFixture[str]):
    assert not shell.run_cell("%%mlops gate churn\naccuracy >= 0.8").success
    said = capsys.readouterr().err
    assert "churn" in said
    assert "Traceback" not in said


def test_progress_and_result_share_one_place_in_a_notebook(monkeypatch: pytest.MonkeyPatch):
    from jupyter_mlops.interfaces import magics

    shown: list[Any] = []

    class Place:
        def update(self, data: Any, *, raw: bool) -> None:
            shown[-1] = data

    def display(data: Any, **_: Any) -> Place:
        shown.append(data)
        return Place()

    monkeypatch.setattr(magics, "display", display)
    tell, show = magics._progress("gate churn: ")
    assert (tell, shown) == (None, [])
    show({"text/plain": "passed"})
    monkeypatch.setattr(magics, "get_ipython", lambda: SimpleNamespace(kernel=None))
    tell, show = magics._progress("gate churn: ")
    assert tell is not None
    tell("accuracy >= 0.8 (1 of 2)")
    assert shown[1:] == [{"text/plain": "gate churn: accuracy >= 0.8 (1 of 2)"}]
    show({"text/plain": "failed"})
    assert shown == [{"text/plain": "passed"}, {"text/plain": "failed"}]


def test_a_card_is_shown_as_markdown_and_never_run(shell: Any, monkeypatch: pytest.MonkeyPatch):
    from jupyter_mlops.interfaces import magics

    shown: list[Any] = []
    monkeypatch.setattr(magics, "display", shown.append)
    assert shell.run_cell(
        "%%mlops card churn\n---\nlicense: mit\n---\nFor **study** only.\nran = True"
    ).success
    assert [each.data for each in shown] == ["For **study** only.\nran = True\n"]
    assert "ran" not in shell.user_ns


def test_commands_know_the_notebook(
    shell: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    cell = {"cell_type": "code", "source": "%%mlops stage load\nx = 1", "metadata": {}, "outputs": []}
    document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    Path("mine.ipynb").write_text(json.dumps(document))
    assert not shell.run_cell("%mlops graph").success
    assert "name it" in capsys.readouterr().err
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/mine.ipynb")
    assert shell.run_cell("%mlops check").success
    assert shell.run_cell("%mlops graph --format json").success
    assert '"load"' in capsys.readouterr().out


def test_an_unknown_command_is_explained(shell: Any, capsys: pytest.CaptureFixture[str]):
    assert not shell.run_cell("%mlops garph").success
    assert "did you mean graph" in capsys.readouterr().err


def test_a_drift_report_is_shown_in_a_frame(shell: Any, workspace: Path, capsys: pytest.CaptureFixture[str]):
    (workspace / "a.csv").write_text("x\n" + "".join(f"{i / 7}\n" for i in range(60)))
    with capture_output() as captured:
        shell.run_line_magic("mlops", "drift a.csv a.csv --exact")
    [shown] = captured.outputs
    assert shown.data["text/plain"].startswith("No column of 1 drifted between a.csv (60 rows)")
    assert 'srcdoc="&lt;!doctype html&gt;' in shown.data["text/html"]
    shell.run_line_magic("mlops", "drift a.csv a.csv --json")
    assert json.loads(capsys.readouterr().out)["drifted"] is False
    with pytest.raises(UsageError, match="Missing argument 'CURRENT'"):
        shell.run_line_magic("mlops", "drift a.csv")
