"""The audit log: what is added is whole; whatever is changed in the database file is found."""
# ruff: noqa: S608 - statements are put together from the names in this file

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.records import audit as chain
from jupyter_mlops.records.access import Grant
from jupyter_mlops.records.audit import AuditEvent, AuditReport
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.store.audit import read_checkpoint
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.keys import Keys
from tests.unit.store.audit_logs import COLUMNS, LINES, change, database, first, open_log, rewritten, write

# The long form runs by `JUPYTER_MLOPS_TEST_TAMPERINGS=20000 pytest tests/unit/store/test_audit.py`.
TAMPERINGS = int(os.environ.get("JUPYTER_MLOPS_TEST_TAMPERINGS", "1000"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose log has been written; never changed, only copied."""
    root = tmp_path_factory.mktemp("written")
    write(open_log(root))
    return root


@pytest.fixture
def project(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "project"))


def test_what_nobody_touched_is_whole(written: Path) -> None:
    report = check(open_log(written))
    assert report.findings == ()
    assert report.intact
    assert (report.lines, report.unfinished, report.notes) == (LINES, (), ())
    assert report.checkpoint is not None
    assert (report.checkpoint.seq, report.checkpoint.hash) == (LINES, report.head)


def test_a_project_without_a_log_is_whole_and_stays_without(tmp_path: Path) -> None:
    assert check(open_log(tmp_path)) == AuditReport(intact=True, lines=0, head="")
    assert list(open_log(tmp_path).events()) == []
    assert list(tmp_path.iterdir()) == []


# -- what somebody with write access to the database may do ------------------------------------------------------


def change_a_column(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    column = dice.choice(COLUMNS)
    value: Any = dice.choice(["", "x", "root", "9999", "0" * 64, 7, b"\xff", "\ud7ff"])
    if column == "seq":
        value = dice.choice([-1, 0, LINES + 1, LINES + 7])
    before = connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
    connection.execute(f"UPDATE OR REPLACE audit SET {column} = ? WHERE seq = ?", (value, seq))
    if connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone() == before:
        connection.execute("DELETE FROM audit WHERE seq = ?", (seq,))


def flip_a_bit(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    column = dice.choice(COLUMNS[1:])
    (text,) = connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
    at = dice.randrange(len(text))
    flipped = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
    connection.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (flipped, seq))


def delete(connection: sqlite3.Connection, seq: int, _dice: random.Random) -> None:
    connection.execute("DELETE FROM audit WHERE seq = ?", (seq,))


def put_in(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    """Put a line in under another number, or, with the table's own rules taken off, under the same."""
    rest = ", ".join(COLUMNS[1:])
    new: Any = dice.choice([0, -3, LINES + 1, LINES + 2])
    digest = f"'{dice.getrandbits(256):064x}'"
    if dice.random() < 0.5:
        connection.execute("CREATE TABLE loose AS SELECT * FROM audit")
        connection.execute("DROP TABLE audit")
        connection.execute("ALTER TABLE loose RENAME TO audit")
        new, digest = dice.choice([new, seq, "NULL", "'x'"]), "hash"
    columns = rest.replace("hash", digest)
    connection.execute(
        f"INSERT INTO audit (seq, {rest}) SELECT {new}, {columns} FROM audit WHERE seq = {seq}"
    )


def swap(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    other = dice.choice([number for number in range(1, LINES + 1) if number != seq])
    connection.execute("UPDATE audit SET seq = -1 WHERE seq = ?", (seq,))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = ?", (seq, other))
    connection.execute("UPDATE audit SET seq = ? WHERE seq = -1", (other,))


def cut_off(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    side = dice.choice([">=", ">=", "<="])
    connection.execute(f"DELETE FROM audit WHERE seq {side} ?", (seq,))


def turn_to_bytes(connection: sqlite3.Connection, seq: int, dice: random.Random) -> None:
    column = dice.choice(COLUMNS[1:])
    connection.execute(f"UPDATE audit SET {column} = CAST({column} AS BLOB) WHERE seq = ?", (seq,))


WAYS = (change_a_column, flip_a_bit, delete, put_in, swap, cut_off, turn_to_bytes)


def test_every_random_change_is_found(project: Path) -> None:
    log = open_log(project)
    whole = database(project).read_bytes()
    dice = random.Random(4)  # noqa: S311 - a test, to be repeated
    unseen = []
    for _ in range(TAMPERINGS):
        way, seq = dice.choice(WAYS), dice.randint(1, LINES)
        database(project).write_bytes(whole)
        with closing(sqlite3.connect(database(project))) as connection:
            way(connection, seq, dice)
            connection.commit()
        if check(log).intact:
            unseen.append((way.__name__, seq))
    assert unseen == []


@pytest.mark.parametrize("column", COLUMNS[1:])
@pytest.mark.parametrize("seq", [1, 17, LINES])
def test_a_changed_column_names_its_line(project: Path, column: str, seq: int) -> None:
    change(project, f"UPDATE audit SET {column} = {column} || 'x' WHERE seq = {seq}")
    assert first(project)[0] == seq


def test_a_line_that_is_gone_is_named(project: Path) -> None:
    change(project, "DELETE FROM audit WHERE seq = 17")
    assert first(project) == (17, "it is missing, the next is 18")


def test_a_cut_off_end_is_named(project: Path) -> None:
    change(project, "DELETE FROM audit WHERE seq > 30")
    seq, problem = first(project)
    assert seq == 31
    assert f"the log went on to line {LINES}" in problem


def test_an_empty_log_is_one_that_was_cut_off(project: Path) -> None:
    change(project, "DELETE FROM audit")
    assert first(project)[0] == 1


@pytest.mark.parametrize("seq", [1, 2, 17, LINES - 1, LINES])
def test_a_chain_written_anew_without_the_key_names_the_first_line(project: Path, seq: int) -> None:
    rewritten(project, seq)
    assert first(project) == (seq, "it isn't signed by a key that is believed here")


def test_a_changed_line_with_its_hash_is_named_and_not_the_one_after(project: Path) -> None:
    with closing(sqlite3.connect(database(project))) as connection:
        prev, body = connection.execute("SELECT prev, body FROM audit WHERE seq = 9").fetchone()
        body = body.replace('"user', '"USER')
        values = (body, chain.link(prev, body.encode()))
        connection.execute("UPDATE audit SET body = ?, hash = ?, actor = 'USER1' WHERE seq = 9", values)
        connection.commit()
    assert first(project)[0] == 9


def test_nobody_goes_on_with_what_was_rewritten(project: Path) -> None:
    rewritten(project, 17)
    with pytest.raises(IntegrityError, match=r"isn't the one its checkpoint speaks of.*audit verify"):
        open_log(project).append("intent", actor="ann", action="run", subject="")
    open_log(project).checkpoint_file.unlink()
    with pytest.raises(
        IntegrityError, match="line 40 of the audit log isn't signed by a key that is believed"
    ):
        open_log(project).append("intent", actor="ann", action="run", subject="")
    assert check(open_log(project)).lines == LINES


def test_a_forged_line_at_the_end_is_found_and_nothing_hangs_on_it(project: Path) -> None:
    log = open_log(project)
    stranger = Keys(project / "elsewhere")
    head = check(log).head
    event = AuditEvent(
        seq=LINES + 1,
        at="2030",
        actor="ann",
        action="run",
        subject="",
        phase="intent",
        key=log.keys.fingerprint,
    )
    data = chain.sealed(event, head, stranger.sign)
    values = (LINES + 1, "2030", "ann", "run", "", "intent", head, chain.link(head, data), data.decode())
    change(project, f"INSERT INTO audit VALUES ({', '.join('?' * 9)})", values=values)
    assert first(project) == (LINES + 1, "it isn't signed by a key that is believed here")
    with pytest.raises(IntegrityError, match="isn't signed by a key"):
        log.append("intent", actor="ann", action="run", subject="")


# -- ... and to the checkpoint, and even to the key -----------------------------------------------------------------


def test_a_copy_of_the_checkpoint_finds_what_the_checkpoint_was_bent_to(project: Path) -> None:
    log = open_log(project)
    older = log.checkpoint_file.read_bytes()
    log.append("intent", actor="ann", action="run", subject="run/1")
    copy = project / "copy.json"
    copy.write_bytes(log.checkpoint_file.read_bytes())
    change(project, f"DELETE FROM audit WHERE seq > {LINES}")
    log.checkpoint_file.write_bytes(older)
    assert check(open_log(project)).intact, "by itself it looks as it did before the last line"
    report = check(open_log(project), None, [read_checkpoint(copy)])
    assert report.findings[0].seq == LINES + 1


def test_a_stolen_key_is_found_by_a_copy_and_a_strange_one_by_the_public_key(project: Path) -> None:
    log = open_log(project)
    copy, mine = read_checkpoint(log.checkpoint_file), log.keys.trusted()
    rewritten(project, 17, log.keys)
    head = check(log).head
    again = msgspec.structs.replace(copy, hash=head, signature="")
    again = msgspec.structs.replace(again, signature=log.keys.sign(chain.checkpoint_part(again)).hex())
    log.checkpoint_file.write_bytes(canonical_json(again))
    assert check(log).intact, "who has the key, the database and the checkpoint can write anything"
    (found,) = check(log, None, [copy]).findings
    assert "written anew" in found.problem
    stranger = Keys(log.keys.folder, project / "stranger.pem")
    rewritten(project, 17, stranger)
    report = check(log, mine)
    assert report.findings[0].seq == 17


def test_a_checkpoint_that_is_gone_or_forged_is_a_finding(project: Path) -> None:
    log = open_log(project)
    text = log.checkpoint_file.read_text()
    log.checkpoint_file.unlink()
    assert first(project) == (0, "no checkpoint tells whether its end was cut off")
    log.checkpoint_file.write_text(text.replace(f'"seq":{LINES}', f'"seq":{LINES - 1}'))
    assert "isn't signed by a key" in first(project)[1]
    log.checkpoint_file.write_text("{")
    with pytest.raises(IntegrityError, match="is no checkpoint"):
        check(log)


def test_a_signature_says_nothing_of_what_stands_behind_it(project: Path) -> None:
    with closing(sqlite3.connect(database(project))) as connection:
        (prev, body) = connection.execute("SELECT prev, body FROM audit WHERE seq = ?", (LINES,)).fetchone()
        longer = body.removesuffix("}") + ',"actor":"mallory"}'
        digest = chain.link(prev, longer.encode())
        values = (longer, digest, "mallory", LINES)
        connection.execute("UPDATE audit SET body = ?, hash = ?, actor = ? WHERE seq = ?", values)
        connection.commit()
    assert msgspec.json.decode(longer, type=AuditEvent).actor == "mallory"
    assert first(project) == (LINES, "it isn't signed by a key that is believed here")


def test_details_are_signed_as_they_are_read(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    grant = Grant(grant_id="g", user="ann", role="viewer")
    strange = {"numbers": {10: "ten", 9: "nine"}, "value": grant, "big": 1 << 70, "none": float("nan")}
    for _ in range(2):
        open_log(tmp_path).append(
            "intent", actor="ann", action="run", subject="", details={"strange": strange}
        )
    assert check(log).intact
