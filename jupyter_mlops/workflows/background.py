"""The rows that a version is explained with: some of its test rows, which stand for "not knowing a column"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.records.explanation import Explanation
from jupyter_mlops.store.bundles import Bundle
from jupyter_mlops.workflows import subjects

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from jupyter_mlops.records.model import Manifest, ModelVersion, TestData
    from jupyter_mlops.store.opened import Store

# The same for the record and for the serving process.
ROWS = 100
SEED = 1


def newest(store: Store, model: ModelVersion) -> Explanation | None:
    """Return the newest explanation on record of a version."""
    for found in store.ledger.find("explanation", f"{model.name}.{model.version}", limit=1):
        if isinstance(found, Explanation):
            return found
    return None


def path_of(store: Store, model: ModelVersion) -> Path | None:
    """Return the file of rows that a version's serving process explains with; None where there are none."""
    on_record = newest(store, model)
    digest = on_record.background if on_record else ""
    if not digest or not store.objects.has(digest):
        try:
            digest = digest_of(store, model, store.bundles.manifest(model.bundle))
        except MlopsError:
            return None  # without them it serves all the same
    return store.objects.path(digest) if digest else None


def digest_of(store: Store, model: ModelVersion, manifest: Manifest) -> str:
    """Keep some of the test rows, as a request that asks about them; return the content's digest, empty without any.

    Raises:
        MlopsError: when the test rows can't be read.
    """
    if model.test is None:
        return ""
    # What the model takes is all that is asked of the bundle, so it isn't loaded.
    unloaded = Bundle(None, manifest, model.bundle)
    return keep(store, model.test, unloaded, subjects.test_frame(store, model.test))


def keep(store: Store, test: TestData, bundle: Bundle, frame: pd.DataFrame) -> str:
    """Keep some rows of a table of test rows, as a request that asks about them; return the content's digest."""
    from jupyter_mlops.workflows.as_served import body

    rows = features_of(some(frame, ROWS), bundle, test)
    document = msgspec.json.decode(body(rows, bundle.manifest.signature))
    document["parameters"] = {"features": list(test.features)}
    return store.objects.put_bytes(msgspec.json.encode(document))


def some(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return rows drawn at random, the same for the same table."""
    if len(frame) <= most:
        return frame
    return frame.sample(most, random_state=SEED).reset_index(drop=True)


def features_of(frame: pd.DataFrame, bundle: Bundle, test: TestData) -> Any:
    """Return test rows as a version takes them.

    Raises:
        NotExplainableError: when it can't take them, or they are no table.
    """
    from jupyter_mlops.evaluation.rows import NotMeasurableError
    from jupyter_mlops.explanation.attributions import NotExplainableError

    try:
        found = subjects.features_of(frame, bundle, test)
    except NotMeasurableError as error:
        raise NotExplainableError(str(error)) from None
    if found.ndim > 2:  # noqa: PLR2004 - a table
        raise NotExplainableError(f"its rows have shape {found.shape[1:]}; only columns are explained")
    return found
