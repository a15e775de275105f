"""Who asks a server, and whether they may: by access tokens and roles on record, read anew every few seconds.

As long as nothing is granted in the project this says nothing, and the server's own token decides.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.records.access import DENIED, Policy, Token, token_in_force
from jupyter_mlops.store import access, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.store.opened import Store

# How soon a grant or a revocation is heeded, and for how long an old one is where the database doesn't answer.
FRESH_SECONDS, LATEST_SECONDS = 2.0, 30.0
# A refusal is on record at once; the same one again only after this time.
QUIET_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class Callers:
    """Decide by the ledger of a project who may ask for a model.

    Args:
        store: the project's.
        model: the name of the model that is served.
        clock: seconds that only grow.
    """

    def __init__(self, store: Store, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._subject = f"model/{model}"
        self._clock = clock
        self._policy, self._tokens = Policy(), list[Token]()
        self._read_at = float("-inf")
        self._known = False
        self._reading = threading.Lock()
        self._recorded: dict[tuple[str, str], float] = {}
        self.read()

    @property
    def stale(self) -> bool:
        """Whether it is time to read anew, and nobody does."""
        return self._clock() - self._read_at > FRESH_SECONDS and not self._reading.locked()

    @property
    def open(self) -> bool:
        """Whether nothing is granted to anybody; not as long as that couldn't be read."""
        return self._known and self._policy.open

    def read(self) -> None:
        """Read what is on record; where that fails what was read before counts for a while."""
        with self._reading:
            try:
                policy = access.policy(self._store.ledger)
                found = [] if policy.open else self._store.ledger.find("token")
            except MlopsError:
                return
            if policy.open and self._known and not self._policy.open:
                return  # what was granted once stays on record: this is another database, or none
            self._known = True
            self._policy, self._tokens = policy, [each for each in found if isinstance(each, Token)]
            self._read_at = self._clock()

    def refuses(self, token: str, action: str) -> tuple[int, str] | None:
        """Return status and reason when whoever sends this token may not take this action, else None."""
        if self._clock() - self._read_at > LATEST_SECONDS:
            return 503, "who may ask can't be read at the moment"
        if not token:
            return 401, "an access token is needed; send the header Authorization: Bearer TOKEN"
        user = self.user(token)
        if not user:
            return 401, "the access token is unknown, expired or revoked"
        decision = self._policy.may(user, action, self._subject)
        return (403, "; ".join(decision.reasons)) if decision.verdict == DENIED else None

    def user(self, token: str) -> str:
        """Return whose token it is; empty where it is nobody's or no longer in force."""
        user = stamp.user_in(token)
        known = token_in_force(self._tokens, user, access.digest_of_token(token), stamp.now())
        return user if known else ""

    def record(self, token: str, action: str, status: int, reason: str) -> None:
        """Put a refusal on record, unless it was a moment ago: a flood of requests must not fill the log."""
        user = self.user(token) or "unknown"
        now = self._clock()
        if now - self._recorded.get((user, action), float("-inf")) < QUIET_SECONDS:
            return
        if len(self._recorded) >= _MOST_REMEMBERED:
            self._recorded.clear()
        self._recorded[user, action] = now
        details = {"error": reason, "status": status}
        self._store.audit.append("denied", actor=user, action=action, subject=self._subject, details=details)
