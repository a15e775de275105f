from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlops.errors import IntegrityError, NotFoundError, UsageError
from jupyter_mlops.records.dataset import Column, DatasetVersion
from jupyter_mlops.records.evaluation import ConditionResult, Evaluation
from jupyter_mlops.records.model import ModelVersion, Promotion, Signature
from jupyter_mlops.records.run import Run, StageExecution
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.store import tables
from jupyter_mlops.store.database import open_engine, writing
from jupyter_mlops.store.ledger import KINDS, Ledger
from jupyter_mlops.store.sql_ledger import SqlLedger

if TYPE_CHECKING:
    from jupyter_mlops.records.base import Record


# How many times each of the eight writers writes; a hundred times as many take some minutes.
WRITES = int(os.environ.get("JUPYTER_MLOPS_TEST_WRITES", "5"))


@pytest.fixture
def ledger(store_url: str) -> Ledger:
    return Ledger(store_url)


@pytest.fixture
def sqlite_ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/state/mlops.db")


def dataset(version: str, name: str = "churn", **more: Any) -> DatasetVersion:
    return DatasetVersion(name=name, version=version, source="x.csv", format="csv", size_bytes=1, **more)


def deployment(number: str, *parents: str) -> Deployment:
    return Deployment(
        deployment_id=number, model="churn", version=1, bundle="b", address="a", parents=parents
    )


def model(version: int) -> ModelVersion:
    signature = Signature(layout="array", inputs=(), outputs=())
    return ModelVersion(name="churn", version=version, bundle="b", signature=signature, mlflow_run="m")


def test_reading_where_nothing_is_makes_nothing(sqlite_ledger: Ledger, tmp_path: Path) -> None:
    ledger = sqlite_ledger
    assert ledger.find("model") == []
    assert ledger.names("model") == []
    assert ledger.children("model/churn@1") == []
    with pytest.raises(NotFoundError, match="there is no model yet"):
        ledger.get("model/churn@1")
    assert list(tmp_path.iterdir()) == []


def test_every_kind_is_decoded_to_its_class(ledger: Ledger) -> None:
    records: list[Record] = [
        dataset("a" * 64, columns=(Column(name="x", dtype="int64", kind="numeric"),)),
        deployment("d"),
        Evaluation(
            model="churn",
            version=1,
            passed=False,
            conditions=(ConditionResult(text="a > 1", status="failed"),),
        ),
        model(1),
        Promotion(name="churn", version=1, alias="champion", created_at="2026"),
        Run(run_id="r", status="succeeded", notebook="n.ipynb"),
        StageExecution(key="k", pipeline="p", stage="s", source="x", run_id="r"),
    ]
    ledger.append(*records)
    assert [ledger.get(str(record.ref)) for record in records] == records
    assert {record.ref.kind for record in records} <= set(KINDS)


texts = st.text(st.characters(codec="utf-8", exclude_characters="@/\x00"), min_size=1, max_size=20)


@given(
    records=st.lists(
        st.builds(
            dataset,
            version=texts,
            name=texts,
            parents=st.lists(texts, max_size=3).map(tuple),
            rows=st.none() | st.integers(0, 2**53),
        ),
        max_size=8,
        unique_by=lambda record: str(record.ref),
    )
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_appended_is_got_back(store_url: str, records: list[DatasetVersion]) -> None:
    engine = open_engine(store_url)
    tables.create(engine)
    with writing(engine) as connection:
        connection.execute(tables.records.delete())
        connection.execute(tables.record_parents.delete())
    ledger = Ledger(store_url)
    ledger.append(*records)
    ledger.append(*records)
    assert ledger.find("dataset") == records[::-1]
    assert ledger.names("dataset") == sorted({record.name for record in records})
    for record in records:
        assert ledger.get(str(record.ref)) == record
        for parent in record.parents:
            assert record in ledger.children(parent)


def test_find_narrows_by_name_lookup_and_number(ledger: Ledger) -> None:
    stages = [
        StageExecution(key=f"key{n % 2}", pipeline="p", stage="s", source="x", run_id=str(n))
        for n in range(4)
    ]
    ledger.append(*stages)
    assert ledger.find("stage", lookup="key1") == [stages[3], stages[1]]
    assert ledger.find("stage", lookup="key1", limit=1) == [stages[3]]
    assert ledger.find("stage", "p.s", limit=2) == [stages[3], stages[2]]
    assert ledger.find("stage", "other") == []
    assert ledger.names("stage") == ["p.s"]


def test_the_same_again_changes_nothing_and_another_content_is_refused(ledger: Ledger) -> None:
    ledger.append(model(1))
    ledger.append(model(1))
    other = ModelVersion(
        name="churn", version=1, bundle="other", signature=model(1).signature, mlflow_run="m"
    )
    with pytest.raises(IntegrityError, match="already on record"):
        ledger.append(model(2), other)
    assert ledger.find("model") == [model(1)]  # all or none: version 2 came with the refused one
    assert ledger.append_new(other) == model(1)


def test_many_are_asked_for_at_once(ledger: Ledger) -> None:
    refs = [f"deployment/churn@{number}" for number in range(1200)]
    made = [deployment(str(number), refs[number - 1]) for number in range(1200)]
    ledger.append(*made)
    wanted = [str(one.ref) for one in made]
    with ledger.reading() as open_:
        assert open_.among([*wanted, "run/gone"]) == dict(zip(wanted, made, strict=True))
        pairs = open_.made_from(refs)
        assert pairs == [(made[n].parents[0], made[n]) for n in reversed(range(1200))]
        assert open_.made_from(refs, ["run"]) == []
        assert open_.names("deployment", limit=2) == sorted(one.ref.name for one in made)[:2]


def test_a_transaction_keeps_all_of_what_it_was_given_or_nothing(ledger: Ledger) -> None:
    def broken_off() -> None:
        with ledger.writing() as open_:
            open_.append(model(1))
            assert open_.get("model/churn@1") == model(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert ledger.find("model") == []


def test_a_reader_sees_one_state(ledger: Ledger) -> None:
    ledger.append(model(1))
    with ledger.reading() as open_:
        assert open_.find("model") == [model(1)]
        ledger.append(model(2))
        assert open_.find("model") == [model(1)]
    assert len(ledger.find("model")) == 2


def test_what_is_too_long_for_a_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="300 characters"):
        ledger.append(model(1), dataset("a" * 64, name="n" * 300))
    assert ledger.find("model") == []


def test_parents_and_children(ledger: Ledger) -> None:
    data, trained = dataset("a" * 64), model(1)
    served = deployment("d", str(trained.ref), str(data.ref), "run/gone")
    ledger.append(data, trained, served, deployment("e", str(trained.ref)))
    assert ledger.parents("deployment/d") == [trained, data]
    assert [str(child.ref) for child in ledger.children("model/churn@1")] == ["deployment/e", "deployment/d"]
    assert ledger.children("model/churn@1", kind="run") == []


def test_a_version_may_be_cut_short(ledger: Ledger) -> None:
    first, second = dataset("4f2a" + "0" * 60), dataset("4f99" + "0" * 60)
    ledger.append(first, second, model(12))
    assert ledger.get("dataset/churn@4f2a") == first
    assert ledger.get("dataset/churn") == second
    with ledger.reading() as open_:
        assert open_.seek("dataset/churn@4f2") == first
        assert open_.seek("dataset/churn@5") is open_.seek("nonsense") is open_.seek("model/churn@1") is None
    with pytest.raises(NotFoundError, match="may be several"):
        ledger.get("dataset/churn@4f")
    with pytest.raises(NotFoundError, match="churn@12"):
        ledger.get("model/churn@1")  # not short for 12


@pytest.mark.parametrize(
    "ref, hint",
    [
        ("dataset/chrun", "did you mean churn"),
        ("dataset/churn@77", "churn@4f2a"),
        ("datset/churn", "did you mean dataset"),
        ("nonsense", "kind/name@version"),
        ("dataset/churn@%", "churn@4f2a"),
    ],
)
def test_a_miss_names_what_is_near(ledger: Ledger, ref: str, hint: str) -> None:
    ledger.append(dataset("4f2a" + "0" * 60))
    with pytest.raises(NotFoundError) as caught:
        ledger.get(ref)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "change, says",
    [
        ("UPDATE records SET kind = 'prompt'", "of a newer version"),
        ("UPDATE records SET body = '{}'", "can't be read"),
        ("UPDATE records SET body = 'x'", "can't be read"),
    ],
)
def test_a_record_that_cant_be_read_is_said(ledger: Ledger, change: str, says: str) -> None:
    ledger.append(model(1))
    with writing(open_engine(ledger.url)) as connection:
        connection.exec_driver_sql(change)
    with pytest.raises(IntegrityError, match=says):
        ledger.get("model/churn@1")


WRITER = """
import sys
from jupyter_mlops.errors import IntegrityError
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.store.ledger import Ledger

def dataset(name, number, source="s"):
    return DatasetVersion(name=name, version=str(number), source=source, format="csv", size_bytes=1)

def after(records, name):
    newest = records.find("dataset", name, limit=1)
    return int(newest[0].version) + 1 if newest else 0

def next_free():
    while True:
        try:
            return ledger.append(dataset("number", after(ledger, "number"), me))
        except IntegrityError:
            pass

ledger, me, writes = Ledger(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()
for number in range(writes):
    ledger.append(dataset(f"own{me}", number), dataset("all", number))
    print(ledger.append_new(dataset("first", number, me)).source)
    next_free()
    with ledger.writing() as open_:
        open_.append(dataset("counted", after(open_, "counted"), me))
"""


@pytest.mark.slow
def test_eight_processes_write_at_once_to_a_new_database(store_url: str) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, store_url, str(number), str(WRITES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate() for writer in writers]
    assert [errors for _, errors in said] == [""] * 8
    found = Ledger(store_url).find("dataset")[::-1]
    numbers: dict[str, list[int]] = {}
    for one in found:
        numbers.setdefault(one.ref.name, []).append(int(one.ref.version))
    for number in range(8):
        assert numbers.pop(f"own{number}") == list(range(WRITES))
    # Whoever came first was seen by all; no number was given twice, or left out, or out of turn.
    assert len({answers for answers, _ in said}) == 1
    assert {name: sorted(given) for name, given in numbers.items()} == {
        "all": list(range(WRITES)),
        "first": list(range(WRITES)),
        "number": list(range(8 * WRITES)),
        "counted": list(range(8 * WRITES)),
    }
    assert numbers["counted"] == numbers["number"] == list(range(8 * WRITES))


def test_both_ways_to_a_sqlite_file_find_the_same(sqlite_ledger: Ledger) -> None:
    ledger = sqlite_ledger
    ledger.append(deployment("a"), deployment("b", "deployment/churn@a"), dataset("c" * 64))
    with SqlLedger(open_engine(ledger.url)).reading() as full:
        for arguments in (("deployment",), ("deployment", "churn"), ("deployment", None, "", 1), ("model",)):
            assert ledger.find(*arguments) == full.find(*arguments)
        refs = [str(record.ref) for record in ledger.find("deployment")]
        assert [ledger.get(ref) for ref in refs] == [full.get(ref) for ref in refs]


def test_everyday_questions_load_no_sqlalchemy(sqlite_ledger: Ledger) -> None:
    ledger = sqlite_ledger
    code = (
        "import sys\nfrom jupyter_mlops.store.ledger import Ledger\nfrom jupyter_mlops.records.run import Run\n"
        "ledger = Ledger(sys.argv[1])\nassert ledger.find('run') == []\nledger.append(Run(run_id='r', status='running', notebook='n.ipynb'))\n"
        "assert ledger.find('run') == [ledger.get('run/r')]\nassert 'sqlalchemy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, ledger.url], check=True, timeout=60)
    with SqlLedger(open_engine(ledger.url)).reading() as full:
        assert [str(record.ref) for record in full.find("run")] == ["run/r"]
