from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from jupyter_mlops.errors import DataError, IntegrityError, NotFoundError
from jupyter_mlops.records.base import canonical_json
from jupyter_mlops.records.model import Manifest, Signature
from jupyter_mlops.store.bundles import (
    MANIFEST,
    MODEL,
    SIGNATURE,
    Bundles,
    load_folder,
    local_modules,
    pickle_model,
)
from jupyter_mlops.store.keys import Keys
from jupyter_mlops.store.objects import Objects

MANIFEST_OF_ONE = Manifest(
    name="one", task="other", signature=Signature(layout="array", inputs=(), outputs=())
)


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return Bundles(tmp_path / "bundles", Objects(tmp_path / "objects"))


@pytest.fixture
def signed(tmp_path: Path) -> Bundles:
    """The bundles of a project with a key."""
    return Bundles(tmp_path / "bundles", Objects(tmp_path / "objects"), Keys(tmp_path / "keys"))


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


def test_a_bundle_is_unpacked_from_the_store_when_it_is_asked_for(bundles: Bundles) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    assert not bundles.folder.exists()
    folder = bundles.path(digest)
    assert {path.name for path in folder.iterdir()} == {MODEL, MANIFEST}
    bundles.remove(digest)
    assert not list(bundles.folder.iterdir())
    assert bundles.load(digest).model == [1]
    bundles.remove("0" * 64)


def test_the_contents_of_a_bundle_are_known(bundles: Bundles, tmp_path: Path) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    objects = Objects(tmp_path / "objects")
    assert set(bundles.contents(digest)) == set(objects.digests())


def test_a_folder_of_an_earlier_version_is_a_bundle_too(bundles: Bundles, tmp_path: Path) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    contents = bundles.contents(digest)
    shutil.copytree(bundles.path(digest), tmp_path / "earlier" / digest)
    objects = Objects(tmp_path / "new")
    earlier = Bundles(tmp_path / "earlier", objects, Keys(tmp_path / "keys"))
    assert earlier.load(digest).model == [1]
    assert earlier.contents(digest) == contents
    earlier.keep(digest)
    assert objects.digests().keys() == set(contents)
    earlier.remove(digest)
    assert earlier.load(digest).model == [1]


def test_a_changed_folder_of_an_earlier_version_isnt_kept(bundles: Bundles, tmp_path: Path) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    shutil.copytree(bundles.path(digest), tmp_path / "earlier" / digest)
    model = tmp_path / "earlier" / digest / MODEL
    model.chmod(0o644)
    model.write_bytes(b"other")
    with pytest.raises(IntegrityError, match="is not what was logged"):
        Bundles(tmp_path / "earlier", Objects(tmp_path / "new")).keep(digest)


@pytest.mark.parametrize("name", ["../../evil", "/evil", "..", "a/b", MANIFEST, SIGNATURE])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    bundles: Bundles, tmp_path: Path, name: str
) -> None:
    objects = Objects(tmp_path / "objects")
    evil = objects.put_bytes(b"evil")
    files = {MODEL: evil, name: evil}
    digest = objects.put_bytes(canonical_json(msgspec.structs.replace(MANIFEST_OF_ONE, files=files)))
    with pytest.raises(IntegrityError, match="is not what was logged"):
        bundles.path(digest)
    assert not [path for path in tmp_path.rglob("*evil*") if path.is_file()]


def test_a_signed_bundle_loads_where_its_key_is_trusted(signed: Bundles, tmp_path: Path) -> None:
    digest = signed.write([1], MANIFEST_OF_ONE)
    assert signed.load(digest).manifest.signed_by == Keys(tmp_path / "keys").fingerprint
    shutil.copytree(signed.path(digest), tmp_path / "mailed")
    assert load_folder(tmp_path / "mailed", Keys(tmp_path / "keys")).model == [1]
    with pytest.raises(IntegrityError, match="isn't signed by a key that this project trusts"):
        load_folder(tmp_path / "mailed", Keys(tmp_path / "others"))
    with pytest.raises(IntegrityError, match="isn't signed by a key that this project trusts"):
        load_folder(tmp_path / "mailed")


def test_a_signature_can_be_neither_left_out_nor_exchanged(signed: Bundles, tmp_path: Path) -> None:
    one, two = signed.write([1], MANIFEST_OF_ONE), signed.write([2], MANIFEST_OF_ONE)
    signature = signed.path(one) / SIGNATURE
    signature.write_bytes((signed.path(two) / SIGNATURE).read_bytes())
    with pytest.raises(IntegrityError, match="isn't signed by a key"):
        signed.load(one)
    signature.unlink()
    with pytest.raises(IntegrityError, match="has no signature"):
        signed.load(one)


def test_a_bundle_without_signature_needs_a_digest_to_be_known_by(bundles: Bundles, tmp_path: Path) -> None:
    digest = bundles.write([1], MANIFEST_OF_ONE)
    shutil.copytree(bundles.path(digest), tmp_path / "mailed")
    assert load_folder(bundles.path(digest), Keys(tmp_path / "keys")).model == [1]
    with pytest.raises(IntegrityError, match="has no signature"):
        load_folder(tmp_path / "mailed", Keys(tmp_path / "keys"))
    shutil.copytree(tmp_path / "mailed", tmp_path / ("0" * 64))
    with pytest.raises(IntegrityError, match=MANIFEST):
        load_folder(tmp_path / ("0" * 64))


def test_two_who_unpack_at_once_get_the_same(bundles: Bundles) -> None:
    digest = bundles.write(list(range(1000)), MANIFEST_OF_ONE)
    with ThreadPoolExecutor(8) as threads:
        assert {bundles.load(digest).model[-1] for _ in threads.map(bundles.load, [digest] * 40)} == {999}
    assert [path.name for path in bundles.folder.iterdir()] == [digest]


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
