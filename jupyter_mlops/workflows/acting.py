"""Every change of state goes through here: authorize, record the intent, act, record the outcome."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.settings import Settings


@dataclass
class Act:
    """Collect what the outcome's record says beside the intent's."""

    details: dict[str, Any] = field(default_factory=dict)
    subject: str = ""

    def note(self, **details: Any) -> None:
        """Add to what the outcome's record says; ``subject`` names what came to be, where only the act could tell."""
        self.subject = str(details.pop("subject", self.subject))
        self.details.update(details)


@contextmanager
def acting(
    settings: Settings, action: str, subject: str, *, reason: str = "", **details: Any
) -> Iterator[Act]:
    """Let the block change state, if whoever runs this may; what was meant and what came of it are on record.

    Raises:
        DeniedError: when a rule says no; nothing was done then, and that it was tried is on record.
    """
    yield Act(subject=subject, details=dict(details))
