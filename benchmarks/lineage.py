"""How long a question for lineage takes in a project with a million records.

    python benchmarks/lineage.py [--records 1000000] [--store postgresql+psycopg://...] [--json]

The goal is 50 ms in either direction, from any id. The store is a new SQLite file where no URL is given; a PostgreSQL
database must be empty. There is no peer: MLflow and DVC keep nothing that could be asked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.records.dataset import Column, DatasetVersion
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion, Signature
from jupyter_mlops.records.run import NamedVersion, Run, StageExecution, StageRun
from jupyter_mlops.records.serving import Deployment, Prediction
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.database import open_engine, writing
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.store.predictions import PredictionLog
from jupyter_mlops.workflows import history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.records.base import Record

STAGES = ("load", "features", "train", "evaluate", "report")
PIPELINES = 20
# Runs that read the same dataset version, one after the other.
SHARED = 10
BATCH = 5000
GOAL_MS = 50.0


def project(records: int) -> Iterator[Record]:
    """Yield the records of a project: run after run, each with its stages, model, gate, promotion, deployment."""
    number = 0
    made = 0
    while made < records:
        for record in one_run(number):
            yield record
            made += 1
        number += 1


def one_run(number: int) -> Iterator[Record]:
    pipeline = f"notebook{number % PIPELINES}"
    run = f"20260101-000000-{number:06x}"
    at = f"2026-01-01T00:00:00.{number:06d}Z"
    version = number // PIPELINES + 1
    data = DatasetVersion(
        name=f"{pipeline}-data",
        version=f"{number // (PIPELINES * SHARED):08x}".ljust(64, "e"),
        source="data/table.parquet",
        format="parquet",
        size_bytes=12_345_678,
        rows=100_000,
        columns=tuple(Column(name=f"column{n}", dtype="float64", kind="numeric") for n in range(8)),
        created_at=at,
    )
    if number // PIPELINES % SHARED == 0:
        yield data
    read = NamedVersion(name=data.name, version=data.version)
    model = NamedVersion(name=pipeline, version=version)
    refs: list[str] = []
    for stage in STAGES:
        execution = StageExecution(
            key=f"{number}-{stage}".ljust(64, "0"),
            pipeline=pipeline,
            stage=stage,
            source=f"# {stage}\n" + "frame = frame.assign(total=frame.a + frame.b)\n" * 12,
            parents=tuple(refs[-1:]) or (str(data.ref),),
            datasets=() if refs else (read,),
            outputs={"frame": "f" * 64},
            run_id=run,
            created_at=at,
        )
        refs.append(str(execution.ref))
        yield execution
    yield Run(
        run_id=run,
        status="succeeded",
        notebook=f"{pipeline}.ipynb",
        stages=tuple(StageRun(name=stage, status="executed") for stage in STAGES),
        datasets=(read,),
        models=(model,),
        parents=tuple(refs),
        created_at=at,
        finished_at=at,
    )
    name = f"model/{pipeline}@{version}"
    yield ModelVersion(
        name=pipeline,
        version=version,
        bundle="b" * 64,
        signature=Signature(layout="array", inputs=(), outputs=()),
        mlflow_run="m",
        run_id=run,
        stage="train",
        datasets=(str(data.ref),),
        metrics={"accuracy": 0.8},
        parents=(f"run/{run}", str(data.ref)),
        created_at=at,
    )
    yield Evaluation(
        model=pipeline,
        version=version,
        passed=True,
        conditions=(ConditionResult(text="accuracy >= 0.7", status="passed", value=0.8),),
        parents=(name,),
        created_at=at,
    )
    yield Promotion(name=pipeline, version=version, alias="champion", parents=(name,), created_at=at)
    yield Deployment(
        deployment_id=f"d{number}",
        model=pipeline,
        version=version,
        bundle="b" * 64,
        address="a",
        parents=(name,),
        created_at=at,
    )


def fill(settings: Settings, records: int) -> float:
    """Put the project's records, and a prediction, into the store; return the seconds that it took."""
    ledger = open_store(settings).ledger
    began, batch, done = time.perf_counter(), [], 0
    for record in project(records):
        batch.append(record)
        if len(batch) == BATCH:
            with ledger.writing() as open_:
                open_.append(*batch)
            done += len(batch)
            batch = []
            if sys.stderr.isatty():
                print(f"\r{done:,} records", end="", file=sys.stderr)
    ledger.append(*batch)
    # As the database's own housekeeping does within a minute.
    with writing(open_engine(settings.database_url("store"))) as connection:
        connection.exec_driver_sql("ANALYZE")
    log = PredictionLog(settings.state / "predictions.db")
    log.append(
        [Prediction(prediction_id="0193a1b2-1", deployment="d777", model="notebook17", version=39, rows=1)]
    )
    log.close()
    return time.perf_counter() - began


def ask(settings: Settings, text: str, *, downstream: bool) -> tuple[float, float, float, int]:
    """Return the milliseconds of the first question, the median and the least of twenty, and how many nodes it found."""
    taken = []
    for _ in range(21):
        began = time.perf_counter()
        chain = history.lineage(settings, text, downstream=downstream)
        taken.append((time.perf_counter() - began) * 1000)
    return taken[0], statistics.median(taken[1:]), min(taken), len(chain.nodes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--store")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=Path(folder), **({"store": options.store} if options.store else {}))
        seconds = fill(settings, options.records)
        print(
            f"{options.records:,} records put into {'SQLite' if not options.store else 'PostgreSQL'} in {seconds:.0f} s"
        )
        answers = {}
        for text, downstream in (
            ("0193a1b2-1", False),
            ("notebook7/50", False),
            ("run/20260101-000000-000309", False),
            ("notebook3-data@00000003", False),
            ("notebook3-data@00000003", True),
            ("stage/notebook3.load@20260101-000000-00025b", True),
            ("notebook7/50", True),
        ):
            first, median, least, nodes = ask(settings, text, downstream=downstream)
            way = "downstream of" if downstream else "behind"
            answers[f"{way} {text}"] = median
            mark = "ok" if median < GOAL_MS else "TOO SLOW"
            print(
                f"{way:>13} {text:45} {nodes:4} nodes  first {first:6.1f} ms  "
                f"median {median:6.1f} ms  least {least:6.1f} ms  {mark}"
            )
        if options.json:
            print(json.dumps(answers))
    sys.exit(any(median >= GOAL_MS for median in answers.values()))


if __name__ == "__main__":
    main()
