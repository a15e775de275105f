"""A JupyterLab and a browser of the tests' own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
TOKEN = "e2e"  # noqa: S105 - of a server that lives for these tests
START = 120.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Lab:
    """A JupyterLab of its own: its folder, its address."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        self._state = state
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> subprocess.Popen[bytes]:
        own = {
            name: str(self._state / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_DATA_DIR",
                "JUPYTER_RUNTIME_DIR",
                "IPYTHONDIR",
                "HOME",
            )
        }
        for folder in own.values():
            Path(folder).mkdir(parents=True)
        self._settle(Path(own["JUPYTER_CONFIG_DIR"]))
        options = [
            "--no-browser",
            "--allow-root",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.root}",
        ]
        with (self._state / "lab.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                cwd=self.root,
                env={**os.environ, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def token(self) -> str:
        return TOKEN

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"token {TOKEN}"})
        status = connection.getresponse().status
        connection.close()
        return status

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        # A server says that it is ready only by answering.
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            assert process.poll() is None, (self._state / "lab.log").read_text()
            try:
                self.get("/api")
            except (OSError, HTTPException):
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"no JupyterLab after {START} s:\n" + (self._state / "lab.log").read_text())

    @staticmethod
    def _settle(config: Path) -> None:
        folder = config / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True)
        (folder / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("state"))
    process = server.start()
    try:
        server.wait(process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        missing = "chromium is not installed (apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    tab = browser.new_page(viewport={"width": 1360, "height": 900})
    tab.set_default_timeout(30_000)
    yield tab
    tab.close()
