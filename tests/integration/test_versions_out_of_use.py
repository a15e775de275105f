"""Versions that a run logs and that turn out not to be its results, through real kernels."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.errors import BlockedError
from jupyter_mlops.registry import syncing
from jupyter_mlops.registry.tracking import Tracking
from jupyter_mlops.settings import Settings
from jupyter_mlops.workflows import models
from jupyter_mlops.workflows.run import run
from tests import notebooks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

IMPORTS = (
    "%%mlops setup\nimport os, time\nimport numpy as np\nimport jupyter_mlops as mlops\n"
    "from sklearn.linear_model import Ridge\nX = np.arange(20.0).reshape(-1, 2)"
)
LOG = "mlops.log_model(Ridge(alpha=alpha).fit(X, X[:, 0]), 'm', example=X)"


@pytest.fixture
def settings(workspace: Path) -> Settings:
    return Settings(root=workspace, mlflow_sync="off")


def where(settings: Settings) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return of each version why it is out of use, and its aliases."""
    return {view.model.version: (view.retired, view.aliases) for view in models.list_models(settings)}


def test_a_stage_that_ran_again_leaves_its_second_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No analysis sees that `train` reads what `late` binds: side by side it is done before `late` binds it.
    monkeypatch.setenv("LOGGED", str(settings.root.parent / "logged"))
    waiting = "for _ in range(600):\n    if os.path.isdir(os.environ['LOGGED']): break\n    time.sleep(0.1)"
    late = f"%%mlops stage late\n{waiting}\nexec('alpha = 2.0')"
    train = f"%%mlops stage train\nalpha = globals().get('al' + 'pha', 1.0)\n{LOG}"
    train += "\nos.makedirs(os.environ['LOGGED'], exist_ok=True)"
    done = run(notebooks.write(settings.root / "n.ipynb", IMPORTS, late, train), jobs=2)
    assert done.status == "succeeded"
    assert [(model.name, int(model.version)) for model in done.models] == [("m", 2)]
    assert where(settings) == {2: ("", ("challenger",)), 1: ("superseded", ())}
    with pytest.raises(BlockedError, match="stage train ran again"):
        models.promote(settings, "m/1")


def test_a_stage_that_failed_after_it_leaves_the_alias_where_it_was(settings: Settings) -> None:
    good = f"%%mlops stage train\nalpha = 1.0\n{LOG}"
    path = notebooks.write(settings.root / "n.ipynb", IMPORTS, f"{good}\nraise ValueError('no')")
    assert run(path).status == "failed"
    # There is none yet that it could go back to.
    assert where(settings) == {1: ("failed", ())}
    assert run(notebooks.write(path, IMPORTS, good)).status == "succeeded"
    syncing.sync(settings)
    assert run(notebooks.write(path, IMPORTS, f"{good}\nraise ValueError('again')")).status == "failed"
    assert where(settings) == {3: ("failed", ()), 2: ("", ("challenger",)), 1: ("failed", ())}
    syncing.sync(settings)
    assert Tracking(settings).client.get_registered_model("m").aliases == {"challenger": 2}

    for alias in ("champion", "challenger"):
        with pytest.raises(BlockedError, match=f"m/3 can't become {alias}: .*stage train failed"):
            models.promote(settings, "m/3", alias)
    moved = models.promote(settings, "m/3", "challenger", "the check after it was wrong")
    assert moved.override
    assert "retirement/m.3@failed" in moved.parents
    assert where(settings)[3] == ("failed", ("challenger",))


def test_a_stage_that_was_interrupted_after_it_did_not_succeed(settings: Settings) -> None:
    # The stage itself interrupts the run, when its version is on record; then it waits to be ended.
    end = "os.kill(int(os.environ['RUNS']), signal.SIGINT)\ntime.sleep(60)"
    train = f"%%mlops stage train\nimport signal\nalpha = 1.0\n{LOG}\n{end}"
    path = notebooks.write(settings.root / "n.ipynb", IMPORTS, train)
    code = (
        "import os, sys; os.environ['RUNS'] = str(os.getpid())\nfrom pathlib import Path\n"
        "from jupyter_mlops.workflows.run import run\nrun(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, check=False, timeout=50
    )
    assert b"KeyboardInterrupt" in done.stderr
    assert where(settings) == {1: ("failed", ())}
