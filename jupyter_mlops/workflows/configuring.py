"""Change a project's settings where they are written down, and nothing else in that file."""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import TYPE_CHECKING

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.settings import FILE, PREFIX
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_mlops.settings import Settings

_TABLE = "tool.jupyter-mlops"


def check(settings: Settings, keys: Mapping[str, str]) -> None:
    """Make sure that a change of these keys can be written, and will hold.

    Raises:
        SettingsError: when the environment overrides one, or the file can't be changed line by line.
    """
    for key in keys:
        variable = PREFIX + key.upper()
        if variable in os.environ:
            raise SettingsError(
                f"{variable} is set, and wins over what would be written to {FILE}", hint="unset it first"
            )
    _changed(settings, keys)


def change(settings: Settings, values: Mapping[str, str]) -> Path:
    """Write settings to the project's file, which is made where it is missing; return it.

    Raises:
        SettingsError: when the file can't be changed line by line.
    """
    path, text = _changed(settings, values)
    write_atomic(path, text.encode())
    return path


def _changed(settings: Settings, values: Mapping[str, str]) -> tuple[Path, str]:
    path, table = _place(settings.root)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    after = before
    for key, value in values.items():
        after = _with(after, table, key, value)
    expected = {**_keys(before, table), **values}
    try:
        found = _keys(after, table)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != expected:
        lines = ", ".join(f"{key} = {value!r}" for key, value in values.items())
        raise SettingsError(f"{path.name} can't be changed line by line", hint=f"set {lines} by hand")
    return path, after


def _place(root: Path) -> tuple[Path, str]:
    """Return the file that holds the settings and the table in it that they stand in."""
    pyproject = root / "pyproject.toml"
    if not (root / FILE).is_file() and pyproject.is_file():
        text = pyproject.read_text(encoding="utf-8")
        if f"[{_TABLE}]" in text:
            return pyproject, _TABLE
    return root / FILE, ""


def _keys(text: str, table: str) -> dict[str, object]:
    found = tomllib.loads(text)
    for name in filter(None, table.split(".")):
        found = found.get(name, {})
    return found


def _with(text: str, table: str, key: str, value: str) -> str:
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    lines = text.splitlines()
    begin = lines.index(f"[{table}]") + 1 if table and f"[{table}]" in lines else 0
    end = next((n for n in range(begin, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    for number in range(begin, end):
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[number]):
            lines[number] = line
            break
    else:
        lines.insert(begin, line)
    return "\n".join(lines) + "\n"
