"""Which names datasets and models may have: those that fit a reference, a folder and a URL alike."""

from __future__ import annotations

import re

from jupyter_mlops.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check_name(what: str, name: object) -> str:
    """Return ``name`` if it may name a ``what`` (dataset, model, ...).

    Raises:
        UsageError: when it may not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't name a {what}",
            hint="use up to 100 letters, digits, '-', '_' and '.', a letter or digit first",
        )
    return name
