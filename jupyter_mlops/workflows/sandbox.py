"""Projects made for the occasion, so that a verification leaves no version in the real one."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops import settings as project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_mlops.settings import Settings

# The settings that say where a project keeps what it remembers.
_PLACES = ("store", "tracking_uri", "objects")


class Sandbox:
    """A folder with an empty project for each run, always at one path, so that what is printed of it is the same.

    Args:
        folder: where the projects are.
        settings: those of the real project; all but where it keeps things holds for the empty ones too.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._project = folder / "project"
        self._settings = settings
        self._count = 0

    @contextmanager
    def fresh(self) -> Iterator[tuple[Path, dict[str, str]]]:
        """Lend an empty project, and the environment that leads to it; it stays in ``earlier`` afterwards."""
        self._project.mkdir()
        defaults = project.Settings(root=self._project)
        values = {key: getattr(defaults if key in _PLACES else self._settings, key) for key in project.KEYS}
        values["mlflow_sync"] = values["explain"] = "off"
        environment = {project.PREFIX + key.upper(): _as_text(value) for key, value in values.items()}
        try:
            yield self._project, {**environment, project.ROOT_VARIABLE: str(self._project)}
        finally:
            self._count += 1
            self._project.rename(self.earlier)

    @property
    def earlier(self) -> Path:
        """The project of the run before."""
        return self._folder / f"run-{self._count}"

    def scratch(self, name: str) -> Path:
        """Return a path that nobody uses yet."""
        return Path(tempfile.mkdtemp(prefix=name, dir=self._folder))


@contextmanager
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    """Make a place for projects that nobody will miss."""
    with tempfile.TemporaryDirectory(prefix="mlops-verify-", ignore_cleanup_errors=True) as folder:
        yield Sandbox(Path(folder).resolve(), settings)


@contextmanager
def environ(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables until the block ends."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
