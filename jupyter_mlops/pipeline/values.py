"""Look into products from outside of a stage, to compare what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline.above import Above, is_pseudo
from jupyter_mlops.pipeline.namespace import Namespace
from jupyter_mlops.pipeline.serialization import restoring
from jupyter_mlops.pipeline.storage import Product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class _StandIns(dict[str, Any]):
    """Give for each definition of a setup cell a class of its name: enough to hold an instance's attributes."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Any:
        made = self[name] = _StandIn(name, (), {"__module__": "__main__"})
        return made


class _StandIn(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _StandIn(name, (), {"__module__": "__main__"})
        setattr(cls, name, made)
        return made


def read_values(
    path: Path, namespace: Mapping[str, Any] | None = None, *, above: Sequence[Path] = ()
) -> dict[str, Any]:
    """Return the variables in a product, by name; the process's state is among them in angle brackets.

    Args:
        path: the product.
        namespace: what setup cells bound; without it their classes are stand-ins that hold attributes.
        above: the products of the stages above, in page order: classes that variables refer to may be there.

    Returns:
        What could be loaded; a variable that couldn't maps to the HandoffError that says why.

    Raises:
        HandoffError: when it isn't a product, or isn't whole.
    """
    products = [*(Product(each) for each in above), Product(path)]
    live = Namespace(namespace or {})
    setup: Mapping[str, Any] = _StandIns() if namespace is None else namespace
    reading = Above(products[-1].header.stage, live, products, setup=setup)
    live.source = reading
    found: dict[str, Any] = {}
    for component in products[-1].header.components:
        try:
            target = restoring.Target(live, setup, reading.take)
            values = reading.unpickle(products[-1], component, target)
        except HandoffError as error:
            values = dict.fromkeys(component.names, error)
        found.update({name: value for name, value in values.items() if not name.startswith("<class ")})
    return {name: found[name] for name in sorted(found, key=lambda each: (is_pseudo(each), each))}
