"""What can go wrong, by what the person in front of it can do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class MlopsError(Exception):
    """Carry one clear line (``message``), the mend (``hint``), a stable ``code`` and ``details`` for machines.

    ``exit_code`` is what a command ends with: 2 for bad usage or bad input, 1 where the work itself failed.
    """

    code = "MLO000"
    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self.code, self.details))


def _rebuild(
    kind: type[MlopsError], message: str, hint: str, code: str, details: dict[str, Any]
) -> MlopsError:
    return kind(message, hint=hint, code=code, **details)


class UsageError(MlopsError):
    """The command, magic or option is not one that exists or fits."""

    code = "MLO001"


class NotAvailableYetError(MlopsError):
    """The contract names it, this version doesn't have it."""

    code = "MLO002"

    def __init__(self, what: str, *, hint: str = "", code: str | None = None, **details: Any) -> None:
        super().__init__(what, hint=hint, code=code, **details)

    def __str__(self) -> str:
        return f"{self.message} is not available yet" + (f"; {self.hint}" if self.hint else "")


class SettingsError(MlopsError):
    """``mlops.toml``, ``pyproject.toml`` or an environment variable holds what it must not."""

    code = "MLO010"


class NotebookError(MlopsError):
    """The notebook can't be read, or a tag in it can't be understood; ``details`` may hold cell and line."""

    code = "MLO100"


class DataflowError(NotebookError):
    """The cells can't be cut into stages that give the notebook's own results."""

    code = "MLO120"


class HandoffError(MlopsError):
    """A variable can't be passed from one stage to another."""

    code = "MLO200"
    exit_code = 1


class StageFailedError(MlopsError):
    """A stage's own code raised."""

    code = "MLO300"
    exit_code = 1


class NotFoundError(MlopsError):
    """What was asked for isn't on record; ``near`` are the names that come close."""

    code = "MLO400"

    @classmethod
    def of(cls, what: str, name: str, known: Iterable[str], *, hint: str = "") -> NotFoundError:
        """Build the error for ``name`` out of the names that do exist, nearest first."""
        names = sorted(set(known))
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        shown = near or names[:5]
        mend = hint or (f"did you mean {', '.join(shown)}?" if near else "")
        if not mend:
            more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
            mend = f"there are: {', '.join(shown)}{more}" if shown else f"there is no {what} yet"
        return cls(f"no {what} {name!r}", hint=mend, near=shown)


class DataError(MlopsError):
    """A file, frame or tensor is missing, unreadable or of the wrong shape."""

    code = "MLO410"


class IntegrityError(MlopsError):
    """Stored content isn't what its record says."""

    code = "MLO420"
    exit_code = 1


class StorageError(MlopsError):
    """Where contents are kept there is no room, no answer, or no permission."""

    code = "MLO421"
    exit_code = 1


class GateError(MlopsError):
    """A gate's conditions can't be understood."""

    code = "MLO500"


class BlockedError(MlopsError):
    """A gate, or a rule, says no."""

    code = "MLO510"
    exit_code = 1


class DeniedError(MlopsError):
    """Whoever asks may not do it."""

    code = "MLO520"
    exit_code = 1


class AuditError(MlopsError):
    """What is being done can't be put on record."""

    code = "MLO530"
    exit_code = 1
