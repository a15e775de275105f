"""A new environment: whose index is asked, what is asked for, and this package as a wheel of itself."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from base64 import urlsafe_b64encode

import pytest

from jupyter_mlops.errors import StageFailedError
from jupyter_mlops.execution import fresh
from jupyter_mlops.records.run import Environment
from tests.wheels import wheel


def test_modules_lead_to_the_recorded_distributions():
    pins = {"scikit-learn": "1", "numpy": "2", "opencv-python": "4", "typing-extensions": "4"}
    modules = ["sklearn.linear_model", "numpy", "cv2", "typing_extensions", "helpers", "os"]
    assert fresh.wanted_of(modules, pins) == ("numpy", "opencv-python", "scikit-learn", "typing-extensions")


def test_the_package_packs_itself_as_a_wheel_that_is_whole(tmp_path):
    ours = fresh.pack(tmp_path / "wheels")
    with zipfile.ZipFile(ours) as archive:
        names = set(archive.namelist())
        (record,) = [name for name in names if name.endswith("RECORD")]
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert {row[0] for row in rows} == names
        for name, digest, size in rows:
            if name != record:
                content = archive.read(name)
                expected = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={expected}", str(len(content)))
    assert {"jupyter_mlops/__init__.py", "jupyter_mlops/workflows/rebuild.py"} <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


def test_pip_s_configuration_is_uv_s_too(tmp_path):
    home = tmp_path / "home"
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\nfind-links = /a\n  /b\n[install]\nno-index = true\n"
    )
    variables = {
        "HOME": str(home),
        "PIP_INDEX_URL": "https://own.example/simple",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    told = fresh._pip_configuration(variables)
    assert (told["index-url"], told["no-index"]) == ("https://own.example/simple", "true")
    index = fresh._uv_index(variables, told)
    assert index["UV_DEFAULT_INDEX"] == "https://own.example/simple"
    assert index["UV_FIND_LINKS"] == "/a,/b"
    assert fresh._uv_index({**variables, "UV_INDEX_URL": "x"}, told) == {}


def test_nothing_leads_a_new_interpreter_to_this_one_s_packages_and_settings():
    kept = {"HOME": "/h", "PIP_INDEX_URL": "u"}
    ours = {"PYTHONPATH": "p", "VIRTUAL_ENV": "v", "JUPYTER_MLOPS_STORE": "s", "JUPYTER_PATH": "j"}
    assert fresh.clean({**kept, **ours}) == kept


def test_an_installer_s_complaint_becomes_one_line_with_what_it_wants(tmp_path):
    script = tmp_path / "installer"
    said = "  x No solution found:\n because there is no version of nothing==9.9 and you require nothing==9.9"
    script.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(StageFailedError, match=r"^nothing==9.9 can't be installed: x No solution") as caught:
        fresh._run([str(script)], {})
    assert "\n" not in str(caught.value)
    with pytest.raises(StageFailedError, match="can't be run"):
        fresh._run([str(tmp_path / "missing")], {})


@pytest.mark.slow
def test_an_environment_has_the_recorded_versions_and_answers_to_the_notebook_s_kernel(tmp_path, monkeypatch):
    recorded = Environment(python="3.11.7", platform="linux", packages={"tinylib": "1.0", "other": "2"})
    local = wheel(tmp_path / "index", "tinylib", "1.0")
    monkeypatch.setattr(fresh, "pack", lambda _folder: wheel(tmp_path / "index", "ours", "0.1"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(local.parent))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    made = fresh.create(tmp_path / "new", recorded, ["tinylib", "unrecorded"], kernel="my-env")
    assert made.requirements == ("tinylib==1.0",)
    site = next((tmp_path / "new" / "venv").glob("lib/python*/site-packages"))
    assert {path.name for path in site.glob("*.dist-info")} == {"tinylib-1.0.dist-info", "ours-0.1.dist-info"}
    assert (tmp_path / "new/venv/share/jupyter/kernels/my-env/kernel.json").is_file()
    with pytest.raises(StageFailedError, match=r"other==2 can't be installed"):
        fresh.create(tmp_path / "again", recorded, [], everything=True)
