from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from jupyter_mlops.execution.locks import held

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, threading
from pathlib import Path
from jupyter_mlops.execution.locks import held
with held(Path(sys.argv[1]), threading.Event()) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "locks" / "a", [], []

    def work() -> None:
        for _ in range(20):
            with held(path, threading.Event()) as mine:
                assert mine
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 80
    assert set(most) == {1}
    assert list(path.parent.iterdir()) == []


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        stopped = threading.Event()
        stopped.set()
        with held(path, stopped) as mine:
            assert not mine
        holder.kill()
    assert path.is_file()
    with held(path, threading.Event()) as mine:
        assert mine
    assert not path.exists()


def test_waiting_can_be_stopped(tmp_path: Path) -> None:
    path, stopped = tmp_path / "a", threading.Event()
    got: list[bool] = []

    def wait() -> None:
        with held(path, stopped) as mine:
            got.append(mine)

    with held(path, threading.Event()):
        waiter = threading.Thread(target=wait)
        waiter.start()
        stopped.set()
        waiter.join(30)
    assert got == [False]
