"""The project's signing key (ed25519): made on first use, readable by its owner only; the public halves that count.

The files are PEM, as OpenSSL writes them. Every ``*.pub`` in the folder of keys is believed: a colleague's, or
another machine's, is put beside ours. What someone with write access to that folder could add is found out by
verifying with a public key, or a checkpoint, that was kept elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import uuid
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.store.files import sync_file, write_atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE = "signing.pem"
# What stands before the 32 bytes of an ed25519 key in its DER form (RFC 8410); the library's own parser of such
# files takes longer to load than all the rest of signing.
_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
_PUBLIC = bytes.fromhex("302a300506032b6570032100")
_OTHERS = 0o007


class Keys:
    """Sign with the project's private key; verify with the public keys of its folder.

    Args:
        folder: where public keys lie, and the private one unless it is kept elsewhere.
        private: the private key's file, where it is kept elsewhere.
    """

    def __init__(self, folder: Path, private: Path | None = None) -> None:
        self.folder = folder
        self.private = private or folder / FILE

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes; the key is made where there is none yet.

        Raises:
            SettingsError: when the key can't be read or made, or others may read it.
        """
        return self._private_key.sign(data)

    @cached_property
    def public(self) -> bytes:
        """The public key that belongs to what ``sign`` returns, 32 bytes."""
        return self._private_key.public_key().public_bytes_raw()

    @cached_property
    def fingerprint(self) -> str:
        """The short name of the public key."""
        return fingerprint(self.public)

    def trusted(self) -> dict[str, bytes]:
        """Return the public keys of the folder by their fingerprints.

        Raises:
            SettingsError: when a file among them is no public key.
        """
        found = [read_public(path) for path in sorted(self.folder.glob("*.pub"))]
        return {fingerprint(key): key for key in found}

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Say whether one of the trusted keys signed exactly this."""
        return any(verify(data, signature, key) for key in self.trusted().values())

    @cached_property
    def _private_key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        try:
            if not self.private.exists():
                _make(self.private, Ed25519PrivateKey.generate().private_bytes_raw())
            key = Ed25519PrivateKey.from_private_bytes(_read(self.private, _PRIVATE, "private"))
            if self.private.stat().st_mode & _OTHERS:
                raise SettingsError(
                    f"the signing key {self.private} is open to everybody", hint=f"chmod 600 {self.private}"
                )
            self._publish(key.public_key().public_bytes_raw())
        except OSError as error:
            raise SettingsError(
                f"the signing key {self.private} can't be used: {error.strerror}",
                hint="set signing_key to a file of yours, or name a project folder that you may write to (--project DIR)",
            ) from None
        return key

    def _publish(self, public: bytes) -> None:
        """Put the public half where those who verify look; a crash between the two halves is made good here."""
        path = self.folder / f"{fingerprint(public)}.pub"
        if not path.exists():
            write_atomic(path, _pem(_PUBLIC + public, "PUBLIC"))


def verify(data: bytes, signature: bytes, public_key: bytes) -> bool:
    """Say whether the owner of ``public_key`` (32 bytes) signed exactly this."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public(path: Path) -> bytes:
    """Return the public key in a PEM file, 32 bytes.

    Raises:
        SettingsError: when the file can't be read or holds something else.
    """
    try:
        return _read(path, _PUBLIC, "public")
    except OSError as error:
        raise SettingsError(f"the public key {path} can't be read: {error.strerror}") from None


def fingerprint(public_key: bytes) -> str:
    """Return the short name of a public key: 16 hex digits."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _make(path: Path, private: bytes) -> None:
    """Write a private key unless another process was faster; nobody ever sees half of one, or could read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_pem(_PRIVATE + private, "PRIVATE"))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
    sync_file(path.parent)


def _pem(der: bytes, kind: str) -> bytes:
    return b"-----BEGIN %b KEY-----\n%b\n-----END %b KEY-----\n" % (
        kind.encode(),
        base64.b64encode(der),
        kind.encode(),
    )


def _read(path: Path, prefix: bytes, kind: str) -> bytes:
    lines = path.read_bytes().split(b"\n")
    try:
        der = base64.b64decode(b"".join(line.strip() for line in lines if line[:1] != b"-"), validate=True)
    except binascii.Error:
        der = b""
    raw = der.removeprefix(prefix)
    if len(raw) != 32 or raw == der:  # noqa: PLR2004 - the length of an ed25519 key
        raise SettingsError(
            f"{path} holds no {kind} ed25519 key in PEM form",
            hint="openssl genpkey -algorithm ed25519 makes one",
        )
    return raw
