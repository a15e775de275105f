"""DVC's ``.dvc`` files: read as sources, written beside what is checked out."""

from __future__ import annotations

import configparser
import hashlib
import json
import re
import shutil
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.data import folders
from jupyter_mlops.data.sources import scratch_folder
from jupyter_mlops.errors import DataError, IntegrityError
from jupyter_mlops.store.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1 << 20
BLOCK = 1 << 20
FOLDER = ".dir"
_digest = re.compile(r"[0-9a-f]{32}(\.dir)?")


class Output(msgspec.Struct, frozen=True):
    """What a ``.dvc`` file says of its one output; ``hash`` is missing where DVC 2 or older wrote it."""

    path: str
    md5: str
    hash: str = ""
    size: int | None = None


class _File(msgspec.Struct, frozen=True):
    outs: list[Output]


class _Member(msgspec.Struct, frozen=True):
    md5: str
    relpath: str


@contextmanager
def content_of(path: Path, scratch: Path) -> Iterator[tuple[Path, Path]]:
    """Give the file or folder that a ``.dvc`` file means, checked, and the path that it is tracked under.

    It is the one beside the ``.dvc`` file where that is what was tracked, else DVC's cache has it.

    Args:
        path: the ``.dvc`` file.
        scratch: where a folder out of the cache may lie until the block ends.

    Raises:
        DataError: when the file isn't DVC's, or what it means is neither beside it nor in the cache.
    """
    output = read(path)
    beside = path.parent / output.path
    if _is(beside, output):
        yield beside, beside
        return
    cached = _cached(path, output.md5)
    if cached is None:
        state = "is not what was tracked" if beside.exists() else "is not there"
        raise DataError(
            f"{beside} {state}, and DVC's cache doesn't have {output.md5}",
            hint="run: dvc pull, then dvc checkout",
        )
    if not output.md5.endswith(FOLDER):
        _check(cached, output.md5, output)
        yield cached, beside
        return
    with scratch_folder(scratch) as folder:
        _gather(path, cached, output, folder)
        yield folder, beside


def read(path: Path) -> Output:
    """Return what a ``.dvc`` file says.

    Raises:
        DataError: when it isn't one, or tracks none or several things, or one elsewhere.
    """
    import yaml

    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} is too large for a .dvc file", hint="name the data itself")
        [output] = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File).outs
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}", hint="check its permissions") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # msgspec's and Unicode's are ValueErrors
        why = " ".join(str(error).split())
        raise DataError(
            f"{path} is no .dvc file with one output: {why}", hint="name the data itself"
        ) from None
    if not _digest.fullmatch(output.md5):
        raise DataError(f"{path}: {output.md5!r} is no md5", hint="track the data again: dvc add")
    if not folders.stays_inside(output.path):
        raise DataError(
            f"{path} means {output.path!r}, which is not in its folder",
            hint="name that file or folder itself",
        )
    return output


def write(path: Path) -> Path:
    """Write the ``.dvc`` file of a file or folder beside it, as ``dvc add`` would; return its path."""
    if path.is_dir():
        members = _members(path)
        size = sum((path / member["relpath"]).stat().st_size for member in members)
        output = {"md5": _folder_md5(members), "size": size, "nfiles": len(members)}
    else:
        output = {"md5": _md5(path), "size": path.stat().st_size}
    lines = [f"{name}: {value}" for name, value in {**output, "hash": "md5"}.items()]
    text = "\n  ".join([*lines, f"path: {json.dumps(path.name, ensure_ascii=False)}"])
    target = path.with_name(f"{path.name}.dvc")
    write_atomic(target, f"outs:\n- {text}\n".encode())
    return target


def _is(path: Path, output: Output) -> bool:
    if output.md5.endswith(FOLDER):
        return path.is_dir() and _folder_md5(_members(path, old=not output.hash)) == output.md5
    return path.is_file() and _md5(path, old=not output.hash) == output.md5


def _cached(path: Path, md5: str) -> Path | None:
    """Return the file in a cache of the repository that ``path`` lies in, by the layout of DVC 3 or 2."""
    for folder in path.resolve().parents:
        if (folder / ".dvc").is_dir():
            for cache in _caches(folder / ".dvc"):
                for place in (cache / "files" / "md5" / md5[:2] / md5[2:], cache / md5[:2] / md5[2:]):
                    if place.is_file():
                        return place
            return None
    return None


def _caches(folder: Path) -> Iterator[Path]:
    parser = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):
        try:
            parser.read(folder / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise DataError(f"{folder / name} can't be read: {error.args[0]}", hint="mend the file") from None
    if parser.has_option("cache", "dir"):
        yield folder / Path(parser.get("cache", "dir")).expanduser()
    yield folder / "cache"


def _gather(path: Path, listing: Path, output: Output, folder: Path) -> None:
    """Put a folder together out of the cache, each file checked."""
    data = listing.read_bytes()
    try:
        members = msgspec.json.decode(data, type=list[_Member])
    except msgspec.DecodeError as error:
        raise DataError(f"{listing} lists no folder: {error}", hint="run: dvc pull") from None
    if f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}{FOLDER}" != output.md5:
        raise DataError(f"{listing} is not what was tracked", hint="run: dvc pull")
    for member in members:
        if not folders.stays_inside(member.relpath) or not _digest.fullmatch(member.md5):
            raise IntegrityError(
                f"{listing} names a path that leads out of the folder: {member.relpath!r}",
                hint="don't use it",
            )
        cached = _cached(path, member.md5)
        if cached is None:
            raise DataError(f"DVC's cache doesn't have {member.relpath} ({member.md5})", hint="run: dvc pull")
        _check(cached, member.md5, output)
        target = folder / member.relpath
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cached, target)


def _check(path: Path, md5: str, output: Output) -> None:
    if _md5(path, old=not output.hash) != md5:
        raise DataError(f"{path} in DVC's cache was changed", hint="remove it and run: dvc pull")


def _members(folder: Path, *, old: bool = False) -> list[dict[str, Any]]:
    """Return a folder's files as DVC lists them."""
    return [{"md5": _md5(place, old=old), "relpath": name} for name, place in folders.scan(folder).items()]


def _folder_md5(members: list[dict[str, Any]]) -> str:
    ordered = sorted(members, key=itemgetter("relpath"))
    data = json.dumps(ordered, sort_keys=True).encode()
    return f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}{FOLDER}"


def _md5(path: Path, *, old: bool = False) -> str:
    """Return a file's MD5; the old one of a text file takes its line ends for Unix's."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        text = old and _looks_like_text(stream.read(512))
        stream.seek(0)
        while block := stream.read(BLOCK):
            digest.update(block.replace(b"\r\n", b"\n") if text else block)
    return digest.hexdigest()


def _looks_like_text(start: bytes) -> bool:
    """Say whether a file is text as DVC 2 saw it: no null byte, and few bytes that text doesn't have."""
    if b"\0" in start:
        return False
    characters = bytes(range(32, 127)) + b"\n\r\t\f\b"
    return not start or len(start.translate(None, characters)) / len(start) <= 0.3  # noqa: PLR2004 - DVC's share
