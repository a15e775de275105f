"""How much room inferred expectations leave: false alarms on new data of the same kind, and faults that are found.

A table of ten columns is drawn, expectations are inferred from it, and then held against another draw of the same
kind, as it is and with one fault at a time. ``--rows`` of both, ``--tables`` so many times. With ``--speed ROWS`` it
times inference and check of one table of 50 columns that is read part by part, and says how much memory it took.

    python benchmarks/expectations.py --rows 1000 --tables 200
    python benchmarks/expectations.py --speed 1000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_mlops.data import expectations, inference
from jupyter_mlops.data.version_parts import of_path

if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = list("abcdefgh")


def draw(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a table: five shapes of numbers, categories with rare ones, codes, dates, free text, missing values."""
    chances = np.array([2.0 ** -(n + 1) for n in range(len(_LETTERS))])
    income = rng.lognormal(10, 0.8, rows).round(2)
    income[rng.random(rows) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "id": [f"K{number:07d}" for number in rng.choice(10_000_000, rows, replace=False)],
            "age": rng.normal(45, 14, rows).clip(18, 99).astype(int),
            "income": income,
            "score": rng.beta(2, 5, rows),
            "gap": rng.standard_t(4, rows),
            "visits": rng.poisson(3, rows),
            "region": rng.choice(_LETTERS, rows, p=chances / chances.sum()),
            "sex": rng.integers(1, 3, rows),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, rows), unit="D"),
            "note": [" ".join(rng.choice(["late", "ok", "né"], size)) for size in rng.integers(1, 8, rows)],
        }
    )


def faults(rng: np.random.Generator) -> dict[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    """Return what goes wrong with data, by name."""
    few = partial(_few, rng=rng)
    return {
        "a column renamed": lambda f: f.rename(columns={"income": "salary"}),
        "a column more": lambda f: f.assign(extra=1),
        "cents for euros": lambda f: f.assign(income=f.income * 100),
        "percent for shares": lambda f: f.assign(score=f.score * 100),
        "two columns swapped": lambda f: f.rename(columns={"age": "visits", "visits": "age"}),
        "numbers as words in 3 rows": lambda f: f.assign(age=f.age.astype(object).where(~few(f, 3), "n/a")),
        "-999 for missing": lambda f: f.assign(income=f.income.fillna(-999)),
        "a column filled with 0": lambda f: f.assign(gap=0.0),
        "half of a column missing": lambda f: f.assign(income=f.income.where(rng.random(len(f)) < 0.5)),
        "one value missing": lambda f: f.assign(age=f.age.astype(float).where(~few(f, 1))),
        "a category renamed": lambda f: f.assign(region=f.region.replace("a", "A")),
        "codes 0 and 1 for 1 and 2": lambda f: f.assign(sex=f.sex - 1),
        "a row twice": lambda f: pd.concat([f, f.iloc[[0]]], ignore_index=True),
        "ids cut off": lambda f: f.assign(id=f.id.str[:6]),
        "dates of 1970": lambda f: f.assign(joined=f.joined.mask(few(f, 2), pd.Timestamp("1970-01-01"))),
        "dates as numbers": lambda f: f.assign(joined=f.joined.astype("int64")),
        "a quarter of the rows": lambda f: f.iloc[: len(f) // 4],
        "an age of 330": lambda f: f.assign(age=f.age.mask(few(f, 1), 330)),
        "all rows of one region": lambda f: f.assign(region="zz"),
        "text of a whole page": lambda f: f.assign(note=f.note.mask(few(f, 1), "word " * 500)),
    }


def _few(frame: pd.DataFrame, count: int, *, rng: np.random.Generator) -> Any:
    return np.isin(np.arange(len(frame)), rng.choice(len(frame), count, replace=False))


def _inferred(frame: pd.DataFrame) -> Any:
    return inference.infer("table", lambda _words: [frame], from_text=False)


def broken(frame: pd.DataFrame, expected: Any) -> list[str]:
    """Return what a table breaks of its expectations."""
    _, results = expectations.check(lambda: [frame], expected, from_text=False)
    return [f"{each.column} {each.expectation}" for each in results if each.status != "passed"]


def room(rows: int, tables: int) -> None:
    """Print false alarms and faults found."""
    rng = np.random.default_rng(7)
    alarms: Counter[str] = Counter()
    found: Counter[str] = Counter()
    alarmed = 0
    for _ in range(tables):
        expected = _inferred(draw(rows, rng))
        fresh = draw(rows, rng)
        false = broken(fresh, expected)
        alarmed += bool(false)
        alarms.update(false)
        for name, spoil in faults(rng).items():
            found[name] += bool(set(broken(spoil(fresh), expected)) - set(false))
    print(f"{rows:,} rows, 10 columns, {tables} tables")
    print(f"false alarms: {alarmed} of {tables} tables ({alarmed / tables:.1%})")
    for name, count in alarms.most_common(6):
        print(f"  {count:4d}  {name}")
    names = faults(rng)
    print(f"faults found: {sum(found.values()) / tables / len(names):.1%} of {len(names)} kinds")
    for name in names:
        print(f"  {found[name] / tables:6.1%}  {name}")


def speed(rows: int) -> None:
    """Print how long inference and check of 50 columns take, and the memory over what was in use before."""
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        _write(path, rows, rng)
        table = of_path(path, lambda _rows: None)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.perf_counter()
        expected = inference.infer("table", table.parts, from_text=False)
        inferred = time.perf_counter()
        _, results = expectations.check(table.parts, expected, from_text=False)
        checked = time.perf_counter()
        for _ in table.parts():
            pass
        read = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = sum(each.status == "passed" for each in results)
    print(f"{rows:,} rows x 50 columns, {held} of {len(results)} expectations hold")
    print(
        f"infer {inferred - began:.1f} s, check {checked - inferred:.1f} s, reading alone {read - checked:.1f} s"
    )
    print(f"memory: {after - before:,.0f} MB more than before, {after:,.0f} MB in all")


def _write(path: Path, rows: int, rng: np.random.Generator) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for start in range(0, rows, 100_000):
        count = min(100_000, rows - start)
        wide = {f"x{place}": rng.normal(size=count) for place in range(40)}
        codes = {f"c{place}": rng.choice(_LETTERS, count) for place in range(9)}
        ids = [f"K{number:09d}" for number in range(start, start + count)]
        part = pa.Table.from_pandas(pd.DataFrame({"id": ids, **wide, **codes}))
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--speed", type=int, metavar="ROWS", default=0)
    options = parser.parse_args()
    if options.speed:
        speed(options.speed)
    else:
        room(options.rows, options.tables)


if __name__ == "__main__":
    main()
