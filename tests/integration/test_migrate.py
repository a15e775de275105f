"""A project moves to PostgreSQL and an S3 server, and back; killed at any moment, it works before and after.

``JUPYTER_MLOPS_TEST_KILLS`` says how often it is killed; the few of the default are for every day.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jupyter_mlops.errors import MlopsError, SettingsError, UsageError
from jupyter_mlops.records.model import ModelVersion
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.store import audit_check, run_state, tables
from jupyter_mlops.store.database import MOVED, open_engine, reading
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import data, history, migrate, models
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql import Server

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("JUPYTER_MLOPS_TEST_KILLS", "3"))
FIRST = """
from pathlib import Path
import pandas
from sklearn.linear_model import LogisticRegression
import jupyter_mlops as mlops
from jupyter_mlops import settings
from jupyter_mlops.workflows import models

Path("data.csv").write_text("a,b,y\\n" + "".join(f"{n},{n % 7},{n % 2}\\n" for n in range(200)))
frame = pandas.read_csv(mlops.dataset("churn", "data.csv"))
for strength in (0.1, 1.0):
    model = LogisticRegression(C=strength).fit(frame[["a", "b"]], frame.y)
    mlops.log_model(model, "churn", example=frame[["a", "b"]][:5])
models.promote(settings.load(), "churn/1", "shadow")
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a dataset, two model versions and a moved alias, made as its user makes one."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "mlops.toml").write_text('# how we work\nmlflow_sync = "off"  # not today\n')
    subprocess.run([sys.executable, "-c", FIRST], cwd=folder, check=True, timeout=300)
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    root = tmp_path / "project"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    return load(root)


def move(settings: Settings, *to: str) -> migrate.Report:
    return migrate.migrate(settings, migrate.places(settings, to), migrate.unwatched)


def rows(settings: Settings) -> dict[str, list[Any]]:
    with reading(open_engine(settings.database_url("store"))) as connection:
        found = (tables.records, tables.record_parents, tables.audit)
        return {table.name: sorted(map(tuple, connection.execute(table.select()))) for table in found}


def check_works(settings: Settings, aliases: dict[str, int] | None = None) -> None:
    """Read and verify everything that is on record."""
    store = open_store(settings)
    assert audit_check.check(store.audit).findings == ()
    assert not [found for found in data.verify(settings) if found.problem]
    versions = {one.model.version: one for one in models.list_models(settings, "churn")}
    assert set(versions) == {1, 2}
    named = {alias: number for number, one in versions.items() for alias in one.aliases}
    assert named == (aliases or {"challenger": 2, "shadow": 1})
    for number in versions:
        chain = history.lineage(settings, f"churn/{number}")
        assert not any(node.missing for node in chain.nodes)
        model = store.ledger.get(f"model/churn@{number}")
        assert isinstance(model, ModelVersion)
        assert store.bundles.load(model.bundle).model is not None
    for digest in store.objects.digests():
        store.objects.verify(digest)


def test_all_of_it_moves_and_comes_back(
    project: Settings, postgresql_url: str, s3_url: str, tmp_path: Path
) -> None:
    before = rows(project)
    sizes = open_store(project).objects.digests()
    report = move(project, postgresql_url, s3_url)
    moved = load(project.root)
    assert (moved.store, moved.objects) == (postgresql_url, s3_url)
    assert (
        (project.root / "mlops.toml")
        .read_text()
        .endswith('# how we work\nmlflow_sync = "off"  # not today\n')
    )
    assert rows(moved) == rows(project)
    after = rows(moved)
    assert [row for row in after["records"] if row in before["records"]] == before["records"]
    assert [row[3:6] for row in after["audit"][len(before["audit"]) :]] == [
        ("migrate", "objects, store", "intent"),
        ("migrate", "objects, store", "done"),
    ]
    assert report.rows["records"] == len(after["records"])
    assert (report.contents, report.content_bytes) == (len(sizes), sum(sizes.values()))
    assert report.audit_intact

    # Another machine, that has the settings and the keys, and nothing else.
    other = tmp_path / "other"
    shutil.copytree(project.state / "keys", other / ".mlops" / "keys")
    shutil.copytree(project.state / "audit", other / ".mlops" / "audit")
    shutil.copy(project.root / "mlops.toml", other)
    check_works(load(other))

    with pytest.raises(MlopsError, match=MOVED):
        models.promote(project, "churn/2", "shadow")
    models.promote(moved, "churn/2", "shadow")

    move(moved, project.store, f"objects={tmp_path / 'objects'}")
    back = load(project.root)
    assert back.store == project.store
    check_works(back, {"challenger": 2, "shadow": 2})


def test_what_is_there_already_is_not_moved(project: Settings) -> None:
    assert migrate.places(project, [project.store, f"objects={project.objects}"]) == {}


@pytest.mark.parametrize(
    "to, says",
    [
        (("postgresql+psycopg://u:secret@127.0.0.1:1/x",), "can't be used"),
        (("s3://a/b", "gs://c/d"), "can't be at two places"),
        (("mongodb+srv://x/y",), "mongodb"),
    ],
)
def test_a_place_that_cant_be_used_is_said_and_changes_nothing(
    project: Settings, to: tuple[str, ...], says: str
) -> None:
    before = (project.root / "mlops.toml").read_text()
    with pytest.raises(MlopsError, match=says) as caught:
        move(project, *to)
    assert "secret" not in str(caught.value)
    assert (project.root / "mlops.toml").read_text() == before
    check_works(load(project.root))


def test_a_damaged_content_stops_the_move(project: Settings, tmp_path: Path) -> None:
    objects = open_store(project).objects
    spoiled = objects.path(min(objects.digests()))
    spoiled.chmod(0o644)
    spoiled.write_bytes(b"something else")
    with pytest.raises(MlopsError, match="was changed"):
        move(project, f"objects={tmp_path / 'there'}")
    assert load(project.root).objects == project.objects


def test_the_environment_wins_so_nothing_is_moved(project: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_OBJECTS", "elsewhere")
    with pytest.raises(SettingsError, match="JUPYTER_MLOPS_OBJECTS is set"):
        move(project, f"objects={project.root / 'there'}")


def test_nothing_moves_under_a_run(project: Settings) -> None:
    from jupyter_mlops.records.run import Run

    run = Run(run_id=run_state.new_id(), status="running", notebook="n.ipynb")
    with run_state.alive(project, run.run_id):
        run_state.write(project, run)
        with pytest.raises(UsageError, match="is under way"):
            move(project, f"objects={project.root / 'there'}")


def test_mlflow_is_filled_from_the_record(project: Settings, tmp_path: Path) -> None:
    report = move(project, f"tracking_uri=sqlite:///{tmp_path}/other.db")
    assert report.mlflow["versions"] == 2
    assert not report.mlflow["findings"]
    assert load(project.root).tracking_uri.endswith("other.db")
    check_works(load(project.root))


RUNNER = """
import json, os, signal, sys, traceback
from pathlib import Path
import alembic.command, psycopg
from jupyter_mlops import settings
from jupyter_mlops.store import moving
from jupyter_mlops.workflows import migrate

moving._BATCH = 5
print("ready", flush=True)
for line in sys.stdin:
    root, to, delay = json.loads(line)
    child = os.fork()
    if not child:
        signal.setitimer(signal.ITIMER_REAL, delay)  # whose signal ends the process where it is
        try:
            project = settings.load(Path(root))
            migrate.migrate(project, migrate.places(project, to), migrate.unwatched)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runner:
    """Move projects in processes that begin with everything imported."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def move(self, root: Path, to: list[str], seconds: float = 0) -> int:
        """Return the exit status of a move that is killed after so many seconds; 0 lets it end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(root), to, seconds]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture
def runner() -> Iterator[Runner]:
    started = Runner()
    with started.process:
        yield started
        assert started.process.stdin is not None
        started.process.stdin.close()


def fill(settings: Settings, number: int) -> None:
    """Add some hundred records, so that most moments of a move lie within its copying."""
    from jupyter_mlops.records.serving import Deployment

    ref = ("model/churn@1",)
    made = [
        Deployment(deployment_id=str(n), model="churn", version=1, bundle="b", address="a", parents=ref)
        for n in range(number)
    ]
    with acting(settings, "serve", "churn/1"):
        open_store(settings).ledger.append(*made)


def test_killed_at_any_moment_it_works_and_goes_on(
    project: Settings, postgresql_server: Server, runner: Runner, tmp_path: Path
) -> None:
    fill(project, 100)
    moments = random.Random(KILLS)  # noqa: S311 - moments, not secrets
    killed = 0
    whole = 0.0
    for number in range(KILLS + 1):
        root = tmp_path / f"copy{number}"
        shutil.copytree(project.root, root)
        with postgresql_server.database() as url:
            to = [url, f"objects={root / 'there'}"]
            if number == 0:
                began = time.perf_counter()
                assert runner.move(root, to) == 0
                whole = time.perf_counter() - began
            else:
                killed += runner.move(root, to, moments.uniform(0.01, whole)) == -14
                check_works(load(root))
                if migrate.places(load(root), to):
                    assert runner.move(root, to) == 0
            moved = load(root)
            assert migrate.places(moved, to) == {}
            assert rows(moved) == rows(msgspec.structs.replace(moved, store=Settings(root=root).store))
            check_works(moved)
        shutil.rmtree(root)
    assert killed >= KILLS // 2
