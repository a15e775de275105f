"""Records held against the audit log, acts that were cut short, and going on after the log was damaged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_mlops.errors import AuditError, IntegrityError, SettingsError
from jupyter_mlops.records.access import Grant
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.audit import ACCEPT
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.opened import open_store
from tests.unit.store.audit_logs import LINES, change, database, first, open_log, rewritten, write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose log has been written; never changed, only copied."""
    root = tmp_path_factory.mktemp("written")
    write(open_log(root))
    return root


@pytest.fixture
def project(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "project"))


# -- records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement, ref, problem",
    [
        ("UPDATE records SET body = replace(body, 'viewer', 'admin') WHERE id = 3", "grant/2", "digest"),
        ("DELETE FROM records WHERE id = 3", "grant/2", "is gone"),
        ("UPDATE records SET lookup = 'bob' WHERE id = 3", "grant/2", "columns"),
        ("UPDATE records SET kind = 'rule' WHERE id = 3", "grant/2", "columns"),
        ("UPDATE records SET lookup = CAST(lookup AS BLOB) WHERE id = 3", "grant/2", "bytes where text belongs"),
        ("UPDATE records SET id = 99 WHERE id = 3", "grant/2", "moved behind"),
        (
            "INSERT INTO records SELECT 99, 'grant/x', kind, 'x', version, digest, lookup, created_at, body FROM records WHERE id = 3",
            "grant/x",
            "columns",
        ),
    ],
)  # fmt: skip
def test_records_are_held_against_the_log(project: Path, statement: str, ref: str, problem: str) -> None:
    change(project, statement)
    report = check(open_log(project))
    assert problem in next(found.problem for found in report.findings if found.ref == ref)


def test_a_record_that_was_slipped_in_is_found(project: Path) -> None:
    slipped = Grant(grant_id="x", user="mallory", role="admin", created_at="2026")
    open_store(Settings(root=project)).ledger.append(slipped)
    (found,) = check(open_log(project)).findings
    assert (found.ref, found.problem) == ("grant/x", "nothing in the log says how it came on record")


def test_records_older_than_the_log_are_counted(tmp_path: Path) -> None:
    ledger = open_store(Settings(root=tmp_path)).ledger
    ledger.append(*(Grant(grant_id=f"{number}", user="ann", role="viewer") for number in range(3)))
    open_log(tmp_path).append("intent", actor="ann", action="run", subject="")
    assert check(open_log(tmp_path)).intact
    change(tmp_path, "DELETE FROM records WHERE id = 2")
    assert first(tmp_path) == (1, "there were 3 records before the log began, now there are 2")


# -- a killed act, a full disk ------------------------------------------------------------------------------------


def test_an_intent_without_an_outcome_is_reported_and_is_no_damage(project: Path) -> None:
    log = open_log(project)
    number = log.append("intent", actor="ann", action="access.change", subject="user/x")
    open_store(Settings(root=project)).ledger.append(
        Grant(grant_id="half", user="x", role="viewer", created_at="2026")
    )
    report = check(log)
    assert report.intact
    assert [event.seq for event in report.unfinished] == [number]
    assert list(report.unsettled) == ["grant/half"]


def test_a_line_that_its_checkpoint_came_too_late_for_is_no_damage(project: Path) -> None:
    log = open_log(project)
    before = log.checkpoint_file.read_bytes()
    log.append("intent", actor="ann", action="run", subject="")
    log.checkpoint_file.write_bytes(before)
    assert check(log).intact
    log.append("intent", actor="ann", action="run", subject="")
    assert check(log).intact


def test_what_cannot_be_written_is_an_error(project: Path) -> None:
    log = open_log(project)
    change(project, "CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'disk full'); END")
    with pytest.raises(AuditError, match="run run/1 can't be put on record: disk full"):
        log.append("intent", actor="ann", action="run", subject="run/1")
    change(project, "DROP TRIGGER no")
    assert check(log).lines == LINES
    shutil.rmtree(log.checkpoint_file.parent)
    log.checkpoint_file.parent.write_text("a file")
    with pytest.raises(AuditError, match="can't be put on record"):
        open_log(project).append("intent", actor="ann", action="run", subject="run/1")


def test_a_file_that_is_no_database_is_one_line(project: Path) -> None:
    database(project).write_bytes(b"x" * 5000)
    with pytest.raises((IntegrityError, SettingsError)):
        check(open_log(project))


# -- going on ----------------------------------------------------------------------------------------------------


def test_what_was_accepted_stays_on_record_and_work_goes_on(project: Path) -> None:
    log = open_log(project)
    rewritten(project, 17)
    findings = [msgspec.to_builtins(found) for found in check(log).findings]
    about: dict[str, Any] = {"actor": "ann", "action": ACCEPT, "subject": "audit", "reason": "known"}
    intent = log.append("intent", **about, details={"findings": findings})
    log.append("done", **about, intent=intent)
    log.append("intent", actor="ann", action="run", subject="")
    report = check(open_log(project))
    assert report.intact
    assert report.notes == (f"ann went on at line {LINES + 1}: known",)
    change(project, "DELETE FROM audit WHERE seq = 20")
    assert first(project)[0] == 20


def test_a_colleagues_lines_count_once_their_key_is_there(project: Path) -> None:
    settings = Settings(root=project, signing_key="colleague.pem")
    colleague = open_store(settings).audit
    colleague.append("intent", actor="bob", action="run", subject="")
    (public,) = [
        path for path in colleague.keys.folder.glob("*.pub") if path.stem == colleague.keys.fingerprint
    ]
    assert check(open_log(project)).intact
    away = public.rename(project / "away.pub")
    with pytest.raises(IntegrityError, match=r"isn't signed by a key|isn't the one its checkpoint"):
        open_log(project).append("intent", actor="ann", action="run", subject="")
    away.rename(public)
    open_log(project).append("intent", actor="ann", action="run", subject="")
    assert check(open_log(project)).intact


def test_long_and_strange_texts_are_kept_whole(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    subject = "model/" + "é\0" * 400
    log.append("intent", actor="a" * 300, action="run", subject=subject, reason="'; DROP TABLE audit; --")
    (event,) = log.events()
    assert (event.actor, event.subject, event.reason) == ("a" * 300, subject, "'; DROP TABLE audit; --")
    assert check(log).intact
