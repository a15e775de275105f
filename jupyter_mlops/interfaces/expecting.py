"""A ``%%mlops expect`` cell in Jupyter: keep what it says, check the newest version; an empty one is filled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import HTML, display


def run_cell(dataset: str, body: str, line: str) -> None:
    """Do what a cell asks for.

    Raises:
        MlopsError: when it can't be understood, or there is nothing to fill it from.
    """
    from jupyter_mlops import settings
    from jupyter_mlops.notebook import expect_text
    from jupyter_mlops.records.expectation import NOTHING
    from jupyter_mlops.workflows import expectations

    project = settings.load()
    said = expect_text.parse(dataset, body)
    if said.said == NOTHING:
        version, said = expectations.infer(project, dataset)
        _fill(f"%%mlops {line.strip()}\n{expectations.as_cell(version, said)}")
    expectations.declare(project, said, source=_notebook())
    _show(project, dataset, said)


def _fill(text: str) -> None:
    shell: Any = get_ipython()
    if shell is not None:
        shell.set_next_input(text, replace=True)


def _show(project: Any, dataset: str, said: Any) -> None:
    from jupyter_mlops.data import expectation_picture
    from jupyter_mlops.workflows import expectations

    version = expectations.newest(project, dataset)
    if version is None:
        display(HTML(expectation_picture.said(dataset)))
        return
    found = expectations.check_version(project, version, said)
    display(HTML(expectation_picture.html(found)))


def _notebook() -> str:
    """Return the notebook's name, as the front end told the kernel; empty where it didn't."""
    return Path(os.environ.get("JPY_SESSION_NAME", "")).name
