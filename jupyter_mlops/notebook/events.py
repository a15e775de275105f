"""What a piece of code does to variables, in order: the small language that ``scope`` writes and ``machine`` reads.

Names of local variables carry a ``#``, so that whatever has none is a variable of the notebook.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable, Iterator

LOCAL = "#"


@dataclass(frozen=True, slots=True)
class Value:
    """Say what an expression's value has to do with variables.

    It may be the very object of the variables in ``same``, an element, attribute or view of those in ``part``, a
    new object that ``holds`` others, what the ``calls`` (by number) return, or an element of it. ``kind`` is known where
    the source tells: ``constant``, ``module``, ``random``, ``figure``, ``file``, ``connection``, ``generator``,
    ``function`` (or class), ``plain`` (a container of constants). ``module`` is the dotted name that was imported.
    """

    same: frozenset[str] = frozenset()
    part: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    calls: frozenset[int] = frozenset()
    part_calls: frozenset[int] = frozenset()
    held_calls: frozenset[int] = frozenset()
    functions: tuple[Function, ...] = ()
    kind: str = ""
    module: str = ""

    def __or__(self, other: Value) -> Value:
        return Value(
            self.same | other.same,
            self.part | other.part,
            self.holds | other.holds,
            self.calls | other.calls,
            self.part_calls | other.part_calls,
            self.held_calls | other.held_calls,
            self.functions + other.functions,
            self.kind if self.kind == other.kind else "",
        )

    def as_part(self) -> Value:
        """Return the value of an element, attribute or view of this one."""
        return Value(
            part=self.same | self.part | self.holds,
            part_calls=self.calls | self.part_calls | self.held_calls,
        )

    def as_held(self) -> Value:
        """Return the value of a new object that holds this one."""
        return Value(
            holds=self.same | self.part | self.holds,
            held_calls=self.calls | self.part_calls | self.held_calls,
            functions=self.functions,
        )


NOTHING = Value()
CONSTANT = Value(kind="constant")
PLAIN = Value(kind="plain")  # a list, set or dict of constants


@dataclass(frozen=True, slots=True)
class Use:
    """A variable is read; ``soft`` where its absence is no error."""

    name: str
    line: int
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Bind:
    """A variable gets a value; ``text`` is the expression where it may be a text or path."""

    name: str
    line: int
    value: Value = NOTHING
    text: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Mutate:
    """An object is changed in place; ``deep`` where what it holds may change too."""

    target: Value
    line: int
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """From here on an object holds another."""

    container: Value
    held: Value


@dataclass(frozen=True, slots=True)
class Delete:
    """A variable is gone."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or method is called; ``path`` is the dotted name, ``receiver`` what the method belongs to.

    ``files`` are the expressions that may name files, each with how the call uses it.
    """

    number: int
    path: tuple[str, ...]
    function: Value
    receiver: Value | None
    arguments: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]
    line: int
    files: tuple[tuple[str, tuple[ast.expr, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """Something is read or written that no variable holds: a file, a random generator (see ``resources``)."""

    name: str
    line: int
    reads: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several courses is taken; ``guarded`` where a missing name is caught (``except NameError``).

    ``begins`` where the first course is begun in all likelihood: a loop's body, what is tried.
    """

    arms: tuple[tuple[Event, ...], ...]
    guarded: bool = False
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Opaque:
    """Any variable may be defined here: ``import *``, ``%run``, ``exec``."""

    line: int


@dataclass(frozen=True, slots=True)
class Define:
    """A function comes into being; it may be called from here on."""

    function: Function


@dataclass(frozen=True, slots=True)
class Return:
    """A function gives this back."""

    value: Value


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function, method, lambda, or class (then ``methods`` are its own, ``bases`` those it inherits from)."""

    name: str
    line: int
    parameters: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    is_class: bool = False
    is_generator: bool = False


Event = Use | Bind | Mutate | Hold | Delete | Call | Branch | Opaque | Define | Return | Touch


def is_local(name: str) -> bool:
    """Tell whether a name belongs to a function, comprehension or class body."""
    return LOCAL in name


def flat(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events, those of branches too, but not those inside of functions."""
    for event in events:
        yield event
        if isinstance(event, Branch):
            for arm in event.arms:
                yield from flat(arm)


def bound_names(events: Iterable[Event]) -> set[str]:
    """Return the notebook's variables that events bind."""
    return {event.name for event in flat(events) if isinstance(event, Bind) and not is_local(event.name)}
