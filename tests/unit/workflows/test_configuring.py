from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from jupyter_mlops.errors import SettingsError
from jupyter_mlops.settings import Settings, load
from jupyter_mlops.workflows import configuring


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / ".mlops").mkdir()
    path = configuring.change(load(tmp_path), {"store": "postgresql+psycopg://x/y", "objects": 's3://ü/"b'})
    assert path == tmp_path / "mlops.toml"
    found = load(tmp_path)
    assert (found.store, found.objects) == ("postgresql+psycopg://x/y", 's3://ü/"b')


def test_only_the_lines_of_these_keys_change(tmp_path: Path) -> None:
    path = tmp_path / "mlops.toml"
    path.write_text('# ours\nkeep_runs = 5 # few\n\nstore = "sqlite:///a.db"  # old\n# the end\n')
    configuring.change(load(tmp_path), {"store": "sqlite:///b.db", "objects": "there"})
    assert path.read_text() == (
        'objects = "there"\n# ours\nkeep_runs = 5 # few\n\nstore = "sqlite:///b.db"\n# the end\n'
    )
    assert load(tmp_path).keep_runs == 5


def test_settings_in_pyproject_stay_there(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    before = '[project]\nname = "x"\nobjects = "no setting"\n\n[tool.jupyter-mlops]\nkeep_runs = 5\n\n[tool.ruff]\nobjects = "y"\n'
    path.write_text(before)
    configuring.change(load(tmp_path), {"objects": "there"})
    assert not (tmp_path / "mlops.toml").exists()
    assert load(tmp_path).objects == "there"
    after = tomllib.loads(path.read_text())
    after["tool"]["jupyter-mlops"].pop("objects")
    assert after == tomllib.loads(before)


@pytest.mark.parametrize("text", ['store = """\nsqlite:///a.db"""\n', '"store" = "sqlite:///a.db"\n'])
def test_a_file_that_cant_be_changed_by_line_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mlops.toml"
    path.write_text(text)
    settings = Settings(root=tmp_path)
    for attempt in (configuring.check, configuring.change):
        with pytest.raises(SettingsError, match=r"set store = 'sqlite:///b\.db' by hand"):
            attempt(settings, {"store": "sqlite:///b.db"})
    assert path.read_text() == text


def test_what_the_environment_says_cant_be_changed_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_MLOPS_STORE", "sqlite:///c.db")
    with pytest.raises(SettingsError, match="JUPYTER_MLOPS_STORE is set"):
        configuring.check(load(tmp_path), {"store": "sqlite:///b.db"})
