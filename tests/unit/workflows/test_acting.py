"""The one door: authorized, on record before and after, whatever happens in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.errors import AuditError, DeniedError
from jupyter_mlops.records.access import Grant
from jupyter_mlops.settings import Settings
from jupyter_mlops.store import stamp
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import access
from jupyter_mlops.workflows.acting import acting, allow

if TYPE_CHECKING:
    from jupyter_mlops.records.audit import AuditEvent

# The long form: JUPYTER_MLOPS_TEST_KILLS=200.
KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "6"))
WRITERS, ACTS = 8, 10
WRITER = """
import sys
from pathlib import Path
from jupyter_mlops.records.access import Grant
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting
settings = Settings(root=Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    with acting(settings, "access.change", f"user/{number}"):
        open_store(settings).ledger.append(Grant(grant_id=f"{sys.argv[2]}.{number}", user="root", role="admin"))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def lines(settings: Settings) -> list[AuditEvent]:
    return list(open_store(settings).audit.events("ORDER BY seq"))


def start(settings: Settings, name: str, acts: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(settings.root), name, str(acts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_intent_and_outcome_are_on_record_with_what_came_of_it(settings: Settings) -> None:
    grant = Grant(grant_id="g", user="ann", role="viewer")
    with acting(settings, "access.change", "user/ann", reason="new here", role="viewer") as act:
        open_store(settings).ledger.append(grant)
        act.note(subject="user/ann@1", seconds=1.5)
    intent, done = lines(settings)
    assert (intent.phase, intent.subject, intent.reason) == ("intent", "user/ann", "new here")
    assert intent.details["role"] == "viewer"
    assert (done.phase, done.subject, done.intent) == ("done", "user/ann@1", intent.seq)
    assert done.details == {"seconds": 1.5, "records": {"grant/g": grant.digest()}}
    assert {intent.actor, done.actor} == {stamp.owner()}


def test_what_fails_is_on_record_and_fails_as_it_did(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), acting(settings, "run", "run/1"):
        _ = 1 / 0
    assert [(event.phase, event.details.get("error")) for event in lines(settings)[1:]] == [
        ("failed", "ZeroDivisionError: division by zero")
    ]
    with pytest.raises(KeyboardInterrupt), acting(settings, "run", "run/2"):
        raise KeyboardInterrupt
    assert lines(settings)[-1].details["error"] == "KeyboardInterrupt"


def test_what_is_denied_is_not_done_and_is_on_record(settings: Settings) -> None:
    access.grant(settings, "ann", "viewer")
    entered = False
    with (
        pytest.raises(DeniedError, match="ann may not run: it takes data-scientist or ml-engineer or admin"),
        stamp.speaking_for("ann"),
        acting(settings, "run", "run/1"),
    ):
        entered = True
    assert not entered
    last = lines(settings)[-1]
    assert (last.actor, last.action, last.subject, last.phase) == ("ann", "run", "run/1", "denied")


def fill_the_disk(settings: Settings, phase: str) -> None:
    """Let the database take no more lines of a phase, as a full disk would not."""
    with closing(sqlite3.connect(settings.state / "mlops.db")) as connection:
        full = f"SELECT raise(ABORT, 'disk full') WHERE NEW.phase = '{phase}'"
        connection.execute(f"CREATE TRIGGER full BEFORE INSERT ON audit BEGIN {full}; END")


def test_what_cannot_be_put_on_record_is_not_done(settings: Settings) -> None:
    with acting(settings, "run", "run/1"):
        pass
    fill_the_disk(settings, "intent")
    entered = False
    with (
        pytest.raises(AuditError, match="run run/2 can't be put on record: disk full"),
        acting(settings, "run", "run/2"),
    ):
        entered = True
    assert not entered


def test_an_outcome_that_cannot_be_recorded_says_that_it_was_done(settings: Settings) -> None:
    with (
        pytest.raises(AuditError, match="it is done, but its outcome isn't on record"),
        acting(settings, "run", "run/1"),
    ):
        fill_the_disk(settings, "done")
    (unfinished,) = check(open_store(settings).audit).unfinished
    assert unfinished.subject == "run/1"


def test_details_that_json_does_not_know_become_text(settings: Settings) -> None:
    strange: dict[str, Any] = {
        "path": Path("a"),
        "set": {3},
        "deep": [{"x": object}],
        "name": "\udcff",
        "big": 1 << 70,
    }
    with acting(settings, "run", "run/\udcff", **strange):
        pass
    intent = lines(settings)[0]
    assert intent.subject == "run/\\udcff"
    assert (intent.details["path"], intent.details["set"], intent.details["name"]) == ("a", [3], "\\udcff")
    assert check(open_store(settings).audit).intact


@pytest.mark.slow
def test_eight_processes_at_once_lose_nothing(settings: Settings) -> None:
    writers = [start(settings, str(number), ACTS) for number in range(WRITERS)]
    for writer in writers:
        _, complaint = writer.communicate(timeout=120)
        assert (writer.returncode, complaint) == (0, "")
    report = check(open_store(settings).audit)
    assert report.findings == ()
    assert (report.lines, report.unfinished) == (2 * WRITERS * ACTS, ())
    assert len(open_store(settings).ledger.find("grant")) == WRITERS * ACTS


@pytest.mark.slow
def test_killed_at_any_moment_the_log_is_whole(settings: Settings) -> None:
    with acting(settings, "run", "run/0"):
        pass
    for number in range(KILLS):
        writer = start(settings, f"k{number}", 10_000)
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.005 + (number * 0.37) % 0.1)  # the moment of the kill is what is tried
            writer.send_signal(signal.SIGKILL)
        report = check(open_store(settings).audit)
        assert report.findings == ()
    assert len(report.unfinished) <= KILLS
    with acting(settings, "run", "run/1"):
        pass
    assert check(open_store(settings).audit).intact


def test_the_name_is_the_systems_and_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "JUPYTERHUB_USER"):
        monkeypatch.setenv(name, "mallory")
    assert "mallory" not in (stamp.author(), stamp.owner())


def test_a_token_in_the_environment_names_its_user(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = access.issue(settings, "bob@example.org")
    access.grant(settings, "bob@example.org", "viewer")
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, token)
    assert stamp.author() == "bob@example.org"
    assert allow(settings, "read") == "bob@example.org"
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, token[:-1])
    with pytest.raises(DeniedError, match="unknown, expired or revoked"):
        allow(settings, "read")
    last = lines(settings)[-1]
    assert (last.actor, last.phase) == (stamp.owner(), "denied"), (
        "who only says to be bob isn't put down as bob"
    )


def test_a_process_that_a_server_starts_acts_as_who_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stamp.speaking_for("bob"):
        assert access.lend(settings) == "", "nothing is granted: there is nothing to prove"
        access.grant(settings, "bob", "data-scientist")
        token = access.lend(settings)
    assert access.lend(settings) == "", "nobody else is spoken for"
    monkeypatch.setenv(stamp.TOKEN_VARIABLE, token)
    assert allow(settings, "run") == "bob"
    assert check(open_store(settings).audit).intact
