"""What a drift report compares: files, folders, dataset versions, live traffic, profiles; read whole, by column or in parts."""

from __future__ import annotations

import glob
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import pandas as pd

    from jupyter_mlops.monitoring.binned import Profile
    from jupyter_mlops.monitoring.tables import Table
    from jupyter_mlops.store.opened import Store

LIVE = "live:"
PROFILE = ".profile"
# When an answer was given, where the sample is live traffic.
TIME = "served_at"
# What it answered, how sure it was (of two classes, of the later), and what came true, as far as it was told.
PREDICTION, SCORE, LABEL = "prediction", "score", "label"
_PARQUET = ("parquet", "pq")
_HINT = (
    "name a CSV or Parquet file, several ('data/*.parquet'), a dataset (name or name@version), or live:model"
)


@dataclass(frozen=True)
class Sample:
    """A sample under a name: ``files`` with their formats, or a ``traffic`` frame, or a ``profile`` of what was counted.

    ``outcomes`` are the columns of traffic that are no inputs: prediction, score and label, by what they hold.
    """

    name: str
    files: tuple[tuple[Path, str], ...] = ()
    parents: tuple[str, ...] = ()
    traffic: pd.DataFrame | None = None
    profile: Profile | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The model or data set that it is of, as the roles name it; nothing for files and profiles."""
        if self.name.startswith(LIVE):
            return ("model/" + self.name.removeprefix(LIVE).partition("@")[0],)
        return tuple(parent for parent in self.parents if parent.startswith("dataset/"))

    @property
    def size_bytes(self) -> int:
        """How long its files are together."""
        return sum(path.stat().st_size for path, _ in self.files)

    def frame(self) -> pd.DataFrame:
        """Read all of it.

        Raises:
            DataError: when a file isn't what its name says.
        """
        import pandas as pd

        from jupyter_mlops.data.frames import read_frame

        if self.traffic is not None:
            return self.traffic
        frames = [read_frame(path, form, name=self._called(path)) for path, form in self.files]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def table(self, *, keep: bool = False) -> Table:
        """Make it a sample to compare; a Parquet file is read a column at a time.

        Raises:
            DataError: when a file isn't what its name says, or has no rows.
        """
        from jupyter_mlops.monitoring.tables import table

        if len(self.files) == 1 and self.files[0][1] in _PARQUET:
            return self._by_column(self.files[0][0], keep=keep)
        return table(self.frame(), self.name, keep=keep)

    def parts(self, progress: Callable[[int], None]) -> Iterator[pd.DataFrame]:
        """Read it part by part; ``progress`` is told how many bytes are done.

        Raises:
            DataError: when a file isn't what its name says.
        """
        from jupyter_mlops.data.frames import PART_BYTES, read_parts

        if self.traffic is not None:
            yield self.traffic
        for path, form in self.files:
            left = path.stat().st_size
            each = _bytes_a_row(path) if form in _PARQUET else 0.0
            for part in read_parts(path, form, name=self._called(path)):
                yield part
                # Of text the parts are of one length in bytes, of Parquet in rows.
                done = min(left, int(len(part) * each) or PART_BYTES)
                left -= done
                progress(done)
            progress(left)

    def _by_column(self, path: Path, *, keep: bool) -> Table:
        import pyarrow.parquet as pq

        from jupyter_mlops.monitoring.tables import Table

        with self._explained(path):
            file = pq.ParquetFile(path)
        schema = file.schema_arrow
        index = {
            name for name in (schema.pandas_metadata or {}).get("index_columns", ()) if isinstance(name, str)
        }

        def read(column: str) -> pd.Series[Any]:
            with self._explained(path):
                frame: pd.DataFrame = pq.read_table(path, columns=[column]).to_pandas()
            return frame.iloc[:, 0]

        columns = [name for name in schema.names if name not in index]
        return Table(self.name, columns, file.metadata.num_rows, read, keep=keep)

    @contextmanager
    def _explained(self, path: Path) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (ValueError, pa.ArrowException, OSError) as error:
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            message = f"{self._called(path)} can't be read as parquet: {why}"
            raise DataError(message, hint="check the file") from error

    def _called(self, path: Path) -> str:
        return self.name if self.parents else str(path)


def resolve(store: Store, text: str) -> Sample:
    """Find the sample that ``text`` names; nothing of it is read yet but live traffic and profiles.

    Raises:
        DataError: when a file is missing, empty or not a table, or there is no traffic.
        NotFoundError: when there is no such dataset.
    """
    if text.startswith(LIVE):
        from jupyter_mlops.workflows import traffic

        return traffic.read(store, text)
    from jupyter_mlops.monitoring.binned import Profile

    path = Path(text)
    if path.suffix == PROFILE and (found := [path] if path.is_file() else _matching(text)):
        return Sample(path.name, profile=reduce(Profile.merge, map(read_profile, found)))
    if path.is_dir():
        return _files(
            text, sorted(each for each in path.rglob("*") if _is_table(each)), f"no table is in {text}"
        )
    if path.exists() or _looks_like_a_file(path):
        if glob.has_magic(text) and not path.exists():
            return _files(text, _matching(text), f"no file {text}")
        return _file(path)
    return _dataset(store, text)


def _matching(text: str) -> list[Path]:
    return sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207 - the pattern may be absolute


def _bytes_a_row(path: Path) -> float:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            rows: int = file.metadata.num_rows
        return path.stat().st_size / max(1, rows)
    except (pa.ArrowException, OSError):
        return 0.0  # reading it says what is wrong


def _files(text: str, paths: list[Path], nothing: str) -> Sample:
    found = [path for path in paths if path.is_file()]
    if not found:
        raise DataError(nothing, hint=_HINT)
    forms = {_form(path) for path in found}
    return Sample(text, tuple((path, _form(path)) for path in found if forms and path.stat().st_size))


def _is_table(path: Path) -> bool:
    from jupyter_mlops.data.frames import TABLES

    hidden = path.name.startswith((".", "_"))
    return path.is_file() and not hidden and path.suffix.removeprefix(".").lower() in TABLES


def _looks_like_a_file(path: Path) -> bool:
    from jupyter_mlops.data.frames import TABLES

    return path.suffix.removeprefix(".").lower() in (*TABLES, PROFILE[1:]) or len(path.parts) > 1


def _file(path: Path) -> Sample:
    if not path.is_file():
        near = NotFoundError.of("file", path.name, _neighbours(path), hint="")
        raise DataError(f"no file {path}", hint=near.hint if near.details["near"] else _HINT, **near.details)
    form = _form(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty", hint="there is nothing to compare")
    return Sample(path.name, ((path, form),))


def _form(path: Path) -> str:
    from jupyter_mlops.data.frames import TABLES

    form = path.suffix.removeprefix(".").lower()
    if form not in TABLES:
        raise DataError(f"{path} is not a table", hint=f"a table is one of: {', '.join(TABLES)}")
    return form


def read_profile(path: Path) -> Profile:
    """Read what was counted of a sample.

    Raises:
        DataError: when the file is none such.
    """
    import msgspec

    from jupyter_mlops.monitoring.binned import Profile

    try:
        return msgspec.json.decode(path.read_bytes(), type=Profile)
    except (msgspec.DecodeError, OSError) as error:
        raise DataError(f"{path} is no profile: {error}", hint="write one with --keep-profile") from None


def _neighbours(path: Path) -> Iterable[str]:
    try:
        return [
            entry.name
            for entry in path.parent.iterdir()
            if entry.is_file() and not entry.name.startswith(".")
        ]
    except OSError:
        return []


def _dataset(store: Store, text: str) -> Sample:
    from jupyter_mlops.data import contents, folders, versions

    try:
        version = versions.resolve(store, text)
    except NotFoundError as error:
        raise NotFoundError(
            f"{text!r} is neither a file nor a dataset: {error.message}",
            hint=error.hint or _HINT,
            **error.details,
        ) from None
    name = f"{version.name}@{version.version[:12]}"
    if version.rows is None:
        raise DataError(f"{name} is no table", hint="check it out and compare its files")
    digests = [version.version]
    if version.content == "folder":
        manifest = folders.read_manifest(store.objects, version.version)
        digests = [entry.sha256 for path, entry in manifest.files.items() if contents.is_part(path)]
    for digest in digests:
        store.objects.verify(digest)
    paths = tuple((store.objects.path(digest), version.format) for digest in digests)
    return Sample(name, paths, (str(version.ref),))
