"""Files and folders on other machines, fetched through fsspec."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_mlops.data.folders import stays_inside
from jupyter_mlops.data.sources import file_name, scratch_folder, without_credentials
from jupyter_mlops.errors import DataError, MlopsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.store.copying import Progress

BLOCK = 4 << 20


@contextmanager
def fetched(url: str, scratch: Path, progress: Progress) -> Iterator[tuple[Path, str]]:
    """Give a copy of what a URL names, and the URL as a record says it; the copy is there until the block ends.

    Args:
        url: as fsspec names things: ``s3://``, ``https://``, ``memory://``, ...
        scratch: the folder for copies.
        progress: is told how many bytes more have come.

    Raises:
        DataError: when it isn't there, or can't be read.
    """
    label = without_credentials(url)
    with scratch_folder(scratch) as folder:
        try:
            copy = _fetch(url, folder / (file_name(label) or "content"), progress)
        except MlopsError:
            raise
        except ImportError as error:
            raise DataError(f"{label} can't be read: {error}", hint="install what reads it") from None
        except FileNotFoundError:
            raise DataError(f"nothing is at {label}", hint="check the URL") from None
        except Exception as error:  # every file system has errors of its own, of any kind
            why = " ".join(str(error).replace(url, label).split()) or type(error).__name__
            raise DataError(
                f"{label} can't be read: {why}", hint="check the URL, and who may read it"
            ) from error
        yield copy, label


def _fetch(url: str, target: Path, progress: Progress) -> Path:
    from fsspec.core import url_to_fs

    system, place = url_to_fs(url)
    if not system.isdir(place):
        _copy(system, place, target, progress)
        return target
    root = PurePosixPath(place)
    for found in system.find(place):
        name = str(PurePosixPath(found).relative_to(root))
        # Keys of an object store are any text; as paths some lead elsewhere.
        if not stays_inside(name):
            raise DataError(f"a name leads out of the folder: {found!r}", hint="name the files one by one")
        _copy(system, found, target / name, progress)
    if not target.is_dir():
        raise DataError(
            f"{without_credentials(url)} has no files in it", hint="an empty folder is no dataset"
        )
    return target


def _copy(system: Any, place: str, target: Path, progress: Progress) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with system.open(place, "rb") as stream, target.open("xb") as copy:
        while block := stream.read(BLOCK):
            copy.write(block)
            progress(len(block))
