"""What is installed, whatever was imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jupyter_mlops.pipeline import environment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_package_folder_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Odd.Name-1.2.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert environment.snapshot.__wrapped__().packages["odd-name"] == "1.2"


def test_what_a_package_brings_along_for_itself_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "site" / "builder" / "_vendor"
    for place in (tmp_path / "site" / "builder-3.0.dist-info", own / "carried-1.0.dist-info"):
        place.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    before = environment.snapshot.__wrapped__()
    usual = list(sys.path)
    for path in (
        [*usual, str(own)],
        [str(own), *usual],
    ):  # as ``import setuptools``, and as ``import ray`` does
        monkeypatch.setattr(sys, "path", path)
        assert environment.snapshot.__wrapped__() == before
    assert before.packages["builder"] == "3.0"
