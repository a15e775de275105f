"""Where a project is and how it is set up: ``mlops.toml``, ``pyproject.toml``, the environment."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlparse

import msgspec

from jupyter_mlops.errors import NotFoundError, SettingsError

FILE = "mlops.toml"
STATE = ".mlops"
PREFIX = "JUPYTER_MLOPS_"
ROOT_VARIABLE = PREFIX + "PROJECT"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a project's folder and its configuration; every key has a default that needs no set-up."""

    root: Path
    store: str = f"sqlite:///{STATE}/mlops.db"
    tracking_uri: str = f"sqlite:///{STATE}/mlflow.db"
    mlflow_sync: Literal["background", "wait", "off"] = "background"
    explain: Literal["background", "wait", "off"] = "background"
    objects: str = f"{STATE}/objects"
    engine: str = "local"
    ray_address: str = ""
    warm_kernels: bool = True
    keep_runs: Annotated[int, msgspec.Meta(ge=1)] = 20
    signing_key: str = f"{STATE}/keys/signing.pem"
    audit_checkpoints: str = f"{STATE}/audit/checkpoint.json"
    keep_inputs: Annotated[int, msgspec.Meta(ge=0)] = 1024
    gate_rule: Literal["figure", "interval"] = "figure"
    drift: str = "p < 0.05 and psi >= 0.0005"

    @property
    def state(self) -> Path:
        """The folder that holds everything the project remembers."""
        return self.root / STATE

    def database_url(self, key: str) -> str:
        """Return the URL under ``key`` (``store`` or ``tracking_uri``) with a relative SQLite path made absolute."""
        url: str = getattr(self, key)
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and not url.endswith(":memory:"):
            return prefix + str(self.root / url.removeprefix(prefix))
        return url

    def objects_folder(self) -> Path:
        """Return the folder of the content-addressed store, or of the copies of what is in an object store."""
        return (
            self.state / "objects" if self.objects_url() else self.root / self.objects.removeprefix("file://")
        )

    def objects_url(self) -> str:
        """Return the URL of the object store that contents are kept in, or nothing where a folder is."""
        return self.objects if urlparse(self.objects).scheme not in ("", "file") else ""


KEYS = tuple(name for name in Settings.__struct_fields__ if name != "root")


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that is a project, else ``start`` itself."""
    start = start.resolve()
    folder = start if start.is_dir() else start.parent
    for candidate in (folder, *folder.parents):
        if _is_project(candidate):
            return candidate
    return folder


def load(start: Path | None = None) -> Settings:
    """Read the settings of the project that ``start`` (default: the working folder) lies in.

    The environment wins over ``mlops.toml``, which wins over ``pyproject.toml``. ``JUPYTER_MLOPS_PROJECT`` names
    the project's folder outright.

    Raises:
        SettingsError: when a file doesn't parse, or a key or value is not one of ours.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named and not Path(named).is_dir():
        raise SettingsError(f"{ROOT_VARIABLE}={named} is not a folder", hint="name the project's folder")
    root = Path(named).resolve() if named else find_root(start or Path.cwd())
    values = {**_from_files(root), **_from_environment()}
    try:
        return msgspec.convert({"root": root, **values}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{root / FILE}: {error}",
            hint="every value is text in quotes, but keep_runs and keep_inputs are numbers and warm_kernels is true or false",
        ) from None


def _is_project(folder: Path) -> bool:
    return (folder / FILE).is_file() or (folder / STATE).is_dir() or _table_in_pyproject(folder) is not None


def _from_files(root: Path) -> dict[str, Any]:
    path = root / FILE
    found = _read_toml(path) if path.is_file() else _table_in_pyproject(root) or {}
    for key in found:
        if key not in KEYS:
            error = NotFoundError.of("setting", key, KEYS)
            raise SettingsError(f"{path.name}: {error.message}", hint=error.hint)
    return found


def _from_environment() -> dict[str, str]:
    return {key: os.environ[PREFIX + key.upper()] for key in KEYS if PREFIX + key.upper() in os.environ}


def _table_in_pyproject(folder: Path) -> dict[str, Any] | None:
    path = folder / "pyproject.toml"
    if not path.is_file() or "jupyter-mlops" not in path.read_text(encoding="utf-8", errors="replace"):
        return None
    table: dict[str, Any] | None = _read_toml(path).get("tool", {}).get("jupyter-mlops")
    return table


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{path}: {error}", hint="mend the file; it is TOML") from None
