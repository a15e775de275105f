"""A stage's namespace: a name that isn't there yet is asked for, where the stages above may have left it.

Only a miss costs anything: what is there is read by the interpreter without a word of ours.
"""

from __future__ import annotations

import builtins
import functools
import sys
import types
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlops.errors import HandoffError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Source(Protocol):
    """Where a namespace takes what it doesn't have."""

    def take(self, name: str) -> Any:
        """Return a variable's value, having put it into the namespace.

        Raises:
            KeyError: when there is none.
        """

    def offers(self, name: str) -> bool:
        """Say whether there is such a variable."""


class Namespace(dict[str, Any]):
    """Hold a notebook's globals; take what is missing from ``source``, and from the builtins for good.

    A builtin that was read once stays in the dict, else each later read would be a miss; ``borrowed`` has these.
    """

    __slots__ = ("borrowed", "borrows", "on_borrow", "source")

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(values or {})
        self.source: Source | None = None
        self.borrowed: dict[str, Any] = {}
        self.borrows = False
        self.on_borrow: Callable[[str], None] | None = None

    def __missing__(self, name: str) -> Any:
        if self.source is not None and type(name) is str:
            try:
                return self.source.take(name)
            except KeyError:
                pass
            except HandoffError as error:
                # IPython asks for this; the notebook's own line is what matters.
                error._render_traceback_ = functools.partial(_own_lines, error)  # type: ignore[attr-defined]
                raise
            if self.borrows and name in builtins.__dict__:
                value = self.borrowed[name] = builtins.__dict__[name]
                dict.__setitem__(self, name, value)
                if self.on_borrow is not None:
                    self.on_borrow(name)
                return value
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        if dict.__contains__(self, name):
            return not (name in self.borrowed and self.borrowed[name] is dict.__getitem__(self, name))
        return self.source is not None and isinstance(name, str) and self.source.offers(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a variable's value."""
        if name not in self:
            return default
        try:
            return self[name]
        except KeyError:
            return default

    def pop(self, name: str, *default: Any) -> Any:
        """Take a variable away and return its value."""
        if name in self:
            self.get(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return a variable's value, having set it if there was none."""
        if name in self:
            return self[name]
        self[name] = default
        return default

    def copy(self) -> LazyCopy:
        """Return a copy that takes what it misses from here, as expressions in ``DataFrame.query`` need it."""
        return LazyCopy(self)

    def give_back(self) -> None:
        """Let go of the borrowed builtins, so that only the notebook's own names are here."""
        for name, value in self.borrowed.items():
            if dict.get(self, name, self) is value:
                dict.__delitem__(self, name)
        self.borrowed.clear()


class LazyCopy(dict[str, Any]):
    """Copy a namespace without its missing names; they are taken when they are read."""

    __slots__ = ("_original",)

    def __init__(self, original: Namespace) -> None:
        super().__init__(original)
        self._original = original

    def __missing__(self, name: str) -> Any:
        return self._original[name]

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in self._original

    def get(self, name: str, default: Any = None) -> Any:
        """Return a variable's value."""
        if name not in self:
            return default
        return self[name]

    def copy(self) -> LazyCopy:
        """Return a copy of the copy."""
        copied = LazyCopy(self._original)
        copied.update(self)
        return copied


def main_module(namespace: Namespace) -> types.ModuleType:
    """Return a module ``__main__`` whose ``__dict__`` is the namespace."""

    class Main(types.ModuleType):
        @property
        def __dict__(self) -> Namespace:  # type: ignore[override]  # a module's own can't be another dict
            return namespace

        def __setattr__(self, name: str, value: Any) -> None:
            if name != "__dict__":
                namespace[name] = value

        def __getattr__(self, name: str) -> Any:
            try:
                return namespace[name]
            except KeyError:
                raise AttributeError(f"module '__main__' has no attribute {name!r}") from None

        def __delattr__(self, name: str) -> None:
            try:
                del namespace[name]
            except KeyError:
                raise AttributeError(name) from None

        def __dir__(self) -> list[str]:
            return list(namespace)

    return Main("__main__")


def move_into(shell: Any) -> Namespace:
    """Give an IPython shell a namespace of ours with what its own held."""
    namespace = shell.user_module.__dict__
    if isinstance(namespace, Namespace):
        return namespace
    namespace = Namespace(namespace)
    module = main_module(namespace)
    shell.user_module = module
    shell.user_ns = namespace
    shell.ns_table = {**shell.ns_table, "user_global": namespace, "user_local": namespace}
    shell.set_completer_frame()
    sys.modules["__main__"] = module
    return namespace


def _own_lines(error: HandoffError) -> list[str]:
    """Render an error's traceback without the hand-off's own frames."""
    kept, traceback = [], error.__traceback__
    while traceback is not None:
        if not traceback.tb_frame.f_globals.get("__name__", "").startswith(__package__):
            kept.append(traceback)
        traceback = traceback.tb_next
    for each in reversed(kept):
        traceback = types.TracebackType(traceback, each.tb_frame, each.tb_lasti, each.tb_lineno)
    lines: list[str] = running_shell().InteractiveTB.structured_traceback(type(error), error, traceback)
    return lines


def running_shell() -> Any:
    """Return the IPython shell that runs this code, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
