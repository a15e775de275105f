"""Bundles: one immutable folder with everything a serving process needs of a model."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.base import canonical_json, from_json
from jupyter_mlops.records.model import Manifest
from jupyter_mlops.store import tensors
from jupyter_mlops.store.files import link_or_copy, sync_file, write_atomic
from jupyter_mlops.store.folder import is_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from jupyter_mlops.store.keys import Keys
    from jupyter_mlops.store.objects import Objects

MODEL = "model.pkl"
METRICS = "metrics.pkl"
MANIFEST = "manifest.json"
SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold a loaded model with the manifest it came under; ``digest`` names both."""

    model: Any
    manifest: Manifest
    digest: str


class Bundles:
    """Keep bundles as contents of the object store, and unpacked for those who load them.

    A bundle's digest is that of its manifest, which lists its files by theirs: so it is one content for each file
    and one for the manifest, whose signature lies beside it.

    Args:
        folder: where bundles are unpacked to, as ``<digest>/``; links to the contents, where links can be.
        objects: where the contents are.
        keys: what signs new bundles, and whose signatures are believed.
    """

    def __init__(self, folder: Path, objects: Objects, keys: Keys | None = None) -> None:
        self.folder = folder
        self._objects = objects
        self._keys = keys

    def write(self, model: Any, manifest: Manifest, *, root: Path | None = None) -> str:
        """Write a bundle and return its digest; code of the notebook, and of modules under ``root``, goes along.

        Raises:
            DataError: when the model can't be pickled.
            StorageError: when there is no room for it, or the object store doesn't answer.
        """
        return self.write_pickled(pickle_model(model, root=root), manifest)

    def write_pickled(self, data: bytes, manifest: Manifest, metrics: bytes = b"") -> str:
        """Write a bundle around a model, and the functions that measure it, pickled already; return its digest.

        Raises:
            SettingsError: when the signing key can't be used.
            StorageError: when there is no room for it, or the object store doesn't answer.
        """
        signed_by = self._keys.fingerprint if self._keys else ""
        contents = {MODEL: data, **({METRICS: metrics} if metrics else {})}
        files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        document = canonical_json(msgspec.structs.replace(manifest, files=files, signed_by=signed_by))
        with self._objects.batch() as batch:
            for content in contents.values():
                batch.put_bytes(content)
            digest = batch.put_bytes(document)
        if self._keys and self._objects.signature(digest) is None:
            self._objects.put_signature(digest, self._keys.sign(signed_text(digest)))
        return digest

    def path(self, digest: str) -> Path:
        """Return the folder of a bundle, unpacked if it isn't yet.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when its manifest was changed.
            StorageError: when the object store doesn't answer.
        """
        folder = self.folder / digest
        if not is_digest(digest) or not (folder.is_dir() or self._objects.has(digest)):
            raise NotFoundError(f"no bundle {digest[:12]!r} under {self.folder}", hint="log the model again")
        if not folder.is_dir():
            self._unpack(digest, folder)
        return folder

    def load(self, digest: str) -> Bundle:
        """Load a bundle after checking every file of it, and its signature if it has to have one.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when a file isn't what the manifest says, the manifest isn't what the digest says, or it
                isn't signed by a key that is believed.
            DataError: when the model needs a module that isn't installed.
        """
        return _load(self.path(digest), digest, self._keys)

    def metrics(self, digest: str) -> dict[str, Callable[..., Any]]:
        """Load the functions that a model is measured by, checked as ``load`` checks; those who serve it need none.

        Raises:
            NotFoundError: when there is no bundle of that digest.
            IntegrityError: as ``load`` does.
            DataError: when a function needs a module that isn't installed.
        """
        folder = self.path(digest)
        contents, _, _ = _verified(folder, digest, self._keys)
        if METRICS not in contents:
            return {}
        functions: dict[str, Callable[..., Any]] = _unpickle(contents[METRICS], folder, "a metric")
        return functions

    def check(self, digest: str) -> tuple[Path, Manifest]:
        """Return a bundle's folder and manifest after checking what ``load`` does; nothing is unpickled.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: as ``load`` does.
        """
        folder = self.path(digest)
        return folder, _verified(folder, digest, self._keys)[1]

    def contents(self, digest: str) -> tuple[str, ...]:
        """Return the contents that a bundle consists of, by digest; the manifest's is the bundle's own.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when its manifest was changed.
        """
        return (digest, *self.manifest(digest).files.values())

    def whole(self, digest: str) -> bool:
        """Say whether every content of a bundle is there."""
        try:
            return all(self._objects.has(content) for content in self.contents(digest))
        except NotFoundError:
            return False

    def keep(self, digest: str) -> None:
        """Put a bundle that is only a folder, as versions before this one left them, into the object store.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when a file of it was changed.
        """
        folder = self.path(digest)
        expected = {MANIFEST: digest, **self.manifest(digest).files}
        found = self._objects.put_many([folder / name for name in expected])
        for name, actual in zip(expected, found, strict=True):
            if actual != expected[name]:
                raise _changed(folder / name)

    def remove(self, digest: str) -> None:
        """Take the unpacked folder of a bundle away; what is in the object store stays."""
        if not is_digest(digest) or not (self.folder / digest).is_dir():
            return
        aside = self._temporary()
        (self.folder / digest).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def manifest(self, digest: str) -> Manifest:
        """Return what a bundle's manifest says; nothing is unpacked for it.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when it was changed.
        """
        folder = self.folder / digest
        if self._objects.has(digest):
            document = self._objects.read(digest)
        else:
            document = _checked(self.path(digest) / MANIFEST, digest)
        return _parsed(document, folder / MANIFEST)

    def _unpack(self, digest: str, folder: Path) -> None:
        files = _parsed(self._objects.read(digest), folder / MANIFEST).files
        contents = self._objects.paths([digest, *files.values()])
        signature = self._objects.signature(digest)
        temporary = self._temporary()
        temporary.mkdir(parents=True)
        try:
            for name, content in zip([MANIFEST, *files], contents, strict=True):
                link_or_copy(content, temporary / name)
            if signature is not None:
                write_atomic(temporary / SIGNATURE, signature)
            sync_file(temporary)
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first with the same content
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_file(self.folder)

    def _temporary(self) -> Path:
        return self.folder / f".{uuid.uuid4().hex}.tmp"


def load_folder(folder: Path, keys: Keys | None = None) -> Bundle:
    """Load the bundle in ``folder`` after checking every file against the manifest.

    A folder that is named by a digest must have that bundle in it; one of another name must be signed.

    Raises:
        NotFoundError: when there is no bundle.
        IntegrityError: when a file isn't what the manifest says, or it isn't signed by a key that is believed.
        DataError: when the model needs a module that isn't installed.
    """
    return _load(folder, folder.name if is_digest(folder.name) else None, keys)


def signed_text(digest: str) -> bytes:
    """Return what the signature of a bundle is made over."""
    return f"jupyter-mlops bundle {digest}\n".encode()


def pickle_model(model: Any, *, root: Path | None = None, what: str = "the model") -> bytes:
    """Pickle a model, or ``what`` else, with the code of ``__main__`` and of modules under ``root`` by value.

    Raises:
        DataError: when some part of it can't be pickled.
    """
    with by_value(local_modules(root) if root is not None else []):
        try:
            return tensors.dumps(model)
        # What a user's object raises while it is pickled can be anything.
        except Exception as error:
            raise DataError(
                f"{what} can't be pickled: {type(error).__name__}: {error}",
                hint="keep open files, connections, locks and generators out of it",
            ) from error


def local_modules(root: Path) -> list[ModuleType]:
    """Return the loaded modules whose source lies under ``root`` and isn't an installed package's."""
    place, installed = root.resolve(), Path(sys.prefix).resolve()

    @cache
    def local(folder: str) -> bool:
        resolved = Path(folder).resolve()
        inside = resolved.is_relative_to(place) and not resolved.is_relative_to(installed)
        return inside and not {"site-packages", "dist-packages"} & set(resolved.parts)

    found = []
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if not source or name == "__main__" or name.partition(".")[0] == "jupyter_mlops":
            continue
        if local(os.path.dirname(source)):  # noqa: PTH120 - of thousands of modules, and it must take no time
            found.append(module)
    return found


@contextmanager
def by_value(modules: list[ModuleType]) -> Iterator[None]:
    """Let cloudpickle take the code of ``modules`` along, while the block lasts."""
    import cloudpickle

    known = cloudpickle.list_registry_pickle_by_value()
    fresh = [module for module in modules if module.__name__ not in known]
    for module in fresh:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in fresh:
            cloudpickle.unregister_pickle_by_value(module)


def _load(folder: Path, digest: str | None, keys: Keys | None) -> Bundle:
    contents, manifest, actual = _verified(folder, digest, keys)
    # The very bytes that were checked are unpickled; a file changed meanwhile is not read again.
    return Bundle(_unpickle(contents[MODEL], folder), manifest, actual)


def _verified(folder: Path, digest: str | None, keys: Keys | None) -> tuple[dict[str, bytes], Manifest, str]:
    try:
        document = (folder / MANIFEST).read_bytes()
    except OSError:
        raise NotFoundError(f"no bundle in {folder}", hint="log the model again") from None
    actual = hashlib.sha256(document).hexdigest()
    if digest is not None and actual != digest:
        raise _changed(folder / MANIFEST)
    manifest = _parsed(document, folder / MANIFEST)
    _check_signature(folder, actual, manifest, keys, named=digest is not None)
    contents = {name: _checked(folder / name, expected) for name, expected in manifest.files.items()}
    return contents, manifest, actual


def _check_signature(
    folder: Path, digest: str, manifest: Manifest, keys: Keys | None, *, named: bool
) -> None:
    """Refuse a bundle that should be signed and isn't, or is by somebody else.

    One of before there were signatures says nothing of a signer. Its digest, which the ledger knows it by, is what it
    is known by then; so it is refused where nothing but the folder itself says what should be in it.

    Raises:
        IntegrityError: when it is refused.
    """
    try:
        signature = (folder / SIGNATURE).read_bytes()
    except OSError:
        signature = b""
    if not (manifest.signed_by or signature or not named):
        return
    if not signature:
        raise IntegrityError(
            f"the bundle in {folder} has no signature", hint="log the model again, or restore the file"
        )
    if keys is None or not keys.verify(signed_text(digest), signature):
        raise IntegrityError(
            f"the bundle in {folder} isn't signed by a key that this project trusts",
            hint="if its maker is to be trusted, put the maker's public key (.pub) into .mlops/keys",
        )


def _parsed(document: bytes, path: Path) -> Manifest:
    try:
        manifest = from_json(document, Manifest)
    except msgspec.DecodeError:
        raise _changed(path) from None
    inside = all(name == Path(name).name and name.isprintable() for name in manifest.files)
    taken = {"..", MANIFEST, SIGNATURE} & manifest.files.keys()
    if MODEL not in manifest.files or taken or not inside or not all(map(is_digest, manifest.files.values())):
        raise _changed(path)
    return manifest


def _checked(path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        raise IntegrityError(f"{path} is missing from its bundle", hint="log the model again") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise _changed(path)
    return content


def _changed(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is not what was logged", hint="log the model again, or restore the file")


def _unpickle(data: bytes, folder: Path, what: str = "the model") -> Any:
    try:
        return pickle.load(io.BytesIO(data))  # noqa: S301 - the project's own bundle, checked against its digest
    except ModuleNotFoundError as error:
        raise DataError(
            f"{what} in {folder} needs the module {error.name!r}", hint=f"install {error.name}"
        ) from error
