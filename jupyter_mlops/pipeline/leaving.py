"""What a stage leaves for those below: what it bound, rebound or changed, by component."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.pipeline import components
from jupyter_mlops.pipeline.above import is_pseudo
from jupyter_mlops.pipeline.messages import mend_for, named_kind
from jupyter_mlops.pipeline.product import NOT_KEPT, Tombstone
from jupyter_mlops.pipeline.serialization import restoring
from jupyter_mlops.pipeline.serialization.kinds import is_atom
from jupyter_mlops.pipeline.serialization.memory import Roots, shared_roots
from jupyter_mlops.pipeline.serialization.pickling import Pickled, Scope, class_name, pickled
from jupyter_mlops.pipeline.serialization.sameness import Sameness
from jupyter_mlops.pipeline.state import setup as setup_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.pipeline.above import Above

_of_ipython = re.compile(
    r"_+|_i+|_i?\d+|_[iod]h|_sh|In|Out|get_ipython|exit|quit|_mlops|__(?!annotations__)\w+__"
)


@dataclass(frozen=True)
class Baseline:
    """What was there when the stage began: the values that setup cells bound, and fingerprints of what can change."""

    values: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What goes into the product."""

    stored: list[tuple[tuple[str, ...], Pickled]] = field(default_factory=list)
    deleted: tuple[str, ...] = ()
    tombstones: dict[str, Tombstone] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What to warn of: variables that travel without a part of them."""
        return list(dict.fromkeys(note for _, made in self.stored for note in made.notes))


def baseline(namespace: dict[str, Any], scope: Scope, find: Any) -> Baseline:
    """Take note of a namespace before its stage begins."""
    values = dict(own_variables(namespace))
    digests = {}
    watched = {
        name: value for name, value in values.items() if not is_atom(value) and id(value) not in scope.shared
    }
    for name, value in {**watched, **setup_state.states(scope.shared, find)}.items():
        try:
            digests[name] = pickled(value, scope).digest
        except Exception:  # noqa: BLE001, S112 - what can't be pickled can't travel either: each stage makes its own
            continue
    return Baseline(values, digests)


def own_digest(value: Any, scope: Scope) -> str:
    """Return the fingerprint of a value that was loaded just now; nothing where it can't be pickled again."""
    try:
        return pickled(value, scope, expand=(value,) if isinstance(value, type) else ()).digest
    except Exception:  # noqa: BLE001 - a value's own code runs, and may raise anything
        return ""


def own_variables(namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook's own variables: without IPython's, and without borrowed builtins."""
    borrowed = getattr(namespace, "borrowed", {})
    return {
        name: value
        for name, value in dict.items(namespace)
        if type(name) is str and not _of_ipython.fullmatch(name) and borrowed.get(name, borrowed) is not value
    }


@dataclass
class Leaving:
    """Find out what a stage leaves.

    Args:
        namespace: the stage's live globals.
        scope: what may be referred to by name.
        above: what the stage took.
        before: what was there when it began.
        places: notebook cell and line of the stage's bindings, for messages.
        unwanted: names that no later stage can mention.
        held: what the notebook's own modules hold, by pseudo-variable: it goes with variables that share it.
    """

    namespace: dict[str, Any]
    scope: Scope
    above: Above
    before: Baseline
    places: Mapping[str, tuple[int, int]]
    unwanted: frozenset[str] = frozenset()
    held: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._found: dict[str, Pickled] = {}
        self._tombstones: dict[str, Tombstone] = {}
        self._unchanged: set[str] = set()

    def find(self, state: Mapping[str, Any]) -> Left:
        """Return what the stage leaves; ``state`` is what it changed of the process, by pseudo-variable."""
        now = own_variables(self.namespace)
        for name, value in now.items():
            if not self._is_untouched(name, value):
                self._consider(name, value)
        for name, value in setup_state.states(self.scope.shared, self._definition).items():
            self._analyse(name, value)
        for name, value in state.items():
            self._analyse(name, value)
        self._held(state)
        self._classes()
        stored = [self._finished(group) for group in components.components(self._found)]
        gone = [name for name in self.above.taken if not is_pseudo(name)] + list(self.before.values)
        return Left(
            stored=[entry for entry in stored if entry is not None],
            deleted=tuple(sorted({name for name in gone if name not in now})),
            tombstones=self._tombstones,
        )

    def _is_untouched(self, name: str, value: Any) -> bool:
        """Say whether a variable is what it was, and can't have changed."""
        if not self._is_bound(name, value):
            return is_atom(value) or (name not in self.above.taken and name not in self.before.digests)
        return False

    def _is_bound(self, name: str, value: Any) -> bool:
        """Say whether the stage bound a name, or bound it anew."""
        if name in self.above.taken:
            return not self.above.taken[name].is_value(value)
        return name not in self.before.values or self.before.values[name] is not value

    def _consider(self, name: str, value: Any) -> None:
        if name in self.unwanted:
            self._bury(name, NOT_KEPT, "name it in the stage that needs it")
        else:
            self._analyse(name, value)

    def _analyse(self, name: str, value: Any, expand: tuple[type, ...] = ()) -> None:
        try:
            self._found[name] = pickled(value, self.scope, expand=expand)
            self._values[name] = value
        except Exception as error:  # noqa: BLE001 - a value's own code runs, and may raise anything
            why = str(error) or type(error).__name__
            self._bury(name, f"{named_kind(value)} can't be pickled ({why})", mend_for(value))

    def _bury(self, name: str, why: str, mend: str) -> None:
        cell, line = self.places.get(name) or min(self.places.values(), default=(0, 1))
        self._tombstones[name] = Tombstone(why=why, mend=mend, cell=cell, line=line)

    def _held(self, state: Mapping[str, Any]) -> None:
        """Add what modules hold where a variable shares it; the stage may not have changed it."""
        variables = [found for name, found in self._found.items() if not is_pseudo(name)]
        for name, value in self.held.items():
            try:
                made = pickled(value, self.scope)
            except Exception:  # noqa: BLE001, S112 - a value's own code runs, and may raise anything
                continue
            if any(components.is_shared(made, other) for other in variables):
                self._found[name], self._values[name] = made, value
                if name not in state:
                    self._unchanged.add(name)

    def _classes(self) -> None:
        """Add the classes that the variables refer to, and those that these refer to."""
        pending = [kind for found in self._found.values() for kind in found.classes]
        taken = [each.held() for each in self.above.taken.values()]
        pending += [value for value in taken if isinstance(value, type)]
        seen: set[type] = set()
        while pending:
            kind = pending.pop()
            if kind in seen or kind.__module__ != "__main__" or id(kind) in self.scope.shared:
                continue
            seen.add(kind)
            name = restoring.CLASS.format(class_name(kind, self.scope.owner))
            self._analyse(name, kind, expand=(kind,))
            pending += self._found[name].classes if name in self._found else ()

    def _finished(self, group: tuple[str, ...]) -> tuple[tuple[str, ...], Pickled] | None:
        """Return a component as it is to be stored; None where it is as it was."""
        if self._is_setup(group):
            return None
        roots = shared_roots([self._found[name].memory for name in group])
        if len(group) == 1 and not roots:
            made = self._found[group[0]]
        else:
            try:
                made = self._pickled([self._values[name] for name in group], group, roots)
            except Exception as error:  # noqa: BLE001 - a value's own code runs, and may raise anything
                for name in group:
                    self._bury(name, f"it can't be pickled ({error})", mend_for(self._values[name]))
                return None
        return None if self._is_unchanged(group, made, roots) else (group, made)

    def _pickled(self, values: list[Any], group: tuple[str, ...], roots: Roots) -> Pickled:
        kinds = [value for value, name in zip(values, group, strict=True) if name.startswith("<class ")]
        value = values[0] if len(group) == 1 else tuple(values)
        return pickled(value, self.scope, expand=tuple(kinds), roots=roots)

    def _is_setup(self, group: tuple[str, ...]) -> bool:
        """Say whether all of a component is what the setup cells made."""
        return all(
            name not in self.above.taken
            and (name in self._unchanged or self.before.digests.get(name) == self._found[name].digest)
            and (is_pseudo(name) or not self._is_bound(name, self._values[name]))
            for name in group
        )

    def _is_unchanged(self, group: tuple[str, ...], made: Pickled, roots: Roots) -> bool:
        """Say whether a component is as the stages above left it."""
        taken = [self.above.taken.get(name) for name in group]
        first = taken[0]
        if first is None or any(other is None or other.component is not first.component for other in taken):
            return False
        if any(not is_pseudo(name) and self._is_bound(name, self._values[name]) for name in group):
            return False
        if group == first.component.names and made.digest == first.component.digest:
            return True
        if first.digest:
            # To load a class again would undo what the stage did to it.
            return all(
                one is not None and one.digest == self._found[name].digest
                for name, one in zip(group, taken, strict=True)
            )
        fresh = self.above.load_fresh(first)
        values = [fresh[name] for name in group]
        again = self._pickled(values, group, self._same_roots(values, roots))
        if again.digest == made.digest:
            return True
        same = Sameness(lambda value: pickled(value, self.scope).digest)
        return bool(made.memory.owned) and same(values, [self._values[name] for name in group])

    def _same_roots(self, values: list[Any], roots: Roots) -> Roots:
        return shared_roots([pickled(value, self.scope).memory for value in values]) if roots else roots

    def _definition(self, path: str) -> Any:
        target = restoring.Target(self.namespace, self.above.setup)
        with restoring.restoring_into(target):
            return restoring.setup_object(path)
