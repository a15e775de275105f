from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.model import Manifest, Signature
from jupyter_mlops.store.bundles import MANIFEST, MODEL, Bundles, load_folder, local_modules, pickle_model

MANIFEST_OF_ONE = Manifest(
    name="one", task="other", signature=Signature(layout="array", inputs=(), outputs=())
)


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return Bundles(tmp_path / "bundles")


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module beside the notebook, with a helper that the pickled function calls."""
    (tmp_path / "our_features.py").write_text(
        "def double(x):\n    return helper(x)\ndef helper(x):\n    return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("our_features", None)
    return importlib.import_module("our_features")


def test_a_bundle_is_loaded_as_it_was_written(bundles: Bundles) -> None:
    digest = bundles.write({"weights": [1, 2]}, MANIFEST_OF_ONE)
    loaded = bundles.load(digest)
    assert loaded.model == {"weights": [1, 2]}
    assert loaded.digest == digest
    assert set(loaded.manifest.files) == {MODEL}
    assert load_folder(bundles.path(digest)) == loaded


def test_the_same_model_is_the_same_bundle(bundles: Bundles) -> None:
    assert bundles.write([1], MANIFEST_OF_ONE) == bundles.write([1], MANIFEST_OF_ONE)
    assert bundles.write([1], MANIFEST_OF_ONE) != bundles.write([2], MANIFEST_OF_ONE)
    assert not list(bundles.folder.glob(".*"))


@pytest.mark.parametrize("name", [MODEL, MANIFEST])
def test_a_changed_file_is_refused(bundles: Bundles, name: str) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    path = bundles.path(digest) / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"one", b"two") + b" ")
    with pytest.raises(IntegrityError, match=name):
        bundles.load(digest)


def test_a_missing_file_and_a_missing_bundle_are_named(bundles: Bundles) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    (bundles.path(digest) / MODEL).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        bundles.load(digest)
    with pytest.raises(NotFoundError, match="no bundle"):
        bundles.load("ab" * 32)
    with pytest.raises(NotFoundError, match="no bundle"):
        load_folder(bundles.folder)


def test_what_cant_be_pickled_is_said(bundles: Bundles) -> None:
    with pytest.raises(DataError, match="can't be pickled"):
        bundles.write((item for item in "abc"), MANIFEST_OF_ONE)
    assert not bundles.folder.exists()


def test_code_beside_the_notebook_goes_along(bundles: Bundles, features: ModuleType, tmp_path: Path) -> None:
    digest = bundles.write(features.double, MANIFEST_OF_ONE, root=tmp_path)
    code = (
        "import sys; from pathlib import Path; from jupyter_mlops.store.bundles import load_folder;"
        "print(load_folder(Path(sys.argv[1])).model(21));"
        "print([name for name in ('sqlalchemy', 'mlflow', 'pandas', 'our_features') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(bundles.path(digest))],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["42", "[]"]


def test_a_needed_module_that_isnt_there_is_named(
    bundles: Bundles, features: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = bundles.write(features.double, MANIFEST_OF_ONE)
    monkeypatch.setitem(sys.modules, "our_features", None)
    with pytest.raises(DataError, match="install our_features"):
        bundles.load(digest)


def test_only_modules_of_the_project_go_along(features: ModuleType, tmp_path: Path) -> None:
    assert features in local_modules(tmp_path)
    names = {module.__name__ for module in local_modules(Path("/"))}
    assert not names & {"numpy", "pytest", "jupyter_mlops.errors", "msgspec"}


def test_the_registration_ends_with_the_pickling(features: ModuleType, tmp_path: Path) -> None:
    import cloudpickle

    assert b"our_features" in pickle_model(features.double)
    assert b"helper" in pickle_model(features.double, root=tmp_path)
    assert "our_features" not in cloudpickle.list_registry_pickle_by_value()
