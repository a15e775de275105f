"""Make a wheel of one module, for tests that install something."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from jupyter_mlops.execution.fresh import record_of

if TYPE_CHECKING:
    from pathlib import Path


def wheel(folder: Path, name: str, version: str, source: str = "") -> Path:
    """Write ``<name>-<version>-py3-none-any.whl`` into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": source.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in contents.items():
            archive.writestr(place, content)
        archive.writestr(f"{info}/RECORD", record_of(contents, info))
    return path
