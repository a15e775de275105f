from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.store.keys import Keys, fingerprint, read_public, verify


def test_what_is_signed_is_verified_and_nothing_else(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    signature = keys.sign(b"the head")
    assert len(signature) == 64
    assert verify(b"the head", signature, keys.public)
    assert not verify(b"the heaD", signature, keys.public)
    assert not verify(b"the head", signature[:-1], keys.public)
    assert not verify(b"the head", signature, b"short")
    assert keys.verify(b"the head", signature)


def test_the_private_key_is_its_owners_only(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys")
    keys.sign(b"")
    assert keys.private.stat().st_mode & 0o777 == 0o600
    keys.private.chmod(0o644)
    with pytest.raises(SettingsError, match="open to everybody; chmod 600"):
        Keys(tmp_path / "keys").sign(b"")


def test_the_key_stays_the_same(tmp_path: Path) -> None:
    first, second = Keys(tmp_path / "keys"), Keys(tmp_path / "keys")
    assert first.sign(b"x") == second.sign(b"x")
    (public,) = (tmp_path / "keys").glob("*.pub")
    assert public.stem == first.fingerprint == fingerprint(first.public)
    assert read_public(public) == first.public


def test_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    code = "import sys, pathlib\nfrom jupyter_mlops.store.keys import Keys\nprint(Keys(pathlib.Path(sys.argv[1])).fingerprint)"
    command = [sys.executable, "-c", code, str(tmp_path / "keys")]
    with ThreadPoolExecutor(4) as pool:
        done = list(
            pool.map(lambda _: subprocess.run(command, capture_output=True, text=True, check=True), range(4))
        )
    assert len({each.stdout for each in done}) == 1
    assert sorted(path.suffix for path in (tmp_path / "keys").iterdir()) == [".pem", ".pub"]


def test_the_public_half_comes_back(tmp_path: Path) -> None:
    Keys(tmp_path / "keys").sign(b"")
    (public,) = (tmp_path / "keys").glob("*.pub")
    public.unlink()
    Keys(tmp_path / "keys").sign(b"")
    assert public.is_file()


def test_a_key_kept_elsewhere_and_a_colleagues(tmp_path: Path) -> None:
    mine = Keys(tmp_path / "keys", tmp_path / "mine.pem")
    signed = mine.sign(b"x")
    theirs = Keys(tmp_path / "keys", tmp_path / "theirs.pem")
    assert theirs.verify(b"x", signed), "its public half was put with the others"
    assert set(theirs.trusted()) == {mine.fingerprint}, "a key that never signed is not published"
    assert not Keys(tmp_path / "other").verify(b"x", signed)


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\n!!\n", b"MC4CAQAwBQYDK2VwBCIEIA==\n"]
)
def test_what_is_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    private = tmp_path / "signing.pem"
    private.write_bytes(content)
    private.chmod(0o600)
    with pytest.raises(SettingsError, match="no private ed25519 key"):
        Keys(tmp_path, private).sign(b"")
    (tmp_path / "x.pub").write_bytes(content)
    with pytest.raises(SettingsError, match="no public ed25519 key"):
        Keys(tmp_path).trusted()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(SettingsError, match=r"can't be used: (Not a directory|File exists)"):
        Keys(tmp_path / "keys").sign(b"")
    with pytest.raises(SettingsError, match="can't be read"):
        read_public(tmp_path / "none.pub")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on the PATH")
def test_openssl_agrees(tmp_path: Path) -> None:
    made = tmp_path / "made.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", made], check=True)
    keys = Keys(tmp_path / "keys", made)
    (tmp_path / "data").write_bytes(b"the head")
    (tmp_path / "signature").write_bytes(keys.sign(b"the head"))
    (public,) = (tmp_path / "keys").glob("*.pub")
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    command += ["-in", str(tmp_path / "data")]
    subprocess.run([*command, "-sigfile", str(tmp_path / "signature")], check=True, capture_output=True)
