"""Kernels that are forks: when there are none, how they end, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.execution.local import Local
from tests.integration import stages

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="warm kernels need Linux"),
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Local]:
    found = Local(tmp_path, {})
    yield found
    found.close()


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until(happens: object, seconds: float = 60) -> bool:
    assert callable(happens)
    deadline = time.monotonic() + seconds
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(happens())


def test_a_fork_has_what_it_imports_and_draws_its_own_numbers(engine: Local) -> None:
    cells = (
        "import random\nimport numpy as np\nimport os",
        "print(random.random(), np.random.rand(), os.getpgid(0) == os.getpid())",
        "import atexit\natexit.register(lambda: open('ended', 'w').close())\nlog = open('log', 'w')\n_ = log.write('kept')",
    )
    stages.write(engine.folder, "a", *cells)
    seen = set()
    for _ in range(2):
        done = stages.run(engine, "a")
        assert (done.error, done.kernel) == (None, "warm")
        seen.add(stages.text(engine, "a"))
        # Exit handlers ran and files were closed before the stage counted as done.
        assert (engine.folder / "ended").exists()
        assert (engine.folder / "log").read_text() == "kept"
        (engine.folder / "ended").unlink()
    assert len(seen) == 2
    assert all(line.endswith("True\n") for line in seen)


def test_when_nothing_is_imported_beforehand_or_no_fork_is_made(engine: Local) -> None:
    stages.write(engine.folder, "warm", "import json, fractions")
    stages.write(
        engine.folder,
        "sets",
        "import os, sys\nos.environ['OMP_NUM_THREADS'] = '1'\nprint('fractions' in sys.modules)",
    )
    stages.write(engine.folder, "pip", "%pip --version")
    assert stages.run(engine, "warm").kernel == "warm"
    bare = stages.run(engine, "sets")
    assert bare.kernel == "warm, with nothing imported beforehand: it sets environment variables"
    assert stages.text(engine, "sets") == "False\n"
    assert stages.run(engine, "pip").kernel == "stock: it installs packages"


def test_imports_that_a_fork_could_not_inherit(engine: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    library = engine.folder / "library"
    library.mkdir()
    (library / "noisy_one.py").write_text("print('here I am')")
    (library / "noisy_two.py").write_text("import warnings\nwarnings.warn('careful')")
    (library / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    environment = {"PYTHONPATH": str(library)}
    engine = Local(engine.folder, environment)
    stages.write(engine.folder, "a", "import noisy_one, fractions", "import noisy_two", "import threaded")
    try:
        done = stages.run(engine, "a")
        assert (done.error, done.kernel) == (None, "warm")
        said = stages.text(engine, "a")
        assert said.startswith("here I am\n")
        assert "UserWarning: careful" in said
    finally:
        engine.close()


def test_a_file_beside_the_notebook_hides_an_installed_module(engine: Local) -> None:
    (engine.folder / "notebook").mkdir()
    (engine.folder / "notebook" / "yaml.py").write_text("print('mine')")
    go = "import os\ndef enter(workdir): os.chdir(workdir)\nenter(workdir='notebook')"
    stages.write(engine.folder, "a", go, "import yaml\nos.chdir('..')")
    done = stages.run(engine, "a")
    assert "a file beside the notebook has the name of module yaml" in done.kernel
    assert stages.text(engine, "a") == "mine\n"


def test_a_kernel_that_is_killed_and_one_that_takes_too_long(engine: Local) -> None:
    stages.write(engine.folder, "dies", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    stages.write(
        engine.folder,
        "sleeps",
        "import subprocess, time\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "open('child', 'w').write(str(child.pid))\ntime.sleep(600)",
    )
    stages.write(engine.folder, "fine", "print('still here')")
    dies = stages.run(engine, "dies").error
    assert dies is not None
    assert (dies.type, "SIGKILL" in dies.message) == ("KernelDied", True)
    late = stages.run(engine, "sleeps", timeout=3).error
    assert late is not None
    assert late.type == "Timeout"
    assert wait_until(lambda: not alive(int((engine.folder / "child").read_text())), 5)
    assert stages.run(engine, "fine").kernel == "warm"


def test_a_kernel_that_is_not_there_is_named(engine: Local) -> None:
    stages.write(engine.folder, "a", "1", kernel="no-such-kernel")
    error = stages.run(engine, "a").error
    assert error is not None
    assert error.type == "NoSuchKernel"
    assert "no-such-kernel" in error.message


def test_without_its_server_a_stage_gets_a_stock_kernel(engine: Local) -> None:
    stages.write(engine.folder, "a", "print(1)")
    assert stages.run(engine, "a").kernel == "warm"
    assert engine._warm is not None
    (server,) = engine._warm._servers.values()
    os.kill(server.pid, signal.SIGKILL)
    server._process.wait()
    done = stages.run(engine, "a")
    assert done.error is None
    assert done.kernel == "stock: the fork server ended"


def test_stopping_while_a_kernel_starts_is_no_death(engine: Local) -> None:
    stages.write(engine.folder, "a", "import time\ntime.sleep(600)")
    found = []
    worker = threading.Thread(target=lambda: found.append(stages.run(engine, "a").error))
    worker.start()
    time.sleep(0.3)
    engine.stop()
    worker.join(20)
    assert found[0] is not None
    assert found[0].type == "Interrupted"


RUN = """
import sys
from pathlib import Path
from jupyter_mlops.execution.local import Local
from tests.integration import stages
stages.run(Local(Path(sys.argv[1]), {}, warm=sys.argv[2] == "warm"), "a")
"""


@pytest.mark.parametrize("kind", ["warm", "stock"])
def test_a_killed_run_leaves_nothing(tmp_path: Path, kind: str) -> None:
    stages.write(
        tmp_path,
        "a",
        "import os, subprocess\nchild = subprocess.Popen(['sleep', '600'], start_new_session=True)",
        "open('part', 'w').write(f'{os.getpid()} {child.pid} {os.getppid()}')\nos.rename('part', 'pids')",
        # A library that never lets the interpreter have a word.
        "import re\nre.match('(a*)*b', 'a' * 60)",
    )
    run = subprocess.Popen([sys.executable, "-c", RUN, tmp_path, kind], cwd=Path(__file__).parents[2])
    try:
        assert wait_until((tmp_path / "pids").exists, 120)
        kernel, child, parent = map(int, (tmp_path / "pids").read_text().split())
        assert (parent == run.pid) == (kind == "stock")
    finally:
        run.kill()
        run.wait()
    watched = {kernel, child, parent} - {run.pid}
    gone = wait_until(lambda: not any(map(alive, watched)), 5)
    for pid in watched:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert gone
