from __future__ import annotations

import linecache
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlops.pipeline import handoff, session
from jupyter_mlops.pipeline.namespace import Namespace, main_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kernel:
    """A stand-in for a stage's process: a ``__main__`` of its own, in a compiled folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch

    def run(
        self,
        stage: str,
        code: str,
        *,
        setup: str = "",
        above: tuple[str, ...] = (),
        since: dict[str, int] | None = None,
        **publish: Any,
    ) -> dict[str, Any]:
        names = Namespace({"__name__": "__main__", "__builtins__": __builtins__})
        self.monkeypatch.setitem(sys.modules, "__main__", main_module(names))
        self.monkeypatch.chdir(self.folder)
        handoff.enter(stage, pipeline="p", workdir=".")
        names["upstream"] = {name: {"data": f"products/{name}.pkl"} for name in above}
        names["product"] = {"data": f"products/{stage}.pkl"}
        handoff.bind(names)
        self._exec(setup, names, f"{stage}-setup")
        handoff.load(names, order=above, since=since or {})
        self._exec(code, names, stage)
        self.header = None
        handoff.publish(names, {"x": (3, 2)}, **publish)
        self.header = handoff.read_header(self.folder / f"products/{stage}.pkl")
        names.source = None
        return names

    def stored(self) -> list[tuple[str, ...]]:
        """Return the components that the last stage stored."""
        assert self.header is not None
        return sorted(component.names for component in self.header.components)

    def _exec(self, code: str, names: dict[str, Any], name: str) -> None:
        text = textwrap.dedent(code)
        file = f"/tmp/ipykernel_{id(names)}/{name}.py"  # noqa: S108 - the way IPython names a cell
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)  # noqa: S102 - what a kernel does


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    (tmp_path / "pipeline.yaml").touch()
    yield Kernel(tmp_path, monkeypatch)
    session.finish()
