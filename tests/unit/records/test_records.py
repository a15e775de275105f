from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.lib.pretty import pretty

from jupyter_mlops.records.base import canonical_json, digest_of, from_json
from jupyter_mlops.records.dataset import DatasetVersion
from jupyter_mlops.records.model import ModelVersion, Signature
from jupyter_mlops.records.pipeline import Pipeline, Stage
from jupyter_mlops.records.ref import Ref
from jupyter_mlops.records.run import Run

names = st.text(st.characters(exclude_characters="/@", exclude_categories=["Cs"]), min_size=1)


@given(kind=names, name=names, version=names | st.just(""))
def test_a_reference_reads_back(kind: str, name: str, version: str):
    ref = Ref(kind, name, version)
    assert Ref.parse(str(ref)) == ref


@pytest.mark.parametrize("text", ["", "model", "/churn", "model/", "model/@3"])
def test_half_a_reference_is_refused(text: str):
    with pytest.raises(ValueError, match="kind/name"):
        Ref.parse(text)


def test_equal_records_have_equal_digests():
    a = Run(run_id="r", status="running", notebook="a.ipynb", params={"x": 1, "y": 2})
    b = Run(run_id="r", status="running", notebook="a.ipynb", params={"y": 2, "x": 1})
    assert a.digest() == b.digest() == digest_of(a)
    assert a.digest() != msgspec.structs.replace(a, status="failed").digest()


def test_records_read_back_from_json():
    version = ModelVersion(
        name="churn",
        version=3,
        bundle="ab",
        mlflow_run="m",
        signature=Signature(layout="array", inputs=(), outputs=()),
    )
    assert from_json(canonical_json(version), ModelVersion) == version
    assert str(version.ref) == "model/churn@3"


def test_a_version_is_shown_by_its_name() -> None:
    version = ModelVersion(
        name="tumours", version=7, bundle="b", signature=Signature(layout="frame", inputs=(), outputs=())
    )
    assert pretty(version) == "model tumours/7"


def test_records_are_frozen():
    with pytest.raises(AttributeError):
        Run(run_id="r", status="running", notebook="a").status = "failed"  # type: ignore[misc]  # what is tested


def test_a_pipeline_knows_its_stages():
    pipeline = Pipeline(notebook="a.ipynb", stages=(Stage(name="load", cells=(1,)),))
    assert pipeline.stage("load").cells == (1,)
    with pytest.raises(KeyError):
        pipeline.stage("train")


def test_records_of_datasets_as_they_were_written_before_folders_are_read() -> None:
    body = (
        '{"author":"ann","columns":[],"created_at":"2026","format":"csv","name":"churn","parents":[],"rows":null,'
        '"schema_version":1,"size_bytes":4,"source":"a.csv","version":"v"}'
    )
    found = from_json(body, DatasetVersion)
    assert (found.content, found.files, found.query) == ("file", 1, "")
