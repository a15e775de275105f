from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlops.workflows import tied

# Starts a process that says its id and waits, says it too, and waits as well.
STARTER = """
import subprocess, sys
from jupyter_mlops.workflows import tied
child = subprocess.Popen(tied.command("waiting", "a", "b"), stdout=subprocess.PIPE, text=True)
print(child.stdout.readline().strip(), flush=True)
sys.stdin.read()
"""
WAITING = "import os, sys, time\nprint(os.getpid(), *sys.argv[1:], __name__, flush=True)\ntime.sleep(600)\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what ties them is Linux's")
def test_it_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert starter.stdout is not None
    assert starter.stdin is not None
    pid, *said = starter.stdout.readline().split()
    assert said == ["a", "b", "__main__"]
    watched = os.pidfd_open(int(pid))
    try:
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        assert select.select([watched], [], [], 20)[0], "it lives on"
    finally:
        os.close(watched)
        starter.stdin.close()
        starter.stdout.close()


def test_elsewhere_it_is_a_plain_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tied.command("waiting", "a") == [sys.executable, "-m", "waiting", "a"]
