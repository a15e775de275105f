"""What the ledger says about who may do what, and who somebody is."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from jupyter_mlops.errors import DeniedError
from jupyter_mlops.records.access import Grant, Policy, Rule, Token, token_in_force
from jupyter_mlops.store import stamp
from jupyter_mlops.store.quick import Quick

if TYPE_CHECKING:
    from jupyter_mlops.store.ledger import Ledger


def policy(ledger: Ledger) -> Policy:
    """Return what is in force."""
    file = Quick.of(ledger.url)
    if file is not None and not file.path.exists():
        return Policy()  # without loading what would say the same
    grants = [record for record in ledger.find("grant") if isinstance(record, Grant)]
    if not grants:
        return Policy()
    return Policy.of(grants, [record for record in ledger.find("rule") if isinstance(record, Rule)])


def identify(ledger: Ledger) -> str:
    """Return who acts in this process, proved: by a server's log-in, an access token, or the system.

    Raises:
        DeniedError: when the access token in the environment isn't in force.
    """
    user, token = stamp.spoken_for(), os.environ.get(stamp.TOKEN_VARIABLE, "")
    if user or not token:
        return user or stamp.owner()
    found = user_of(ledger, token)
    if found is None:
        raise DeniedError(
            f"the access token in {stamp.TOKEN_VARIABLE} is unknown, expired or revoked",
            hint="ask an admin for a new one: jupyter mlops access token USER",
        )
    return found


def user_of(ledger: Ledger, token: str) -> str | None:
    """Return whose access token this is, None where it is nobody's or no longer in force."""
    user = stamp.user_in(token)
    if not user.isprintable():
        return None  # no user is called so, and no database can be asked
    issued = [record for record in ledger.find("token", lookup=user[:255]) if isinstance(record, Token)]
    return user if token_in_force(issued, user, digest_of_token(token), stamp.now()) else None


def write_token(user: str, secret: str) -> str:
    """Return the access token of a user with that secret, as it is sent in a header."""
    return f"{quote(user, safe='')}.{secret}"


def digest_of_token(token: str) -> str:
    """Return what is kept of a token: its secret is random and long, so that one plain hash hides it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
