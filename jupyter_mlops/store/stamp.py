"""Who did it and when: the two fields that every record is stamped with."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

# An access token; `access.token` makes them: the user's name, and after the last dot what proves it.
TOKEN_VARIABLE = "JUPYTER_MLOPS_ACCESS_TOKEN"  # noqa: S105 - the variable's name, not a token
_spoken_for: ContextVar[str] = ContextVar("_spoken_for", default="")


def now() -> str:
    """Return the time in UTC as ISO 8601 with microseconds; text order is time order."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def author() -> str:
    """Return who acts: whom the server speaks for, else the user of the access token, else the process's owner.

    The token isn't checked here but where something is about to be done.
    """
    return _spoken_for.get() or user_in(os.environ.get(TOKEN_VARIABLE, "")) or owner()


def user_in(token: str) -> str:
    """Return whose an access token says it is; that proves nothing yet."""
    return unquote(token.rpartition(".")[0])


def owner() -> str:
    """Return the login name of the process's owner as the system knows it; ``$USER`` and its like prove nothing."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def spoken_for() -> str:
    """Return whom a server that has checked it speaks for; empty where it is the process's own user."""
    return _spoken_for.get()


@contextmanager
def speaking_for(user: str) -> Iterator[None]:
    """Act for a user who has proved to be it, as a server does for those who are logged in."""
    before = _spoken_for.set(user)
    try:
        yield
    finally:
        _spoken_for.reset(before)
