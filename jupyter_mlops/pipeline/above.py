"""What the stages above left, and what this stage took of it."""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline.product import NOT_KEPT, Tombstone, latest
from jupyter_mlops.pipeline.serialization import restoring
from jupyter_mlops.pipeline.serialization.memory import is_array
from jupyter_mlops.pipeline.serialization.pickling import Unpickler
from jupyter_mlops.records.run import Pull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_mlops.pipeline.product import Component
    from jupyter_mlops.pipeline.storage import Product


def is_pseudo(name: str) -> bool:
    """Say whether a name stands for something that no variable holds."""
    return name.startswith("<")


@dataclass(frozen=True)
class Taken:
    """A value as it was taken, and the component it came with; ``digest`` is its own after that, where one is needed.

    The stage may let go of a variable's value, and then it is gone: ``held`` gives it as long as it is there.
    """

    held: Callable[[], Any]
    product: Product
    component: Component
    digest: str = ""

    def is_value(self, value: Any) -> bool:
        """Say whether a value is the one that was taken."""
        return self.held() is value


_GONE = object()


def _held(name: str, value: Any) -> Callable[[], Any]:
    if is_pseudo(name) or (is_array(value) and value.nbytes <= restoring.LARGEST_COPY):
        return lambda: value  # an array with a weak reference to it can't grow
    try:
        reference = weakref.ref(value)
    except TypeError:
        return lambda: value
    return lambda: _GONE if reference() is None else reference()


@dataclass
class Above:
    """Give a stage what it reads, in the latest version on the page, and note what that was.

    Args:
        stage: the stage's name.
        namespace: its live globals.
        products: what the stages above left, in page order.
        setup: what setup cells bound, by name.
        since: for names that a setup cell binds, how many of the products are from above that cell.
        shadowed: builtins that some stage binds as variables.
    """

    stage: str
    namespace: dict[str, Any]
    products: list[Product] = field(default_factory=list)
    setup: Mapping[str, Any] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)
    shadowed: frozenset[str] = frozenset()
    taken: dict[str, Taken] = field(default_factory=dict)
    pulls: dict[str, Pull] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    refusals: list[HandoffError] = field(default_factory=list)
    closed: bool = False
    on_value: Callable[[Any], None] | None = None
    fingerprint: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._loading: list[tuple[str, int]] = []
        self._importing = False

    @property
    def is_loading(self) -> bool:
        """Whether a value is being loaded just now."""
        return bool(self._loading) or self._importing

    def find(self, name: str) -> Pull | Tombstone | None:
        """Return which version of a variable this stage sees."""
        headers = [product.header for product in self.products[self.since.get(name, 0) :]]
        return latest(name, headers)

    def names(self) -> list[str]:
        """Return all names that some stage above left, in page order."""
        every = [name for product in self.products for name in product.header.variables]
        return [name for name in dict.fromkeys(every) if isinstance(self.find(name), Pull)]

    def was_deleted(self, name: str) -> bool:
        """Say whether the last that was done to a variable is that a stage took it away."""
        products = self.products[self.since.get(name, 0) :]
        return self.find(name) is None and any(name in product.header.deleted for product in products)

    def offers(self, name: str) -> bool:
        """Say whether a stage above left a variable that this stage hasn't had yet."""
        if self.closed or name in self.taken:
            return False
        if self.find(name) is not None:
            return True
        self._missed(name)
        return False

    def take(self, name: str) -> Any:
        """Return a variable's value, having put it and what shares with it into the namespace.

        Raises:
            KeyError: when no stage above left it.
            HandoffError: when it can't be passed on.
        """
        with self._lock:
            if not is_pseudo(name) and dict.__contains__(self.namespace, name):
                return dict.__getitem__(self.namespace, name)
            if is_pseudo(name) and name in self.taken:
                return self.taken[name].held()
            if self.closed or name in self.taken:
                raise KeyError(name)
            found = self.find(name)
            if found is None:
                self._missed(name)
                raise KeyError(name)
            if isinstance(found, Tombstone):
                if name == "__annotations__" and found.why == NOT_KEPT:
                    raise KeyError(name)  # Python asks for it wherever a name is annotated
                self._refuse(name, found)
            self._load(name, found)
            return self.taken[name].held()

    def take_all(self, names: Iterable[str]) -> None:
        """Take those of the names that there are; what can't be passed on is left out, for nobody has read it yet."""
        for name in names:
            if not dict.__contains__(self.namespace, name) and isinstance(self.find(name), Pull):
                try:
                    self.take(name)
                except KeyError:
                    continue

    def load_fresh(self, taken: Taken) -> dict[str, Any]:
        """Return a component as it was before this stage had it."""
        return self.unpickle(taken.product.fresh(), taken.component)

    def _load(self, name: str, found: Pull) -> None:
        product = next(product for product in self.products if product.header.stage == found.stage)
        place = product.header.variables[name]
        if self._loading.count((found.stage, place)) > self._again(name):
            raise KeyError(name)
        self._loading.append((found.stage, place))
        component = product.header.components[place]
        try:
            values = self.unpickle(product, component)
        finally:
            self._loading.remove((found.stage, place))
        # A class that was loaded doesn't pickle to the bytes it came from.
        has_class = self.fingerprint is not None and any(each.startswith("<class ") for each in values)
        for each, value in values.items():
            if each in self.taken or self.find(each) != Pull(stage=found.stage, digest=component.digest):
                continue
            if not is_pseudo(each):
                if dict.__contains__(self.namespace, each):
                    continue
                dict.__setitem__(self.namespace, each, value)
            digest = self.fingerprint(value) if has_class and self.fingerprint is not None else ""
            self.taken[each] = Taken(_held(each, value), product, component, digest)
            self.pulls[each] = Pull(stage=found.stage, digest=component.digest)
        self._import_owners(values)
        if self.on_value is not None:
            for each in values:
                self.on_value(self.taken[each].held() if each in self.taken else None)

    def _import_owners(self, names: Iterable[str]) -> None:
        """Import the notebook's own modules whose objects came with variables: both go on changing together."""
        for name in names:
            module = name[8:-1] if name.startswith("<module ") else ""
            if module and module not in sys.modules:
                before, self._importing = self._importing, True
                try:
                    importlib.import_module(module)
                except ImportError:
                    continue  # the stage can't have it either
                finally:
                    self._importing = before

    def _again(self, name: str) -> int:
        """Return how often something may be loaded while it is being loaded.

        A base that holds its subclasses needs one that needs the base: the base is made by then, and has its own later.
        """
        return int(name.startswith("<class ") and not restoring.is_made(name))

    def unpickle(
        self, product: Product, component: Component, target: restoring.Target | None = None
    ) -> dict[str, Any]:
        """Return a component's variables as new objects.

        Raises:
            HandoffError: when they can't be loaded.
        """
        target = target or restoring.Target(self.namespace, self.setup, self.take)
        stage = product.header.stage
        try:
            with restoring.restoring_into(target):
                return product.load(component, Unpickler)
        except HandoffError as error:
            refuse(f"stage {self.stage} can't load what stage {stage} made: {error.message}", error.hint)
        except Exception as error:  # noqa: BLE001 - a pickle runs anybody's code, and may raise anything
            refuse(
                f"stage {self.stage} can't load {_listed(component.names)}, which stage {stage} made"
                f" ({type(error).__name__}: {error})",
                f"run stage {stage} again; import what its variables need in a setup cell",
            )

    def _missed(self, name: str) -> None:
        is_own = name.startswith("__") and name.endswith("__")
        if not is_own and not is_pseudo(name) and (name in self.shadowed or not hasattr(builtins, name)):
            self.absent.add(name)

    def _refuse(self, name: str, why: Tombstone) -> NoReturn:
        stage = next(p.header.stage for p in reversed(self.products) if p.header.tombstones.get(name) == why)
        shown = f"the class {name[7:-1]}" if name.startswith("<class ") else repr(name)
        error = HandoffError(
            f"stage {self.stage} reads {shown}, which stage {stage} can't pass on"
            f" (cell {why.cell}, line {why.line}): {why.why}",
            hint=why.mend,
        )
        self.refusals.append(error)
        raise error


def refuse(message: str, hint: str) -> NoReturn:
    """Raise a hand-off's error that IPython shows in one line.

    Raises:
        HandoffError: always.
    """
    error = HandoffError(message, hint=hint)
    # IPython asks an exception how it wants to be shown: the cells above are not the user's.
    vars(error)["_render_traceback_"] = lambda: [f"HandoffError: {error}"]
    raise error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
