from __future__ import annotations

import os

import pytest

from jupyter_mlops.errors import BlockedError
from jupyter_mlops.interfaces import cli


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        cli.main(list(arguments))
    code = done.value.code
    assert isinstance(code, int)
    return code


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name, text in {**cli.COMMANDS, **cli.PLANNED}.items():
        assert name in shown
        assert text in shown


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]):
    assert run(name, "--help") == 0
    assert f"jupyter mlops {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.PLANNED)
def test_what_comes_later_says_so(name: str, capsys: pytest.CaptureFixture[str]):
    assert run(name, "some.ipynb", "--json") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"error: jupyter mlops {name} is not available yet [MLO002]\n"


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["rnu"], "no command 'rnu'; did you mean run?"),
        (["graph"], "Missing argument"),
        (["graph", "--nonsense"], "No such option"),
        (["--project", "/no/such/place", "models", "list"], "is not a folder"),
    ],
)
def test_bad_usage_is_one_line_and_exit_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
):
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert complaint in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("before", [None, "/elsewhere"])
def test_a_project_is_chosen_for_one_command_only(before: str | None, monkeypatch: pytest.MonkeyPatch):
    if before is not None:
        monkeypatch.setenv("JUPYTER_MLOPS_PROJECT", before)
    assert run("--project", "/no/such/place", "models", "list") == 2
    assert os.environ.get("JUPYTER_MLOPS_PROJECT") == before


def test_a_message_of_many_lines_becomes_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def blocked(**_: object) -> None:
        raise BlockedError("the gate\nfailed", hint="see\nit")

    monkeypatch.setattr(cli.group, "main", blocked)
    assert run("models") == 1
    assert capsys.readouterr().err == "error: the gate failed; see it [MLO510]\n"
