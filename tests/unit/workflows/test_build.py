from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import NotebookError, UsageError
from jupyter_mlops.workflows import build
from tests.notebooks import text, write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_notebook_without_tags_is_proposed_stages(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", ("md", "# Load"), "x = sum([1])", ("md", "# Show"), "print(x)")
    notebook, pipeline = build.load(path)
    assert pipeline.suggested
    assert [stage.name for stage in pipeline.stages] == ["load", "show"]
    assert notebook.cells[1].tag is not None


def test_a_tagged_notebook_is_taken_as_it_is() -> None:
    notebook, pipeline = build.parse(text("%%mlops stage a\nx = 1"), "a.ipynb")
    assert not pipeline.suggested
    assert pipeline.notebook == notebook.name == "a.ipynb"


def test_examine_reports_where_load_refuses(tmp_path: Path) -> None:
    document = text("%%mlops stage a\nprint(x)")
    pipeline, findings = build.examine(document, "a.ipynb")
    assert [stage.name for stage in pipeline.stages] == ["a"]
    assert [finding.rule for finding in findings] == ["MLO102"]
    with pytest.raises(NotebookError, match="x is used"):
        build.parse(document, "a.ipynb")


def test_writing_a_proposal_twice_changes_nothing_more(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", ("md", "# Load"), "x = sum([1])")
    build.write_tags(path)
    once = path.read_bytes()
    assert b'"kind": "stage"' in once
    build.write_tags(path)
    assert path.read_bytes() == once
    assert build.propose(path) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        build.write(tmp_path / "file" / "x.svg", b"")
