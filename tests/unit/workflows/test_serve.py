from __future__ import annotations

import socket
from pathlib import Path

import pytest

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.model import Manifest, ModelVersion, Signature, Tensor
from jupyter_mlops.settings import Settings
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.serve import prepare

SIGNATURE = Signature(
    layout="array",
    inputs=(Tensor(name="input", datatype="FP64", shape=(-1, 1)),),
    outputs=(Tensor(name="predict", datatype="FP64", shape=(-1,)),),
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("JUPYTER_MLOPS_TOKEN", raising=False)
    found = Settings(root=tmp_path)
    store = open_store(found)
    bundle = store.bundles.write({}, Manifest(name="churn", task="other", signature=SIGNATURE))
    for version, digest in ((1, bundle), (2, "gone")):
        store.ledger.append(
            ModelVersion(name="churn", version=version, bundle=digest, signature=SIGNATURE, mlflow_run="r")
        )
    return found


def test_the_deployment_is_on_record_before_the_process_starts(settings: Settings) -> None:
    launch = prepare(settings, "churn/1", 0)
    (recorded,) = open_store(settings).ledger.find("deployment")
    assert recorded == launch.deployment
    assert recorded.parents == ("model/churn@1",)
    options = dict(zip(launch.argv[3::2], launch.argv[4::2], strict=True))
    assert options["--deployment"] == launch.deployment.deployment_id
    assert launch.deployment.address == f"http://127.0.0.1:{options['--port']}"
    assert Path(options["--bundle"]).is_dir()
    assert Path(options["--log"]) == settings.state / "predictions.db"


def test_a_champion_that_is_not_there_is_named_with_the_mend(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match=r"no champion to serve; make it one with .*promote churn/2"):
        prepare(settings, "churn", 0)


def test_nothing_is_recorded_for_what_cannot_be_served(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="can't serve on"):
        prepare(settings, "churn/1", taken.getsockname()[1])
    with pytest.raises(NotFoundError, match="no bundle"):
        prepare(settings, "churn/2", 0)
    with pytest.raises(UsageError, match="JUPYTER_MLOPS_TOKEN"):
        prepare(settings, "churn/1", 0, "0.0.0.0")  # noqa: S104 - tested to be refused
    assert open_store(settings).ledger.find("deployment") == []
