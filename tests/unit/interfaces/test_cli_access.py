"""Every role by every action on the command line: what isn't granted is refused, logged, and changes nothing."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jupyter_mlops import settings as project
from jupyter_mlops.errors import DeniedError, MlopsError
from jupyter_mlops.interfaces import cli
from jupyter_mlops.records.access import ACTIONS, ADMIN, ROLES, Approval
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.store import stamp
from jupyter_mlops.store.opened import Store, open_store
from jupyter_mlops.workflows import access, models
from jupyter_mlops.workflows.acting import acting
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

# What each action is on the command line; each is let in for an admin, whatever becomes of it then.
COMMANDS: dict[str, tuple[str, ...]] = {
    "read": ("models", "list"),
    "drift": ("drift", "orders.csv", "orders.csv"),
    "data.add": ("data", "add", "orders", "orders.csv"),
    "run": ("run", "n.ipynb"),
    "model.explain": ("models", "explain", "churn/1"),
    "model.promote": ("models", "promote", "churn/2"),
    "model.override": ("models", "promote", "churn/3", "--override", "the old one is down"),
    "model.rollback": ("models", "rollback", "churn", "--reason", "worse"),
    "model.approve": ("models", "approve", "churn/2"),
    "model.gc": ("models", "gc"),
    "serve": ("serve", "churn/1", "--port", "0"),
    "migrate": ("migrate", "--to", "store=sqlite:///elsewhere.db"),
    "access.change": ("access", "grant", "eve", "viewer"),
    "audit.read": ("audit", "log"),
    "audit.accept": ("audit", "accept", "--reason", "known"),
}
# These start kernels, wait for calls or need what isn't here: that they are let in is seen by the line in the log.
ELSEWHERE = {"predict", "data.check", "data.expect", "data.gc", "model.log", "model.evaluate"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A project, only ever copied, and the token of each user in it.

    Three versions, the first of them champion, the third with a failed gate; a user of each role, named like it.
    """
    folder = tmp_path_factory.mktemp("made")
    (folder / "mlops.toml").write_text('mlflow_sync = "off"\n')
    (folder / "orders.csv").write_text("a,b\n1,2\n")
    notebooks.write(folder / "n.ipynb", "%%mlops stage one\nx = 1")
    settings = project.load(folder)
    store = open_store(settings)
    for number in (1, 2, 3):
        ref = f"model/churn@{number}"
        with acting(settings, "model.log", ref):
            version = ModelVersion(
                name="churn",
                version=number,
                bundle=f"b{number}",
                signature=Signature(layout="array", inputs=(), outputs=()),
                author="ann",
            )
            condition = ConditionResult(text="auc >= 0.8", status="passed" if number < 3 else "failed")
            judged = Evaluation(
                model="churn",
                version=number,
                passed=number < 3,
                conditions=(condition,),
                parents=(ref,),
                created_at=f"2026-01-0{number}",
            )
            store.ledger.append(version, judged)
    for number in (1, 2, 1):
        models.promote(settings, f"churn/{number}")
    for role in ROLES:
        access.grant(settings, role, role)
    return folder, {user: access.issue(settings, user)[1] for user in (*ROLES, "nobody")}


@pytest.fixture
def store(made: tuple[Path, dict[str, str]], workspace: Path) -> Store:
    shutil.copytree(made[0], workspace, dirs_exist_ok=True)
    return open_store(project.load(workspace))


@pytest.fixture
def tokens(made: tuple[Path, dict[str, str]]) -> dict[str, str]:
    return made[1]


def state(store: Store) -> dict[str, int]:
    kinds = ("model", "promotion", "approval", "grant", "rule", "token", "run", "dataset", "deployment")
    return {kind: len(store.ledger.find(kind)) for kind in kinds}


def run(*arguments: str) -> Any:
    return cli.group.main(args=list(arguments), prog_name="jupyter mlops", standalone_mode=False)


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    run(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_no_action_is_forgotten() -> None:
    assert set(COMMANDS) | ELSEWHERE == set(ACTIONS)


@pytest.mark.parametrize("user", [*ROLES, "nobody"])
def test_what_a_role_may_do_on_the_command_line(
    store: Store, tokens: dict[str, str], user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens[user])
    for action, arguments in COMMANDS.items():
        if user in (*ACTIONS[action], ADMIN):
            continue  # what is let in changes the project: below, each in one of its own
        before = state(store)
        with pytest.raises(DeniedError) as error:
            run(*arguments)
        assert error.value.exit_code == 1
        assert state(store) == before, action
        *_, last = store.audit.events("ORDER BY seq")
        assert (last.actor, last.phase) == (user, "denied"), action
        assert last.action == ("read" if user == "nobody" and arguments[0] in cli.READING else action)


@pytest.mark.parametrize("action", sorted(set(COMMANDS) - {"run"}))
def test_what_is_granted_is_let_in(
    store: Store, tokens: dict[str, str], action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execve", lambda *_: None)
    for user in [role for role in ROLES if role in (*ACTIONS[action], ADMIN)]:
        monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens[user])
        try:
            run(*COMMANDS[action])
        except DeniedError:
            raise
        except MlopsError:
            pass  # no such bundle, nothing to accept: it was let in all the same
        denied = store.audit.events("WHERE phase = 'denied' ORDER BY seq")
        assert [event.action for event in denied] == []


@pytest.mark.parametrize("action", sorted(ELSEWHERE))
@pytest.mark.parametrize("user", [*ROLES, "nobody"])
def test_what_has_no_command_here_goes_through_the_same_door(store: Store, action: str, user: str) -> None:
    allowed = user in (*ACTIONS[action], ADMIN)
    entered = False
    try:
        with stamp.speaking_for(user), acting(store.settings, action, "model/churn@1"):
            entered = True
    except DeniedError:
        pass
    assert entered == allowed


# -- roles, rules, tokens ------------------------------------------------------------------------------------------


def test_the_first_to_share_a_project_is_its_admin(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert as_json(capsys, "access", "list")["open"]
    run("access", "grant", "bob", "viewer")
    found = as_json(capsys, "access", "list")
    assert not found["open"]
    held = {(grant["user"], grant["role"]) for grant in found["grants"]}
    assert held == {(stamp.owner(), ADMIN), ("bob", "viewer")}


def test_the_last_admin_stays(workspace: Path) -> None:
    run("access", "grant", "bob", "admin", "--names", "churn*")
    with pytest.raises(MlopsError, match="the last admin"):
        run("access", "revoke", stamp.owner(), "admin")
    with pytest.raises(MlopsError, match="no grant"):
        run("access", "revoke", "bob", "admin")
    run("access", "grant", "bob", "admin")
    run("access", "revoke", stamp.owner(), "admin")
    with pytest.raises(DeniedError):
        run("access", "grant", "eve", "viewer")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("grant", "bob", "king"), "no role 'king'"),
        (("grant", " ", "viewer"), "can't be a user's name"),
        (("grant", "a\nb", "viewer"), "can't be a user's name"),
        (("rule", "churn", "--approvals", "-1"), "can't ask for -1"),
        (("rule", "churn", "--action", "model.promot"), "no action 'model.promot'"),
        (("rule", "churn", "--only", "king"), "no role 'king'"),
        (("rule", "churn", "--action", "access.change", "--only", "viewer"), "no matter of rules"),
        (("rule", "churn", "--action", "predict", "--gate"), "are asked of model.promote"),
        (("token", "bob", "--expires", "soon"), "no length of time"),
        (("withdraw", "none"), "no token 'none'"),
    ],
)  # fmt: skip
def test_bad_input_changes_nothing(workspace: Path, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(MlopsError, match=message):
        run("access", *arguments)
    assert state(open_store(project.load(workspace))) == dict.fromkeys(
        ("model", "promotion", "approval", "grant", "rule", "token", "run", "dataset", "deployment"), 0
    )


def test_a_pattern_limits_a_role(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run("access", "grant", "kim", "admin", "--names", "fraud*")
    _, token = access.issue(store.settings, "kim")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, token)
    for denied in ((*COMMANDS["model.promote"],), (*COMMANDS["access.change"],), ("models", "gc")):
        with pytest.raises(DeniedError, match="kim may not"):
            run(*denied)
    run("models", "list")


def test_an_expired_token_is_nobodys(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = access.issue(store.settings, "viewer", lasts="1h")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, token)
    run("models", "list")
    monkeypatch.setattr(stamp, "now", lambda: "2999")
    with pytest.raises(DeniedError, match="unknown, expired or revoked"):
        run("models", "list")


# -- approvals -------------------------------------------------------------------------------------------------------


def test_a_promotion_waits_for_approvals_by_others(
    store: Store, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("access", "rule", "churn*", "--approvals", "1", "--no-override")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens["ml-engineer"])
    with pytest.raises(MlopsError, match="it needs 1 approval by others than its author ann"):
        run("models", "promote", "churn/2")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens["admin"])
    with pytest.raises(MlopsError, match="a rule lets no reason stand in for it"):
        run("models", "promote", "churn/2", "--override", "now")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens["approver"])
    run("models", "reject", "churn/2", "--reason", "not yet")
    said = as_json(capsys, "models", "approve", "churn/2")
    assert (said["author"], said["verdict"]) == ("approver", "approved")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, tokens["ml-engineer"])
    moved = as_json(capsys, "models", "promote", "churn/2")
    assert moved["version"] == 2
    assert any(parent.startswith("approval/churn.2@") for parent in moved["parents"])


def test_nobody_approves_their_own(store: Store) -> None:
    access.grant(store.settings, "ann", "admin")
    with stamp.speaking_for("ann"), pytest.raises(DeniedError, match="nobody approves what is their own"):
        run("models", "approve", "churn/2")
    *_, last = store.audit.events("ORDER BY seq")
    assert (last.actor, last.action, last.phase) == ("ann", "model.approve", "denied")
    assert store.ledger.find("approval") == []


# -- the log -----------------------------------------------------------------------------------------------------------


def test_the_log_is_listed_filtered_and_exported(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = as_json(capsys, "audit", "log", "--limit", "1000")
    assert [event["seq"] for event in everything] == list(range(1, len(everything) + 1))
    promoted = as_json(capsys, "audit", "log", "--action", "model.promote", "--phase", "done")
    assert [event["subject"] for event in promoted] == ["model/churn@1", "model/churn@2", "model/churn@1"]
    assert as_json(capsys, "audit", "log", "--subject", "%") == []
    assert as_json(capsys, "audit", "log", "--actor", "' OR 1=1 --") == []
    last_two = as_json(capsys, "audit", "log", "--limit", "2")
    assert last_two == everything[-2:]
    assert as_json(capsys, "audit", "log", "--since", "2999") == []
    run("audit", "log", "--export", "jsonl", "-o", str(tmp_path / "log.jsonl"))
    exported = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert exported == everything
    capsys.readouterr()
    run("audit", "log", "--export", "csv", "--action", "access.change", "--phase", "done")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["subject"] for row in rows][: len(ROLES)] == [f"user/{role}" for role in ROLES]


def test_a_spreadsheet_computes_nothing_of_an_export(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("access", "grant", "bob", "viewer", "--reason", "=HYPERLINK(1)")
    capsys.readouterr()
    run("audit", "log", "--export", "csv")
    (first, *_) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert first["reason"] == "'=HYPERLINK(1)"


def test_verify_says_whole_or_names_the_line(
    store: Store, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3
    from contextlib import closing

    assert run("audit", "verify") == 0
    assert "lines, whole, signed at" in capsys.readouterr().out
    run("audit", "checkpoint", "-o", str(workspace / "copy.json"))
    with closing(sqlite3.connect(workspace / ".mlops" / "mlops.db")) as connection:
        connection.execute("UPDATE audit SET actor = 'mallory' WHERE seq = 3")
        connection.commit()
    assert run("audit", "verify", "--checkpoint", str(workspace / "copy.json")) == 1
    assert "line 3: its columns don't say what its body says" in capsys.readouterr().out
    assert not as_json(capsys, "audit", "verify")["intact"]
    run("audit", "accept", "--reason", "a disk error, see ticket 7")
    assert run("audit", "verify") == 0
    assert "went on at line" in capsys.readouterr().out


def test_acts_that_were_cut_short_are_settled(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    number = store.audit.append("intent", actor="ann", action="model.approve", subject="model/churn@2")
    left = Approval(name="churn", version=2, bundle="b2", verdict="approved", author="bob", created_at="2026")
    store.ledger.append(left)
    assert run("audit", "verify") == 0
    assert f"{left.ref} may have come from an act without an outcome" in capsys.readouterr().out
    run("audit", "accept", "--reason", "the machine lost power")
    report = as_json(capsys, "audit", "verify")
    assert (report["intact"], report["unfinished"], report["unsettled"]) == (True, [], {})
    (settled,) = store.audit.events("WHERE phase = 'failed'")
    assert settled.intent == number
    store.ledger.append(msgspec.structs.replace(left, author="eve", created_at="2027"))
    assert run("audit", "verify") == 1, "from now on nobody excuses it"


def test_accept_needs_something_to_accept(store: Store) -> None:
    with pytest.raises(MlopsError, match="the audit log is whole"):
        run("audit", "accept", "--reason", "why not")
