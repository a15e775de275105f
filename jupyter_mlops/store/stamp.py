"""Who did it and when: the two fields that every record is stamped with."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime


def now() -> str:
    """Return the time in UTC as ISO 8601 with microseconds; text order is time order."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def author() -> str:
    """Return the login name of whoever runs this process, or nothing where there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
