from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from jupyter_mlops.errors import DataflowError
from jupyter_mlops.notebook.cells import parse
from jupyter_mlops.notebook.dataflow import analyse
from jupyter_mlops.pipeline.compiler import compile_pipeline
from tests import notebooks

GOLDEN = Path(__file__).parents[2] / "golden" / "compiled"
CELLS = (
    ("md", "# Churn"),
    "import math",
    "%%mlops params\nseed = 7\nweights = [1, 2]",
    "%%mlops setup\ndef area(r):\n    return math.pi * r * r",
    "%%mlops stage load\nrows = [seed, 2, 3]",
    "%%mlops stage left --after load --retries 2\n%%time\nleft = [area(r) for r in rows]",
    ("md", "between"),
    "# untagged, so it continues\nleft.sort()",
    "%%mlops stage right\nright = max(rows)\n!echo {right}",
    ("raw", "%%mlops gate churn\naccuracy >= 0.8\n# a comment\nlatency_ms.p95 <= 5"),
    "%%mlops stage report\nprint(left, right)",
    "%%mlops skip\nimport this",
)


def compiled(*cells: notebooks.CellSpec, name: str = "churn.ipynb", workdir: str = "..") -> dict[str, bytes]:
    notebook = parse(notebooks.text(*cells), name)
    return compile_pipeline(notebook, analyse(notebook), workdir=workdir, requirements="numpy==2.0\n")


def sources(content: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(content)["cells"]]


def test_the_folder_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    """After a wanted change: delete ``tests/golden/compiled``, run this twice, read the diff."""
    files = compiled(*CELLS)
    if not GOLDEN.is_dir():
        GOLDEN.mkdir()
        for name, content in files.items():
            (GOLDEN / name).write_bytes(content)
        pytest.fail("the golden folder was missing and is written now; run again")
    assert sorted(files) == sorted(path.name for path in GOLDEN.iterdir())
    for name, content in files.items():
        assert content.decode() == (GOLDEN / name).read_text(encoding="utf-8"), name


def test_twice_gives_the_same_bytes() -> None:
    assert compiled(*CELLS) == compiled(*CELLS)


def test_cells_keep_their_place_and_lines() -> None:
    document = json.loads(compiled(*CELLS)["left.ipynb"])
    places = {
        cell["metadata"].get("jupyter_mlops", {}).get("source_cell"): cell for cell in document["cells"]
    }
    assert "".join(places[5]["source"]) == "%%time\nleft = [area(r) for r in rows]"
    assert "".join(places[7]["source"]) == "# untagged, so it continues\nleft.sort()"
    assert 8 not in places
    ids = [cell["id"] for cell in document["cells"]]
    assert len(set(ids)) == len(ids)


def test_a_cell_whose_error_is_wanted_keeps_its_tag() -> None:
    content = compiled("%%mlops stage a\nx = 1", ("1 / 0", {"tags": ["raises-exception", "mine"]}))["a.ipynb"]
    tags = {"".join(cell["source"]): cell["metadata"].get("tags") for cell in json.loads(content)["cells"]}
    assert tags["1 / 0"] == ["raises-exception"]
    assert tags["# %%mlops stage a\nx = 1"] is None


def test_setup_cells_stay_on_their_side_of_the_parameters() -> None:
    cells = sources(compiled(*CELLS)["load.ipynb"])
    order = [
        next(i for i, text in enumerate(cells) if part in text)
        for part in (
            "import math",
            "seed = 7",
            "_mlops.bind",
            "def area",
            "_mlops.load",
            "rows =",
            "_mlops.publish",
        )
    ]
    assert order == sorted(order)


def test_a_stage_s_notebook_is_valid_for_nbformat() -> None:
    nbformat = pytest.importorskip("nbformat")
    for name, content in compiled(*CELLS).items():
        if name.endswith(".ipynb"):
            nbformat.validate(nbformat.reads(content.decode(), as_version=4))


def test_yaml_says_what_ploomber_needs() -> None:
    files = compiled(*CELLS)
    document = yaml.safe_load(files["pipeline.yaml"])
    tasks = {task["name"]: task for task in document["tasks"]}
    assert list(tasks) == ["load", "left", "right", "report"]
    assert tasks["report"]["upstream"] == ["load", "left", "right"]
    # All above it on the page: stock tools know no other way to let it see what the notebook would.
    assert tasks["right"]["upstream"] == ["load", "left"]
    assert tasks["load"]["product"] == {"nb": "products/load.ipynb", "data": "products/load.pkl"}
    assert tasks["load"]["params"] == {"seed": 7, "weights": [1, 2]}
    assert yaml.safe_load(files["gates.yaml"])["gates"] == [
        {"model": "churn", "conditions": ["accuracy >= 0.8", "latency_ms.p95 <= 5"]}
    ]
    assert yaml.safe_load(files["params.yaml"]) == {"seed": 7, "weights": [1, 2]}
    assert files["requirements.txt"] == b"numpy==2.0\n"


def test_without_gates_there_is_no_gates_file() -> None:
    assert "gates.yaml" not in compiled("%%mlops stage a\nx = 1")


@pytest.mark.parametrize("name", ["upstream", "product"])
def test_ploomber_s_own_names_are_refused_in_setup(name: str) -> None:
    with pytest.raises(DataflowError, match=f"cell 0: the name '{name}'"):
        compiled(f"%%mlops setup\n{name} = 1", "%%mlops stage a\nx = 1")


def test_quotes_and_other_scripts_survive() -> None:
    files = compiled(
        "%%mlops params\ntext = 'é \"x\" {{y}}'", "%%mlops stage a\nprint(text)", name="mémo 1.ipynb"
    )
    assert yaml.safe_load(files["params.yaml"]) == {"text": 'é "x" {{y}}'}
    assert 'pipeline="mémo 1"' in sources(files["a.ipynb"])[1]
