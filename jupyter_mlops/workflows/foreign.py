"""Code of the notebook's, run in a process of ours: models, and functions that measure them."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def foreign_code() -> Iterator[None]:
    """Keep what it prints off stdout, where results go, and let it end no process.

    Raises:
        DataError: when it asks to.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise DataError(
            f"the model, or a metric, calls exit({error.code!r})", hint="let it raise an error instead"
        ) from error
