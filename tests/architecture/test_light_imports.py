"""Heavy libraries are imported only where they are used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "mlflow", "torch", "ploomber", "papermill", "pandas", "numpy", "pyarrow", "sklearn", "scipy", "nbformat",
    "sqlalchemy",
}  # fmt: skip

LOADED = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)"


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import jupyter_mlops",
        "from jupyter_mlops.interfaces import cli\ntry:\n    cli.main(['--help'])\nexcept SystemExit: pass",
        (
            "from IPython.core.interactiveshell import InteractiveShell\n"
            "InteractiveShell.instance().run_line_magic('load_ext', 'jupyter_mlops')"
        ),
    ],
    ids=["import", "help", "load_ext"],
)
def test_loads_nothing_heavy(code: str):
    assert loaded_by(code) & HEAVY == set()


def test_sees_what_is_loaded():
    assert "numpy" in loaded_by("import numpy")
