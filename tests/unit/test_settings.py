from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlops import settings
from jupyter_mlops.errors import SettingsError


def test_needs_no_configuration(tmp_path: Path):
    (tmp_path / "mlops.toml").touch()  # so that a project above the tests' folder isn't found
    found = settings.load(tmp_path)
    assert found.root == tmp_path
    assert found.database_url("store") == f"sqlite:///{tmp_path}/.mlops/mlops.db"
    assert found.objects_folder() == tmp_path / ".mlops/objects"
    assert not (tmp_path / ".mlops").exists(), "asking leaves no trace"


@pytest.mark.parametrize("mark", ["mlops.toml", ".mlops", "pyproject.toml"])
def test_the_project_is_the_nearest_folder_with_a_mark(tmp_path: Path, mark: str):
    if mark == ".mlops":
        (tmp_path / mark).mkdir()
    else:
        (tmp_path / mark).write_text("[tool.jupyter-mlops]\n" if mark == "pyproject.toml" else "")
    notebooks = tmp_path / "a" / "b"
    notebooks.mkdir(parents=True)
    assert settings.find_root(notebooks) == tmp_path
    assert settings.find_root(notebooks / "x.ipynb") == tmp_path


def test_somebody_elses_pyproject_is_no_mark(tmp_path: Path):
    (tmp_path / "mlops.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "jupyter-mlops"\n')
    assert settings.find_root(tmp_path / "a" / "b") == tmp_path


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mlops.toml").write_text('store = "sqlite:////elsewhere.db"\nengine = "ray"\n')
    monkeypatch.setenv("JUPYTER_MLOPS_ENGINE", "local")
    found = settings.load(tmp_path)
    assert (found.engine, found.database_url("store")) == ("local", "sqlite:////elsewhere.db")


def test_the_project_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUPYTER_MLOPS_PROJECT", str(tmp_path))
    assert settings.load(Path("/")).root == tmp_path
    monkeypatch.setenv("JUPYTER_MLOPS_PROJECT", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="is not a folder"):
        settings.load(Path("/"))


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("store = ", "mlops.toml"),
        ("stoer = 'x'", "no setting 'stoer'.*did you mean store"),
        ("store = 3", "Expected `str`"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, complaint: str):
    (tmp_path / "mlops.toml").write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        settings.load(tmp_path)


def test_an_object_store_has_its_copies_in_the_project(tmp_path: Path):
    (tmp_path / "mlops.toml").write_text('objects = "s3://bucket/prefix"')
    found = settings.load(tmp_path)
    assert found.objects_url() == "s3://bucket/prefix"
    assert found.objects_folder() == tmp_path / ".mlops/objects"


@pytest.mark.parametrize("text", ["contents", "file:///contents", "/contents"])
def test_a_folder_is_no_object_store(tmp_path: Path, text: str):
    found = settings.Settings(root=tmp_path, objects=text)
    assert found.objects_url() == ""
    assert found.objects_folder() == (tmp_path / "contents" if text == "contents" else Path("/contents"))
