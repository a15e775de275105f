"""Read a table part by part, so that memory doesn't grow with it: a dataset version's, or that of files on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlops.data import contents, folders
from jupyter_mlops.data.frames import TABLES, read_parts
from jupyter_mlops.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pandas as pd

    from jupyter_mlops.records.dataset import DatasetVersion
    from jupyter_mlops.store.opened import Store

_TEXT = ("csv", "tsv")
_HINT = "expectations are of tables: CSV, TSV, Parquet, Feather"


@dataclass(frozen=True)
class Table:
    """Name the files that a table is in; they stand under each other in the order of their names.

    ``progress`` is told how many rows were read, part by part.
    """

    files: Mapping[str, Path]
    form: str
    progress: Callable[[int], None] = field(default=lambda _rows: None)

    @property
    def from_text(self) -> bool:
        """Whether the files have no types of their own."""
        return self.form in _TEXT

    def parts(self, words: Collection[str] = ()) -> Iterator[pd.DataFrame]:
        """Give its parts; ``words`` are columns of text files to be read as words.

        Raises:
            DataError: when a file isn't a table of that format.
        """
        for name, path in self.files.items():
            for part in read_parts(path, self.form, name=name, words=words):
                yield part
                self.progress(len(part))


def of_version(store: Store, version: DatasetVersion, progress: Callable[[int], None]) -> Table:
    """Return a dataset version's table.

    Raises:
        DataError: when it isn't one.
        NotFoundError: when the content is gone.
    """
    label = f"{version.name}@{version.version[:12]}"
    if version.rows is None:
        raise DataError(f"{label} is no table", hint=_HINT)
    if version.content == "file":
        digests = {label: version.version}
    else:
        files = folders.read_manifest(store.objects, version.version).files
        digests = {f"{label}/{path}": one.sha256 for path, one in files.items() if contents.is_part(path)}
    stored = {name: store.objects.path(digest) for name, digest in digests.items()}
    return Table(stored, version.format, progress)


def of_path(path: Path, progress: Callable[[int], None]) -> Table:
    """Return the table that a file, or a folder of files, is.

    Raises:
        DataError: when it is none.
    """
    files = {path.name: path} if path.is_file() else folders.scan(path)
    parts = {name: place for name, place in files.items() if path.is_file() or contents.is_part(name)}
    forms = {place.suffix.removeprefix(".").lower() for place in parts.values()}
    if len(forms) != 1 or not forms <= set(TABLES):
        raise DataError(f"{path} is no table", hint=_HINT)
    return Table(parts, forms.pop(), progress)
