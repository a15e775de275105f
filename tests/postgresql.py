"""A real PostgreSQL for the tests: a server a session, a database of its own for each test that asks.

``store_url`` runs a test on SQLite and on PostgreSQL alike; ``postgresql_url`` is PostgreSQL alone. With
``JUPYTER_MLOPS_TEST_STORE=postgresql`` every project of a test that starts no processes has its records there. Without
PostgreSQL's programs (Debian's ``postgresql``) these tests are skipped, under CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.execution.processes import die_with_parent
from jupyter_mlops.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE = "postgres"
EVERYWHERE = os.environ.get("JUPYTER_MLOPS_TEST_STORE") == "postgresql"
# Nothing here has to survive the machine.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "log_checkpoints=off")
_EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid();"
    "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
)
_READY = b"ready to accept connections"


class Server:
    """A running server, reached through the socket in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[str] = []
        self._made = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty database that nobody else uses."""
        name = self._free.pop() if self._free else self._create()
        try:
            yield f"postgresql+psycopg://{ROLE}@/{name}?host={self._folder}"
        finally:
            # Emptied and used again: to drop a database takes five times as long.
            self._run(name, _EMPTY)
            self._free.append(name)

    def _create(self) -> str:
        self._made += 1
        name = f"test{self._made}"
        self._run("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def _run(self, database: str, statement: str) -> None:
        import psycopg

        with psycopg.connect(
            host=str(self._folder), user=ROLE, dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Start a PostgreSQL server that only this session reaches; it ends with it, however that ends."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no PostgreSQL; tests/debian-packages.sh installs it")
        pytest.skip("no PostgreSQL (apt-get install postgresql)")
    # A server refuses to run as root; its socket's path must be short.
    identity: dict[str, Any] = {"user": ROLE, "group": ROLE, "extra_groups": ()} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if identity:
            shutil.chown(folder, ROLE, ROLE)
        data = folder / "data"
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                ROLE,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **identity,
        )
        with _serving(programs, folder, identity):
            yield Server(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(autouse=True)
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where that is asked for, let PostgreSQL stand in for each SQLite file that a project would have by default."""
    if not EVERYWHERE or "store_url" in request.fixturenames or request.node.get_closest_marker("slow"):
        yield
        return
    server: Server = request.getfixturevalue("postgresql_server")
    stock = Settings.database_url
    with ExitStack() as databases:
        urls: dict[Path, str] = {}

        def database_url(self: Settings, key: str) -> str:
            if key != "store" or self.store != Settings(root=self.root).store:
                return stock(self, key)
            if self.root not in urls:
                urls[self.root] = databases.enter_context(server.database())
            return urls[self.root]

        monkeypatch.setattr(Settings, "database_url", database_url)
        yield


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/.mlops/mlops.db"
    url: str = request.getfixturevalue("postgresql_url")
    return url


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    # Debian keeps the servers' programs apart from those of everyday; the newest is the last.
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = [*kept, *([Path(on_path).resolve()] if on_path else [])]
    return found[-1].parent if found else None


@contextmanager
def _serving(programs: Path, folder: Path, identity: dict[str, Any]) -> Iterator[None]:
    this = os.getpid()
    options = [f"-c{option}" for option in (*_FAST, "listen_addresses=", "log_min_messages=log")]
    with subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", "-k", folder, *options],
        stderr=subprocess.PIPE,
        cwd=folder,
        preexec_fn=lambda: die_with_parent(this, signal.SIGQUIT),  # noqa: PLW1509 - a server left behind would be worse
        **identity,
    ) as server:
        assert server.stderr is not None
        said = b""
        for line in server.stderr:
            said += line
            if _READY in line:
                break
        try:
            assert server.poll() is None, said.decode()
            yield
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
