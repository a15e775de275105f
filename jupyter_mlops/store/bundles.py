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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.base import canonical_json, from_json
from jupyter_mlops.records.model import Manifest
from jupyter_mlops.store.files import sync_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

MODEL = "model.pkl"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold a loaded model with the manifest it came under; ``digest`` names both."""

    model: Any
    manifest: Manifest
    digest: str


class Bundles:
    """Keep bundles as folders ``<folder>/<digest>/``; the digest is that of the manifest, which lists the files'."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, model: Any, manifest: Manifest, *, root: Path | None = None) -> str:
        """Write a bundle and return its digest; code of the notebook, and of modules under ``root``, goes along.

        Raises:
            DataError: when the model can't be pickled.
        """
        return self.write_pickled(pickle_model(model, root=root), manifest)

    def write_pickled(self, data: bytes, manifest: Manifest) -> str:
        """Write a bundle around a model that is pickled already; return its digest."""
        files = {MODEL: data}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        document = canonical_json(msgspec.structs.replace(manifest, files=digests))
        digest = hashlib.sha256(document).hexdigest()
        if not (self.folder / digest).is_dir():
            self._place({**files, MANIFEST: document}, digest)
        return digest

    def path(self, digest: str) -> Path:
        """Return the folder of a bundle.

        Raises:
            NotFoundError: when there is none of that digest.
        """
        folder = self.folder / digest
        if not digest or not folder.is_dir():
            raise NotFoundError(f"no bundle {digest[:12]!r} under {self.folder}", hint="log the model again")
        return folder

    def load(self, digest: str) -> Bundle:
        """Load a bundle after checking every file of it.

        Raises:
            NotFoundError: when there is none of that digest.
            IntegrityError: when a file isn't what the manifest says, or the manifest isn't what the digest says.
            DataError: when the model needs a module that isn't installed.
        """
        return _load(self.path(digest), digest)

    def _place(self, files: dict[str, bytes], digest: str) -> None:
        temporary = self.folder / f".{uuid.uuid4().hex}.tmp"
        temporary.mkdir(parents=True)
        try:
            for name, content in files.items():
                with (temporary / name).open("xb") as target:
                    target.write(content)
                    target.flush()
                    os.fchmod(target.fileno(), 0o444)
                    os.fsync(target.fileno())
            sync_file(temporary)
            temporary.rename(self.folder / digest)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not (self.folder / digest).is_dir():  # else another process was first with the same content
                raise
        sync_file(self.folder)


def load_folder(folder: Path) -> Bundle:
    """Load the bundle in ``folder`` after checking every file against the manifest.

    Raises:
        NotFoundError: when there is no bundle.
        IntegrityError: when a file isn't what the manifest says.
        DataError: when the model needs a module that isn't installed.
    """
    return _load(folder, None)


def pickle_model(model: Any, *, root: Path | None = None) -> bytes:
    """Pickle a model with the code of ``__main__`` and of modules under ``root`` by value.

    Raises:
        DataError: when some part of it can't be pickled.
    """
    import cloudpickle

    with by_value(local_modules(root) if root is not None else []):
        try:
            return bytes(cloudpickle.dumps(model, protocol=5))
        # What a user's object raises while it is pickled can be anything.
        except Exception as error:
            raise DataError(
                f"the model can't be pickled: {type(error).__name__}: {error}",
                hint="keep open files, connections, locks and generators out of it",
            ) from error


def local_modules(root: Path) -> list[ModuleType]:
    """Return the loaded modules whose source lies under ``root`` and isn't an installed package's."""
    installed = Path(sys.prefix).resolve()
    found = []
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if not source or name == "__main__" or name.partition(".")[0] == "jupyter_mlops":
            continue
        path = Path(source).resolve()
        inside = path.is_relative_to(root.resolve()) and not path.is_relative_to(installed)
        if inside and not {"site-packages", "dist-packages"} & set(path.parts):
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


def _load(folder: Path, digest: str | None) -> Bundle:
    try:
        document = (folder / MANIFEST).read_bytes()
    except OSError:
        raise NotFoundError(f"no bundle in {folder}", hint="log the model again") from None
    actual = hashlib.sha256(document).hexdigest()
    if digest is not None and actual != digest:
        raise _changed(folder / MANIFEST)
    try:
        manifest = from_json(document, Manifest)
    except msgspec.DecodeError:
        raise _changed(folder / MANIFEST) from None
    contents = {}
    for name, expected in manifest.files.items():
        contents[name] = _checked(folder / name, expected)
    if MODEL not in contents:
        raise _changed(folder / MANIFEST)
    # The very bytes that were checked are unpickled; a file changed meanwhile is not read again.
    return Bundle(_unpickle(contents[MODEL], folder), manifest, actual)


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


def _unpickle(data: bytes, folder: Path) -> Any:
    try:
        return pickle.load(io.BytesIO(data))  # noqa: S301 - the project's own bundle, checked against its digest
    except ModuleNotFoundError as error:
        raise DataError(
            f"the model in {folder} needs the module {error.name!r}", hint=f"install {error.name}"
        ) from error
