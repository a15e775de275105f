"""Products on disk: a line of JSON, then for each component its pickle and the large buffers beside it.

Offsets count from the end of the header's line, which is padded with spaces, so that buffers lie on 64-byte borders.
Whoever reads a product maps it: pages are fetched when they are touched, and writing to them never reaches the file.
"""

from __future__ import annotations

import io
import mmap
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import HandoffError
from jupyter_mlops.pipeline.product import FORMAT, Component, Header
from jupyter_mlops.store.files import replacing

if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from jupyter_mlops.pipeline.serialization.pickling import Pickled

ALIGNMENT = 64


def write(
    path: Path, header: Header, stored: Sequence[tuple[tuple[str, ...], Pickled]], *, durable: bool = True
) -> Header:
    """Write a product in one step; return its header, which says where each component lies.

    Args:
        path: where the product goes.
        header: all but its components.
        stored: the names of each component, and its content.
        durable: wait until the disk has it.
    """
    components, place = [], 0
    for names, pickled in stored:
        pieces = []
        for size in (len(pickled.data), *(raw.nbytes for raw in pickled.buffers)):
            pieces.append((place, size))
            place = _aligned(place + size)
        components.append(
            Component(names=names, digest=pickled.digest, pickle=pieces[0], buffers=tuple(pieces[1:]))
        )
    variables = {name: index for index, (names, _) in enumerate(stored) for name in names}
    header = msgspec.structs.replace(header, components=tuple(components), variables=variables)
    line = msgspec.json.encode(header)
    with replacing(path, durable=durable) as file:
        file.write(line.ljust(_aligned(len(line) + 1) - 1) + b"\n")
        for _, pickled in stored:
            for raw in (memoryview(pickled.data), *pickled.buffers):
                file.write(raw)
                file.write(bytes(_aligned(raw.nbytes) - raw.nbytes))
    return header


def read_header(path: Path) -> Header:
    """Return what a product says of itself, without unpickling anything.

    Raises:
        HandoffError: when it isn't a product.
    """
    try:
        with path.open("rb") as file:
            return _header(file.readline())
    except (OSError, msgspec.MsgspecError) as error:
        raise HandoffError(
            f"{path} is not a stage's product: {error}", hint="run the stage that makes it again"
        ) from None


class Product:
    """A product whose content is fetched when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Open a product.

        Raises:
            HandoffError: when it isn't a product, or isn't whole.
        """
        self.path = path
        self.header = read_header(path)
        with path.open("rb") as file:
            self._start = len(file.readline())
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        ends = [place + size for component in self.header.components for place, size in _pieces(component)]
        if self._start + _aligned(max(ends, default=0)) != len(self._content):
            raise HandoffError(f"{path} is cut off", hint=f"run stage {self.header.stage} again")

    def load(self, component: Component, unpickler: Callable[..., pickle.Unpickler]) -> dict[str, Any]:
        """Return a component's variables as new objects, sharing nothing with an earlier load."""
        content = memoryview(self._content)
        pieces = [
            content[self._start + place : self._start + place + size] for place, size in _pieces(component)
        ]
        values = unpickler(io.BytesIO(pieces[0]), buffers=pieces[1:]).load()
        if len(component.names) == 1:
            return {component.names[0]: values}
        return dict(zip(component.names, values, strict=True))

    def fresh(self) -> Product:
        """Return the same product over a mapping of its own, where nothing has been written to."""
        return Product(self.path)


def _header(line: bytes) -> Header:
    header = msgspec.json.decode(line, type=Header)
    if header.format != FORMAT:
        raise msgspec.ValidationError(f"its format is {header.format}, this version reads {FORMAT}")
    return header


def _pieces(component: Component) -> Iterator[tuple[int, int]]:
    yield component.pickle
    yield from component.buffers


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
