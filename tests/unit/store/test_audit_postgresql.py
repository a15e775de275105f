"""The audit log on PostgreSQL: written by several machines at once, and no change of a row goes unseen."""
# ruff: noqa: S608 - statements are put together from the names in this file

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.audit_check import check
from jupyter_mlops.store.database import open_engine, writing
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import access
from jupyter_mlops.workflows.acting import acting
from tests.unit.store.audit_logs import COLUMNS

pytestmark = pytest.mark.slow
CHANGES = 60
MACHINES, ACTS = 4, 5
WRITER = """
import sys
from pathlib import Path
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows.acting import acting
settings = Settings(root=Path(sys.argv[1]), store=sys.argv[2])
for number in range(int(sys.argv[3])):
    with acting(settings, "run", f"run/{number}"):
        pass
"""


@pytest.fixture
def settings(tmp_path: Path, postgresql_url: str) -> Settings:
    found = Settings(root=tmp_path / "one", store=postgresql_url)
    access.grant(found, "ann", "viewer")
    for number in range(6):
        with acting(found, "run", f"run/{number}", reason="é ' --"):
            pass
    return found


def change(settings: Settings, *statements: str) -> None:
    with writing(open_engine(settings.store)) as connection:
        for statement in statements:
            connection.execute(text(statement))


def tampering(dice: random.Random, lines: int) -> list[str]:
    seq, other = dice.sample(range(1, lines + 1), 2)
    column = dice.choice(COLUMNS[1:])
    swapped = (
        f"UPDATE audit SET seq = {new} WHERE seq = {old}"
        for new, old in ((-1, seq), (seq, other), (other, -1))
    )
    rest = ", ".join(COLUMNS[1:]).replace("hash", "reverse(hash)")
    return dice.choice(
        [
            [f"UPDATE audit SET {column} = overlay({column} placing 'z' from 1 for 1) WHERE seq = {seq}"],
            [f"UPDATE audit SET {column} = '' WHERE seq = {seq}"],
            [f"DELETE FROM audit WHERE seq = {seq}"],
            [f"DELETE FROM audit WHERE seq >= {seq}"],
            [f"INSERT INTO audit SELECT {lines + 1}, {rest} FROM audit WHERE seq = {seq}"],
            [f"INSERT INTO audit SELECT 0, {rest} FROM audit WHERE seq = {seq}"],
            list(swapped),
            ["DELETE FROM records WHERE kind = 'grant'"],
            ["UPDATE records SET body = replace(body, 'viewer', 'admin') WHERE kind = 'grant'"],
        ]
    )


def test_every_random_change_is_found(settings: Settings) -> None:
    log = open_store(settings).audit
    lines = check(log).lines
    assert check(log).findings == ()
    change(settings, "CREATE TABLE lines AS TABLE audit", "CREATE TABLE kept AS TABLE records")
    dice = random.Random(5)  # noqa: S311 - a test, to be repeated
    unseen = []
    for _ in range(CHANGES):
        done = tampering(dice, lines)
        change(settings, *done)
        if check(log).intact:
            unseen.append(done)
        change(settings, "DELETE FROM audit", "INSERT INTO audit TABLE lines")
        change(settings, "DELETE FROM records", "INSERT INTO records TABLE kept")
    assert unseen == []
    assert check(log).intact


def test_machines_with_keys_and_checkpoints_of_their_own_write_one_chain(
    settings: Settings, tmp_path: Path
) -> None:
    folders = [tmp_path / f"machine{number}" for number in range(MACHINES)]
    for folder in folders:
        keys = open_store(Settings(root=folder)).keys
        keys.sign(b"")
        shutil.copytree(keys.folder, settings.state / "keys", dirs_exist_ok=True, ignore=_private)
    for folder in folders:
        shutil.copytree(
            settings.state / "keys", folder / ".mlops" / "keys", dirs_exist_ok=True, ignore=_private
        )
    before = check(open_store(settings).audit).lines
    commands = [[sys.executable, "-c", WRITER, str(folder), settings.store, str(ACTS)] for folder in folders]
    for writer in [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]:
        _, complaint = writer.communicate(timeout=120)
        assert (writer.returncode, complaint) == (0, "")
    for folder in (settings.root, *folders):
        report = check(open_store(Settings(root=folder, store=settings.store)).audit)
        assert report.findings == ()
        assert report.lines == before + 2 * MACHINES * ACTS


def test_a_machine_that_nobody_knows_hangs_nothing_on_the_chain(settings: Settings, tmp_path: Path) -> None:
    stranger = Settings(root=tmp_path / "stranger", store=settings.store)
    with (
        pytest.raises(IntegrityError, match="isn't signed by a key that is believed here"),
        acting(stranger, "read", ""),
    ):
        pass
    assert check(open_store(settings).audit).intact


def _private(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".pem")]
