from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from jupyter_mlops.data import contents, frames
from jupyter_mlops.data.contents import look
from jupyter_mlops.data.sources import Source

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.dataset import Column


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "PART_BYTES", 2_000)
    monkeypatch.setattr(frames, "PART_ROWS", 100)


def described(path: Path) -> tuple[int, tuple[Column, ...]]:
    found = look(Source(label=path.name, path=path)).describe()
    return found["rows"], found["columns"]


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "feather"])
def test_a_file_read_in_parts_has_the_profile_of_the_whole(
    tmp_path: Path, small_parts: None, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "n": rng.integers(0, 9, 1000),
            "x": np.where(rng.random(1000) < 0.1, np.nan, rng.normal(size=1000)),
            "late": np.where(np.arange(1000) < 900, np.nan, 1.0),
            "c": rng.choice(["a", "b"], 1000),
            "words": [None] * 900 + ["late"] * 100,
            "flag": rng.random(1000) < 0.5,
        }
    )
    path = tmp_path / f"t.{form}"
    if form in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    else:
        getattr(frame, f"to_{form}")(path)
    rows, columns = described(path)
    monkeypatch.undo()
    whole = described(path)
    assert rows == whole[0] == 1000
    for part, all_ in zip(columns, whole[1], strict=True):
        assert (part.name, part.dtype, part.kind, part.missing) == (
            all_.name,
            all_.dtype,
            all_.kind,
            all_.missing,
        )
        assert part.profile.get("histogram") == all_.profile.get("histogram")
        assert part.profile.get("top") == all_.profile.get("top")
        assert part.profile.get("mean", 0) == pytest.approx(all_.profile.get("mean", 0))


def test_a_column_that_begins_with_numbers_and_goes_on_with_words_is_words(
    tmp_path: Path, small_parts: None
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x\n" + "".join(f"{n:03},{n}\n" for n in range(999)) + "A1,5\n")
    _, (first, second) = described(path)
    assert (first.dtype, first.kind, first.profile["unique"]) == ("str", "text", 1000)
    assert second.dtype == "int64"
    assert first.profile["mean_length"] == pytest.approx(
        pd.read_csv(path, dtype={"id": "str"}).id.str.len().mean()
    )


def test_an_empty_table_has_columns(tmp_path: Path) -> None:
    pd.DataFrame({"x": pd.Series(dtype="float64")}).to_parquet(tmp_path / "t.parquet")
    rows, columns = described(tmp_path / "t.parquet")
    assert (rows, [column.dtype for column in columns]) == (0, ["float64"])


def test_a_folder_of_very_many_tables_is_not_read_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST_PARTS", 2)
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("x\n1\n")
    assert look(Source(label="t", path=tmp_path)).describe() == {}
