from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from jupyter_mlops.store.files import copy_atomic, file_lock, hash_file, replacing, write_atomic


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file.txt"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_an_error_on_the_way_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, b"old")
    with pytest.raises(TypeError), replacing(path) as target:
        target.writelines([b"half", "not bytes"])  # type: ignore[list-item]  # the error wanted
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_copy_says_what_was_copied(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(data)
    digest = copy_atomic(tmp_path / "a", tmp_path / "b")
    assert digest == hashlib.sha256(data).hexdigest() == hash_file(tmp_path / "b")


def test_a_lock_keeps_threads_apart(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with file_lock(tmp_path / "lock"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
