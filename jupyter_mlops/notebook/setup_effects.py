"""What a setup cell does to files and databases, which happens again before each stage."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import files, known, syntax
from jupyter_mlops.notebook.events import Touch
from jupyter_mlops.notebook.resources import FILE, spoken
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_mlops.notebook.stages import Plan
    from jupyter_mlops.notebook.versions import Versions

_FOLDERS = known.words("mkdir makedirs")
_ASKS = known.words("exists isfile is_file isdir is_dir listdir glob stat")
_REMOVES = known.words("rmtree remove unlink rmdir")
_OPENS = known.words("connect create_engine")
_writes_sql = re.compile(
    r"\s*(?:create|insert|update|delete|drop|alter|replace|merge|copy|import|load)\b", re.IGNORECASE
)
_adds_rows = re.compile(r"\s*insert\s+into\b", re.IGNORECASE)
_begins_anew = re.compile(r"\b(?:drop\s+table|delete\s+from|insert\s+or)\b", re.IGNORECASE)
_in_memory = re.compile(r"(?:sqlite|duckdb)(?:\+\w+)?://")
_writing_methods = known.words(
    "to_sql executemany executescript add add_all create_all register insert from_df"
)
_shell_appends = re.compile(r"\S\s*>>\s*[\w./]")
_guards = (ast.If, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def findings(made: Plan, versions: Versions) -> Iterator[Diagnostic]:
    """Yield what setup cells do that must not happen before each stage, if there are several."""
    if len(made.stages) < 2:  # noqa: PLR2004 - one stage runs its setup once
        return
    texts = _constants(made)
    yield from _databases(made, texts)
    for index in sorted({*made.setup, *made.params_cells}):
        tree = made.trees[index]
        appended = next(
            (each for each in made.events[index] if isinstance(each, Touch) and each.reads and each.writes),
            None,
        )
        if appended is not None and not tree.body:  # %%writefile -a
            yield _finding(
                f"this setup cell appends to {spoken(appended.name)}", index, 1, "tag the cell as a stage"
            )
        for node in _nodes(tree, _definitions):
            for call in (each for each in ast.walk(node) if isinstance(each, ast.Call)):
                why = _repeated(call, tree, texts) or _undone(call, index, made, versions, texts)
                if why:
                    yield _finding(why, index, call.lineno, _mend(call))


def _finding(why: str, cell: int, line: int, mend: str) -> Diagnostic:
    message = f"{why}, and setup runs before every stage"
    return Diagnostic(rule="MLO126", message=message, mend=mend, cell=cell, line=line)


def _mend(call: ast.Call) -> str:
    stage = "tag the cell as a stage"
    return f"give it exist_ok=True, or {stage}" if _last(call.func) in _FOLDERS else stage


def _repeated(call: ast.Call, tree: ast.Module, texts: Mapping[str, str]) -> str:
    """Say what a call does more than once when it is made before each stage."""
    name = _last(call.func)
    if syntax.is_magic(call):
        command = " ".join(str(each.value) for each in call.args if isinstance(each, ast.Constant))
        return "this setup cell appends to a file" if _shell_appends.search(command) else ""
    if name == "open" and _mode(call).startswith("a") and _is_written(call, tree):
        return f"this setup cell appends to {_named(call, texts)}"
    if name.startswith("to_") and (_keyword(call, "mode") == "a" or _keyword(call, "if_exists") == "append"):
        return f"this setup cell appends to {_named(call, texts)}"
    if name in _FOLDERS and not any(each.arg in ("exist_ok", None) for each in call.keywords):
        guarded = call not in set(_calls(_nodes(tree, _guards)))
        positional = name == "makedirs" and len(call.args) > 2  # noqa: PLR2004 - the third is exist_ok
        return (
            "" if guarded or positional else "this setup cell makes a folder, which fails where it is there"
        )
    first = call.args[0] if call.args else None
    is_sql = name in ("execute", "executemany", "executescript", "sql", "query") and first is not None
    text = files.text_of(first, texts) if is_sql and first is not None else None
    if text and _adds_rows.match(text) and not _begins_anew.search(ast.unparse(tree)):
        memory = {opened for opened, _ in _opened_in_memory(tree, texts)}
        if not memory & {node.id for node in ast.walk(call.func) if isinstance(node, ast.Name)}:
            return "this setup cell adds rows to a table"
    return ""


def _undone(call: ast.Call, index: int, made: Plan, versions: Versions, texts: Mapping[str, str]) -> str:
    """Say which stage's writing a call undoes when it is made again before the stages below."""
    name = _last(call.func)
    last = list(made.stages)[-1]
    for use, places in files.used_by(call, _path(call.func)):
        text = next((text for place in places if (text := files.text_of(place, texts))), None)
        named = files.file_named(text) if text else ""
        if "w" not in use or "r" in use or name in _FOLDERS or not named:
            continue
        surely = list(_calls(_nodes(made.trees[index], _guards)))
        before = [each for each in _calls([made.trees[index]]) if each.lineno <= call.lineno]
        if call in surely and any(_reads(each, named, texts) for each in before):
            return f"this setup cell reads {spoken(named)} and writes it anew"
        for other, uses in versions.files.items():
            inside = name in _REMOVES and other.startswith(f"{named[:-1]}/")
            writers = [stage for stage, writes, _, _ in uses if writes and stage != last]
            if writers and (other == named or inside):
                what = "removes" if name in _REMOVES else "writes"
                return (
                    f"this setup cell {what} {spoken(named)}, and stage {writers[0]} writes {spoken(other)}"
                )
    return ""


def _reads(call: ast.Call, named: str, texts: Mapping[str, str]) -> bool:
    """Say whether a call reads a file, and not only whether it is there."""
    if _last(call.func) in _ASKS:
        return False
    return any(
        "r" in use
        and any((text := files.text_of(place, texts)) and files.file_named(text) == named for place in places)
        for use, places in files.used_by(call, _path(call.func))
    )


def _databases(made: Plan, texts: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield databases in memory that a setup cell opens, one stage fills and another uses."""
    setup = [made.trees[index] for index in made.setup]
    for index in made.setup:
        for name, line in _opened_in_memory(made.trees[index], texts):
            tied, writing = _tied(setup, name)
            users: dict[str, int] = {}
            writers: list[str] = []
            for stage, cells in made.stages.items():
                for cell in cells:
                    words = _words(made.trees[cell])
                    if words & tied:
                        users.setdefault(stage, cell)
                        if words & writing or _writes(made.trees[cell]):
                            writers.append(stage)
            order = list(users)
            others = order[order.index(writers[0]) + 1 :] if writers else []
            if others:
                yield Diagnostic(
                    rule="MLO107",
                    message=(
                        f"{name} is a database in memory, which each stage opens anew: what stage {writers[0]} writes into "
                        f"it doesn't reach stage {others[0]} (cell {users[others[0]]})"
                    ),
                    mend="let the database be a file",
                    cell=index,
                    line=line,
                    merge=(writers[0], others[0]),
                )


def _opened_in_memory(tree: ast.Module, texts: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if (
            names
            and isinstance(node, ast.Assign)
            and any(_is_in_memory(call, texts) for call in _calls([node.value]))
        ):
            yield names[0], node.lineno


def _is_in_memory(call: ast.Call, texts: Mapping[str, str]) -> bool:
    path = _path(call.func)
    if path[-1] not in _OPENS:
        return False
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg in ("database", "url"))]
    if not given:
        return path[0] == "duckdb"
    text = files.text_of(given[0], texts)
    return text is not None and (
        bool(_in_memory.fullmatch(text)) or ":memory:" in text or "mode=memory" in text
    )


def _tied(setup: list[ast.Module], name: str) -> tuple[set[str], set[str]]:
    """Return the names that lead to a database, and the functions among them that write into it."""
    tied, writing = {name}, set()
    for node in (each for tree in setup for each in tree.body):
        if not _words(node) & tied:
            continue
        if isinstance(node, ast.Assign):
            tied |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            tied.add(node.name)
            if _writes(node):
                writing.add(node.name)
    return tied, writing


def _writes(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.Constant) and isinstance(node.value, str) and _writes_sql.match(node.value))
        or (isinstance(node, ast.Call) and _last(node.func) in _writing_methods)
        for node in ast.walk(tree)
    )


def _constants(made: Plan) -> dict[str, str]:
    texts = {name: value for name, value in made.params.items() if isinstance(value, str)}
    for index in made.setup:
        for node in made.trees[index].body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                text = files.text_of(node.value, texts)
                if text is not None:
                    texts[node.targets[0].id] = text
    return texts


def _nodes(tree: ast.Module, apart: tuple[type[ast.AST], ...]) -> list[ast.AST]:
    """Return the statements of a cell that run whatever happens; inner ones stand for themselves."""
    return [node for node in tree.body if not isinstance(node, apart)]


def _calls(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    return (each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Call))


def _is_written(opening: ast.Call, tree: ast.Module) -> bool:
    """Say whether the cell itself writes into a file that it opens; one that is only opened is for the stages."""
    if not any(isinstance(node, ast.Assign) and node.value is opening for node in tree.body):
        return True
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and node.value is opening
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return any(
        (_last(call.func) in ("write", "writelines") and _path(call.func)[0] in names)
        or any(
            each.arg == "file" and isinstance(each.value, ast.Name) and each.value.id in names
            for each in call.keywords
        )
        for call in _calls(_nodes(tree, _definitions))
    )


def _mode(call: ast.Call) -> str:
    of_path = isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call | ast.BinOp)
    place = call.args[0 if of_path else 1 :][:1]
    given = [each.value for each in call.keywords if each.arg == "mode"] + place
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def _keyword(call: ast.Call, name: str) -> object:
    return next(
        (
            each.value.value
            for each in call.keywords
            if each.arg == name and isinstance(each.value, ast.Constant)
        ),
        None,
    )


def _named(call: ast.Call, texts: Mapping[str, str]) -> str:
    found = next((text for place in call.args[:1] if (text := files.text_of(place, texts))), None)
    return spoken(f"{FILE}{found}>") if found else "a file"


def _words(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _path(node: ast.expr) -> tuple[str, ...]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else "", *reversed(parts))
