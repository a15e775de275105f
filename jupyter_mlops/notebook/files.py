"""Which files a call reads and writes, as far as their names stand in the source."""

from __future__ import annotations

import ast
import posixpath
import re
from typing import TYPE_CHECKING

from jupyter_mlops.notebook.known import words
from jupyter_mlops.notebook.resources import FILE, Effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_READS = words(
    "load loadtxt genfromtxt fromfile imread loadmat load_model open_dataset memmap load_npz run_path listdir glob "
    "exists isfile is_file safe_load_file load_file load_weights FileLink Image Video Audio"
)
_WRITES = words(
    "save savez savez_compressed savetxt savefig tofile imsave imwrite write_image write_html to_file save_model "
    "save_weights save_npz savemat dump urlretrieve write_table mkdir makedirs remove rmtree save_file write_graph"
)
_COPIES = words("copy copyfile copy2 copytree move rename replace")
_READS_AND_WRITES = words("connect File HDFStore ExcelWriter ZipFile TarFile Dataset FileHandler shelve")
_OF_A_PATH = {
    **dict.fromkeys(words("read_text read_bytes exists is_file iterdir stat"), "r"),
    **dict.fromkeys(words("write_text write_bytes touch unlink mkdir rmdir"), "w"),
}
_IN_MEMORY = words(
    "to_numpy to_list to_dict to_frame to_datetime to_numeric to_timedelta to_period to_timestamp to_string to_records "
    "to_series to_device to_dense to_coo to_categorical to_crs to_pandas to_tensor to_pydatetime to_offset to_rgb "
    "to_rgba to_hex to_arrow to_bytes to_tuple to_sql to_clipboard"
)
_KEYWORDS = words(
    "path path_or_buf fname file filename filepath filepath_or_buffer io excel_writer source name database"
)
_PATHS = words("Path PurePath PosixPath join joinpath str fspath resolve expanduser abspath")
_elsewhere = re.compile(r"[A-Za-z][\w+.-]+:(?:/|[^/\\]*$)|:memory:|[^@\s]+@")
_name = re.compile(r"[\w./ ()+,=~:\\-]{1,200}")
_suffixes = {"save": ".npy", "savez": ".npz", "savez_compressed": ".npz"}
_cell_magic = re.compile(r"\s*%%(?P<name>writefile|file|bash|sh|!|script|system|sx)\b(?P<arguments>[^\n]*)")
_shell_word = re.compile(r"(>>?\s*|-O\s*|-o\s*)?([\w./-]*\w\.[A-Za-z]\w{0,7})(?=[\s;|&>]|$)")
_DEEPEST = 50  # nested expressions that name a file
Candidates = tuple[tuple[str, tuple[ast.expr, ...]], ...]


def used_by(node: ast.Call, path: tuple[str, ...]) -> Candidates:
    """Return how a call uses files (``r``, ``w``, ``rw``), each with the expressions of which the first text names it."""
    name = path[-1]
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    named = tuple(keyword.value for keyword in node.keywords if keyword.arg in _KEYWORDS)
    arguments = (*named, *node.args[:2])
    if name == "open":
        return _opened(node, owner, named)
    if owner is not None and name in _OF_A_PATH:
        return ((_OF_A_PATH[name], (owner, *arguments[:1])),)
    if name in _COPIES:
        return (("r", arguments[:1]), ("w", arguments[1:2])) if len(arguments) > 1 else ()
    use = _use_of(name)
    return ((use, arguments if use == "w" else arguments[:1]),) if use else ()


def _use_of(name: str) -> str:
    if name.startswith(("read_", "scan_")) or name in _READS:
        return "r"
    if name in _READS_AND_WRITES:
        return "rw"
    writes = name in _WRITES or (name.startswith(("to_", "write_")) and name not in _IN_MEMORY)
    return "w" if writes else ""


def effects(use: str, path: str, call: str = "") -> Iterator[Effect]:
    """Yield what using a file means: the file itself, and the folders it lies in, which it only needs."""
    if call in _suffixes and not posixpath.splitext(path)[1]:
        path += _suffixes[call]
    name = file_named(path)
    if not name:
        return
    folder = posixpath.dirname(name[len(FILE) : -1])
    while folder.strip("/."):
        yield Effect(f"{FILE}{folder}>", reads=True, writes=False)
        folder = posixpath.dirname(folder)
    yield Effect(name, reads="r" in use, writes="w" in use)


def file_named(path: str) -> str:
    """Return the name that stands for a file; empty where it can't be one on this machine."""
    if not _name.fullmatch(path) or (_elsewhere.match(path) and not re.match(r"[A-Za-z]:[\\/]", path)):
        return ""
    return f"{FILE}{posixpath.normpath(path.replace(chr(92), '/'))}>"


def of_shell(text: str) -> Iterator[Effect]:
    """Yield the files that a shell command names: ``cat x.csv > y.csv``."""
    for written, path in _shell_word.findall(text):
        yield from effects("w" if written else "r", path)


def of_cell_magic(source: str) -> Iterator[Effect]:
    """Yield the files that a cell magic writes or runs: ``%%writefile x.py``, ``%%bash``."""
    found = _cell_magic.match(source)
    if not found:
        return
    if found["name"] in ("writefile", "file"):
        words_ = found["arguments"].split()
        if words_:
            yield from effects("rw" if "-a" in words_[:-1] else "w", words_[-1].strip("'\""))
    else:
        yield from of_shell(source[found.end() :])


def text_of(node: ast.expr, constants: Mapping[str, str], depth: int = 0) -> str | None:
    """Return the text that an expression surely is; None where the source doesn't tell."""
    text: str | None = None
    match node:
        case _ if depth > _DEEPEST:
            pass
        case ast.Constant(value=str(found)):
            text = found
        case ast.Name(id=name):
            text = constants.get(name)
        case ast.JoinedStr(values=pieces):
            text = _joined([text_of(piece, constants, depth + 1) for piece in pieces], "")
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            text = text_of(value, constants, depth + 1)
        case ast.BinOp(left=left, op=ast.Add() | ast.Div() as operator, right=right):
            between = "/" if isinstance(operator, ast.Div) else ""
            text = _joined([text_of(side, constants, depth + 1) for side in (left, right)], between)
        case ast.Call(func=function, args=arguments):
            of = [function.value] if isinstance(function, ast.Attribute) else []
            name = getattr(function, "attr", "") or getattr(function, "id", "")
            if name in _PATHS:
                before = [text for item in of if (text := text_of(item, constants, depth + 1)) is not None]
                text = _joined([*before, *(text_of(item, constants, depth + 1) for item in arguments)], "/")
        case _:
            pass
    return text


def _joined(parts: list[str | None], between: str) -> str | None:
    texts = [part for part in parts if part is not None]
    return between.join(texts) if texts and len(texts) == len(parts) else None


def _opened(node: ast.Call, owner: ast.expr | None, named: tuple[ast.expr, ...]) -> Candidates:
    of_path = isinstance(owner, ast.Call | ast.BinOp)
    place = 0 if of_path else 1
    modes = [keyword.value for keyword in node.keywords if keyword.arg == "mode"] + node.args[
        place : place + 1
    ]
    mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else "r"
    where = (owner,) if of_path and owner is not None else (*named, *node.args[:1])
    use = {"r": "r", "w": "w", "x": "w", "a": "rw"}.get(str(mode)[:1], "r")
    return (("rw" if "+" in str(mode) else use, where),)
