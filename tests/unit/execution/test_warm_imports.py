"""What a stage may find imported already, read off its code."""

from __future__ import annotations

import pytest

from jupyter_mlops.execution.warm.forkserver import interpreter
from jupyter_mlops.execution.warm.imports import needs_of, workdir_of


def test_statements_stand_in_page_order_and_only_those_that_always_run() -> None:
    needs = needs_of(
        [
            "import torch, numpy as np\nfrom a.b import c as d, e",
            "try:\n    import fast\nexcept ImportError:\n    import slow\nif x:\n    import never",
            "def f():\n    import inside\n%matplotlib inline\nimport torch\nfrom . import beside",
        ]
    )
    assert needs.statements == (
        "import torch", "import numpy as np", "from a.b import c as d, e", "import fast",
    )  # fmt: skip
    assert (needs.bare, needs.stock) == ("", "")


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['OMP_NUM_THREADS'] = '1'",
        "os.environ.setdefault('A', 'b')",
        "os.putenv('A', 'b')",
        "%env CUDA_VISIBLE_DEVICES=0",
        "%set_env A b",
        "import sys\ndel sys.modules['x']",
        "sys.modules.pop('x')",
        "sys.path.insert(0, '..')",
        "importlib.reload(numpy)",
        "warnings.simplefilter('always')",
        "warnings.filterwarnings(action='error')",
        "def f():\n    os.environ['A'] = 'b'",
    ],
)
def test_what_would_come_too_late_after_an_import(source: str) -> None:
    for needs in (needs_of([source, "import numpy"]), needs_of(["import helper"], [source])):
        assert needs.bare
        assert needs.statements == ()


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['HOME']",
        "%env",
        "sys.path.append('..')",
        "warnings.filterwarnings('ignore')",
        "sys.modules",
        "1 +",
    ],
)
def test_what_does_no_harm(source: str) -> None:
    needs = needs_of([source, "import numpy"])
    assert (needs.statements, needs.bare, needs.stock) == (("import numpy",), "", "")


@pytest.mark.parametrize(
    "source", ["%pip install x", "!pip install x", "!python -m pip install x", "%conda install x"]
)
def test_what_needs_a_stock_kernel(source: str) -> None:
    assert needs_of([source]).stock == "it installs packages"


def test_the_folder_that_a_stage_goes_to() -> None:
    assert workdir_of(["1 +", "handoff.enter('a', workdir='../x')"]) == "../x"
    assert workdir_of(["x = 1"]) == ""


def test_only_this_interpreter_s_own_kernel_is_forked() -> None:
    stock = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert interpreter(["python", *stock])
    assert interpreter(["python", "-Xfrozen_modules=off", *stock]) is not None
    assert interpreter(["/elsewhere/bin/python", *stock]) is None
    assert interpreter(["bash", "-c", "kernel"]) is None
