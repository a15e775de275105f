"""Find rows that repeat an earlier one, among more rows than memory holds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

# So many rows are kept in memory, at 16 bytes each; more are spread over files by their hash.
IN_MEMORY = 4_000_000
_PARTS = 64
_ENTRY = np.dtype([("hash", np.uint64), ("row", np.int64)])


class Repeats:
    """Collect the hashes of rows, and say which row's was there before.

    Rows are told apart by 64 bits: numbers exactly; of 100 million different words two are taken for one with a
    chance of 0.03%.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._most = in_memory
        self._entries: list[NDArray[np.void]] = []
        self._count = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget all, and take the files away."""
        self._entries.clear()
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        """Add rows, by their hashes and numbers."""
        entries = np.empty(len(hashes), dtype=_ENTRY)
        entries["hash"], entries["row"] = hashes, rows
        self._entries.append(entries)
        self._count += len(entries)
        if self._count > self._most:
            self._spill()

    def found(self, most: int) -> tuple[int, list[int]]:
        """Return how many rows repeat an earlier one, and the first ``most`` of them."""
        count, first = 0, np.empty(0, dtype=np.int64)
        for entries in self._groups():
            order = np.lexsort((entries["row"], entries["hash"]))
            ordered = entries[order]
            again = ordered["row"][1:][ordered["hash"][1:] == ordered["hash"][:-1]]
            count += len(again)
            first = np.sort(np.concatenate([first, again]))[:most]
        return count, first.tolist()

    def _groups(self) -> Iterator[NDArray[np.void]]:
        """Give all rows in groups; rows of one hash are in one group."""
        if self._folder is None:
            if self._entries:
                yield np.concatenate(self._entries)
            return
        self._spill()
        for path in sorted(Path(self._folder.name).iterdir()):
            yield np.fromfile(path, dtype=_ENTRY)

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="jupyter-mlops-")
        if not self._entries:
            return
        entries = np.concatenate(self._entries)
        self._entries, self._count = [], 0
        group = entries["hash"] % np.uint64(_PARTS)
        for number in range(_PARTS):
            with (Path(self._folder.name) / f"{number:02d}").open("ab") as stream:
                entries[group == number].tofile(stream)
