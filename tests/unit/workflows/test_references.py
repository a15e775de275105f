from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from jupyter_mlops import settings as configuration
from jupyter_mlops.data import versions
from jupyter_mlops.errors import DataError, UsageError
from jupyter_mlops.interfaces.cli.drift import command
from jupyter_mlops.stats import sorted_gaps
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import references, samples
from jupyter_mlops.workflows.watch import How, drift

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_mlops.records.drift import DriftReport


def people(seed: int, rows: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": np.where(random.random(rows) < 0.1, np.nan, random.normal(seed / 20, 1, rows)),
            "income": np.where(random.random(rows) < 0.01, np.inf, random.lognormal(0, 1, rows)),
            "code": random.integers(0, 5, rows),
            "many": random.integers(0, 500, rows),
            "city": np.array(["a", "b", None], dtype=object)[random.integers(0, 3, rows)],
            "band": pd.Categorical(np.array(["low", "high"])[random.integers(0, 2, rows)]),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 10**6, rows), unit="s"),
            "yes": random.random(rows) < 0.5,
            "perhaps": np.array([True, False, None], dtype=object)[random.integers(0, 3, rows)],
            "note": [f"a note of {word} words" for word in random.integers(0, 10**6, rows)],
            "place": [list(row) for row in random.normal(size=(rows, 3))],
            "nothing": [None] * rows,
            "never": pd.Series([pd.NaT] * rows, dtype="datetime64[ns]"),
        }
    )


def figures(report: DriftReport) -> DriftReport:
    return replace(report, report_id="", created_at="", author="")


@pytest.mark.parametrize("form, long", [("csv", False), ("parquet", True)])
def test_what_was_kept_gives_the_same_report(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, form: str, long: bool
) -> None:
    if long:
        monkeypatch.setattr(sorted_gaps, "LONG", 500)
    for name, seed in (("before", 1), ("after", 2)):
        frame = people(seed, 600)
        frame.to_parquet(f"{name}.parquet") if form == "parquet" else frame.to_csv(f"{name}.csv", index=False)
    settings = configuration.load()
    sides = (f"before.{form}", f"after.{form}")
    plain = drift(settings, *sides)
    keeping = drift(settings, *sides, how=How(keep_reference=True))
    again = drift(settings, *sides)
    assert figures(again) == figures(keeping)
    for column, other in zip(plain.columns, again.columns, strict=True):
        moved = [each.tests.get("wasserstein") for each in (column, other)]
        tests = [
            {name: test for name, test in each.tests.items() if name != "wasserstein"}
            for each in (column, other)
        ]
        assert replace(column, tests=tests[0]) == replace(other, tests=tests[1])
        if moved[0] is not None and moved[1] is not None:
            assert moved[0].statistic == pytest.approx(moved[1].statistic, rel=1e-12)
    assert plain.multivariate == again.multivariate


def test_a_dataset_is_found_by_its_content(workspace: Path) -> None:
    people(1, 50)[["age", "code"]].to_csv("before.csv", index=False)
    settings = configuration.load()
    store = open_store(settings)
    versions.add(store, "people", workspace / "before.csv")
    of_file, of_dataset = (samples.resolve(store, text) for text in ("before.csv", "people"))
    assert references.find(settings, of_dataset) is None
    references.keep(settings, of_file)
    found = references.find(settings, of_dataset)
    assert found is not None
    assert found.name == of_dataset.name
    (workspace / "before.csv").write_text("age,code\n1,2\n")
    assert references.find(settings, samples.resolve(store, "before.csv")) is None


def test_what_cannot_be_kept_is_said(workspace: Path) -> None:
    settings = configuration.load()
    people(1, 50)[["age"]].to_csv("before.csv", index=False)
    sample = samples.resolve(open_store(settings), "before.csv")
    with pytest.raises(UsageError, match="only files and datasets"):
        references.keep(settings, samples.Sample("live:x", traffic=people(1, 3)))
    with pytest.raises(UsageError, match="compared exactly"):
        drift(settings, "before.csv", "before.csv", how=How(keep_reference=True, binned=True))
    folder = references.folder_of(settings, sample)
    assert folder is not None
    references.keep(settings, sample)
    (folder / "0.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"kept of before.csv is damaged; delete"):
        drift(settings, "before.csv", "before.csv")
    (folder / "reference.json").write_bytes(b"{")
    with pytest.raises(DataError, match="damaged"):
        drift(settings, "before.csv", "before.csv")


def test_mixed_values_are_not_kept(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = pd.DataFrame({"x": np.array([1, "a", None] * 9, dtype=object)})
    people(1, 50)[["age"]].to_csv("before.csv", index=False)
    monkeypatch.setattr(samples.Sample, "frame", lambda _: mixed)
    settings = configuration.load()
    with pytest.raises(DataError, match="column 'x' can't be kept"):
        references.keep(settings, samples.resolve(open_store(settings), "before.csv"))
    assert not [*(workspace / ".mlops" / "cache" / "references").iterdir()]


def test_where_nothing_can_be_written(workspace: Path) -> None:
    people(1, 50)[["age"]].to_csv("before.csv", index=False)
    (workspace / ".mlops").mkdir(exist_ok=True)
    (workspace / ".mlops" / "cache").write_text("a file")
    settings = configuration.load()
    with pytest.raises(DataError, match="can't be written: Not a directory"):
        references.keep(settings, samples.resolve(open_store(settings), "before.csv"))


def test_the_command_keeps_it(workspace: Path) -> None:
    people(1, 50)[["age"]].to_csv("before.csv", index=False)
    result = CliRunner().invoke(command, ["before.csv", "before.csv", "--keep-reference"])
    assert result.exit_code == 0, result.output
    assert len([*(workspace / ".mlops" / "cache" / "references").iterdir()]) == 1
