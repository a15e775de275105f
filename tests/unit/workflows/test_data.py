from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from jupyter_mlops.data.comparing import row_changes
from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows import data, data_diff

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def record(settings: Settings, name: str, content: str, file: str = "a.csv") -> str:
    (settings.root / file).write_text(content)
    return data.add(settings, name, settings.root / file).version


def test_list_and_show(settings: Settings) -> None:
    assert data.list_datasets(settings) == []
    one, two = record(settings, "churn", "x\n1\n"), record(settings, "churn", "x\n2\n")
    record(settings, "other", "x\n2\n")
    assert [version.version for version in data.list_datasets(settings, "churn")] == [two, one]
    assert len(data.list_datasets(settings)) == 3
    assert data.show(settings, f"churn@{one[:6]}").version == one
    with pytest.raises(NotFoundError, match="did you mean churn"):
        data.list_datasets(settings, "chrun")


def test_a_diff_names_columns_types_and_rows(settings: Settings) -> None:
    one = record(settings, "churn", "a,b,old\n1,x,1\n2,y,2\n2,y,2\n")
    two = record(settings, "churn", "a,b,new\n1,x,1\n2,y,2\n3,,2\n")
    found = data_diff.diff(settings, f"churn@{one[:8]}", f"churn@{two[:8]}")
    assert not found.same
    assert found.rows == (3, 3)
    assert (found.added_columns, found.removed_columns) == (("new",), ("old",))
    assert found.missing == {"b": (0, 1)}
    assert found.changes is not None
    assert (found.changes.added, found.changes.removed) == (1, 1)
    assert found.changes.first_added == ({"a": 3, "b": None},)
    assert found.changes.first_removed == ({"a": 2, "b": "y"},)


def test_a_changed_type_is_told_and_its_column_not_compared(settings: Settings) -> None:
    one, two = record(settings, "churn", "a,b\n1,x\n"), record(settings, "churn", "a,b\n1.5,x\n")
    found = data_diff.diff(settings, f"churn@{one}", f"churn@{two}")
    assert found.changed_types == {"a": ("int64", "float64")}
    assert found.changes is not None
    assert (found.changes.added, found.changes.removed) == (0, 0)


def test_files_that_are_no_tables_are_compared_as_a_whole(settings: Settings) -> None:
    one, two = record(settings, "text", "one", "a.txt"), record(settings, "text", "three", "a.txt")
    found = data_diff.diff(settings, f"text@{one}", f"text@{two}")
    assert (found.same, found.changes, found.size_bytes) == (False, None, (3, 5))
    assert "tables only" in found.note
    assert data_diff.diff(settings, "text", f"text@{two}").same


def test_large_tables_are_not_compared_by_row(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = record(settings, "churn", "a\n1\n2\n"), record(settings, "churn", "a\n1\n3\n")
    monkeypatch.setattr(data_diff, "LARGEST", 1)
    found = data_diff.diff(settings, f"churn@{one}", f"churn@{two}")
    assert found.changes is None
    assert "too large" in found.note


rows = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=20)


@given(rows, rows)
@how(max_examples=60, deadline=None)
def test_rows_are_counted_as_in_bags(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> None:
    def frame(values: list[tuple[int, str]]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "n": pd.Series([n for n, _ in values], dtype="int64"),
                "c": pd.Series([c for _, c in values], dtype="str"),
            }
        )

    from collections import Counter

    found = row_changes(frame(left), frame(right))
    assert found.added == sum((Counter(right) - Counter(left)).values())
    assert found.removed == sum((Counter(left) - Counter(right)).values())


def test_a_checkout_elsewhere_is_a_copy_to_work_with(settings: Settings, tmp_path: Path) -> None:
    one = record(settings, "churn", "x\n1\n")
    path = data.checkout(settings, "churn", tmp_path / "copy.csv")
    assert path.read_text() == "x\n1\n"
    assert path.stat().st_mode & 0o200
    (tmp_path / "folder").mkdir()
    assert data.checkout(settings, "churn", tmp_path / "folder") == tmp_path / "folder" / "a.csv"
    assert data.checkout(settings, "churn", path) == path  # it is that content already
    record(settings, "churn", "x\n2\n")
    with pytest.raises(DataError, match="is there already"):
        data.checkout(settings, "churn", path)
    assert path.read_text() == "x\n1\n"
    assert data.checkout(settings, f"churn@{one}").parent.name == one[:12]


def test_spoiled_content_is_not_checked_out(settings: Settings, tmp_path: Path) -> None:
    one = record(settings, "churn", "x\n1\n")
    stored = settings.objects_folder() / one[:2] / one
    stored.chmod(0o644)
    stored.write_text("spoiled")
    with pytest.raises(IntegrityError, match="was changed"):
        data.checkout(settings, "churn", tmp_path / "copy.csv")
    assert not (tmp_path / "copy.csv").exists()


_ADDS = """
import sys
from pathlib import Path
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows import data
root, url, folder, number = sys.argv[1:]
settings = Settings(root=Path(root), store=url)
for turn in range(3):
    data.add(settings, "shared", Path(folder))
    path = Path(root).parent / f"{number}.txt"
    path.write_text(f"{number} {turn}")
    data.add(settings, "own", path)
"""


@pytest.mark.slow
def test_several_at_a_time_lose_nothing(tmp_path: Path, store_url: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 1000)
    root = tmp_path / "project"
    commands = [
        [sys.executable, "-c", _ADDS, str(root), store_url, str(folder), str(number)] for number in range(4)
    ]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
    told = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
    settings = Settings(root=root, store=store_url)
    assert len(data.list_datasets(settings, "shared")) == 1
    assert len(data.list_datasets(settings, "own")) == 12
    assert {each.status for each in data.verify(settings)} == {"whole"}
