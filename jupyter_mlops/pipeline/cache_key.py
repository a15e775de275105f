"""What must be the same for a stage not to run again, and in which words it is said when it isn't.

A key has named parts (``code``, ``parameter seed``, ``module helpers.py``, …), so that two keys can be compared
part by part. Variables and files that a stage read are not in its key, for they are known only once it ran: the
planner compares them with the records that the key leads to.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jupyter_mlops.notebook.syntax import is_magic, parse
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline.product import FORMAT
from jupyter_mlops.records.base import canonical_json, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Pipeline, Stage

CODE, SETUP, ENVIRONMENT, HANDOFF, PLACE = "code", "setup", "environment", "hand-off", "place on the page"
PARAMETER, MODULE = "parameter ", "module "
_LONGEST_PATH = 1024
# Calls that only keep the texts they are given.
_CONTAINERS = (
    "Path",
    "PurePath",
    "join",
    "joinpath",
    "dict",
    "list",
    "tuple",
    "set",
    "SimpleNamespace",
    "format",
)
_shell_word = re.compile(r"[^\s'\"<>|;&()]+")


@dataclass(frozen=True)
class Source:
    """Hold a stage's code as far as it matters: normalised cells, and those that it is run with.

    ``definitions`` are functions and classes of the stages above: what they read, this stage may read.
    """

    stage: Stage
    code: tuple[str, ...]
    setup: tuple[str, ...]
    definitions: tuple[str, ...]

    @property
    def own(self) -> tuple[str, ...]:
        """What runs in this stage's process."""
        return (*self.setup, *self.code)

    @property
    def setup_definitions(self) -> tuple[str, ...]:
        """The functions and classes of the setup cells."""
        return tuple(text for source in self.setup for text in _definitions(source))


def source_of(
    notebook: Notebook, pipeline: Pipeline, stage: Stage, above: Sequence[str] | None = None
) -> Source:
    """Return the code that a stage runs; ``above`` are the stages that it takes from, the graph's where not given."""
    if above is None:
        above = ancestors(pipeline, stage)
    texts = [untagged(cell.source) for cell in notebook.cells]
    params = [
        texts[cell.index]
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.tag and cell.tag.kind == "params"
    ]
    taken = [texts[index] for name in above for index in pipeline.stage(name).cells]
    return Source(
        stage=stage,
        code=normalised(texts[index] for index in stage.cells),
        setup=(
            *normalised(_without_literals(text, pipeline.params) for text in params),
            *normalised(texts[index] for index in setup_of(notebook, pipeline, stage)),
        ),
        definitions=tuple(text for source in taken for text in _definitions(source)),
    )


def setup_of(notebook: Notebook, pipeline: Pipeline, stage: Stage) -> tuple[int, ...]:
    """Return the setup cells that run before a stage or between its cells; those below it are not for it."""
    params = (
        cell.index
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.tag and cell.tag.kind == "params"
    )
    end = max(stage.cells[-1], next(params, -1))
    return tuple(index for index in pipeline.setup if index <= end)


def parts(
    source: Source,
    *,
    params: Mapping[str, Any],
    environment: str,
    modules: Mapping[str, str],
    place: str = "",
) -> dict[str, str]:
    """Return the named parts of a stage's key.

    Args:
        source: the stage's code.
        params: the values of all parameters; those that the stage can't see are left out.
        environment: the digest of interpreter and packages.
        modules: the digest of each local module that the code imports, by its path.
        place: the digest of what the hand-off is told of where the stage and the setup cells stand.
    """
    found = {
        CODE: code_digest(source),
        SETUP: digest_of(source.setup),
        ENVIRONMENT: environment,
        HANDOFF: str(FORMAT),
        PLACE: place,
    }
    for name in visible_params(source, params):
        found[PARAMETER + name] = _shown(params[name])
    for path, digest in modules.items():
        found[MODULE + path] = digest
    return found


def code_digest(source: Source) -> str:
    """Return the digest of a stage's own cells."""
    return digest_of(source.code)


def key_of(found: Mapping[str, str]) -> str:
    """Return the SHA-256 of a key's parts, as hex."""
    return digest_of(dict(found))


def explain(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Say in words how two keys differ; what concerns the user's own doing comes first."""
    if before.get(HANDOFF) != now.get(HANDOFF):
        # Nothing of a record in another form can be used, so the rest of the difference says nothing.
        return ("jupyter-mlops keeps a stage's outputs in another form now",)
    names = sorted({*before, *now}, key=_rank)
    return tuple(
        _difference(name, before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    )


def visible_params(source: Source, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters whose name stands anywhere in the code, strings and magics included, sorted."""
    words = set(re.findall(r"\w+", "\n".join((*source.own, *source.definitions))))
    return tuple(sorted(name for name in params if name in words))


def named_paths(
    texts: Iterable[str], params: Mapping[str, Any], given: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the strings in code and parameters, and of those given, that may name a file, sorted."""
    found = set(given)
    for text in texts:
        for node in ast.walk(_tree(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Call) and is_magic(node):
                found.update(shell_words(node))
    found.update(value for value in _strings(list(params.values())))
    return tuple(sorted(text for text in found if _may_be_path(text)))


@lru_cache(maxsize=4096)
def given_texts(source: str) -> tuple[tuple[str, str], ...]:
    """Return each name that a cell gives a text to, as it is or in something, and the text."""
    found = []
    for node in ast.walk(_tree(untagged(source))):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            found += [(name, text) for text in _texts_in(node.value) for name in names]
    return tuple(found)


def _texts_in(node: ast.AST) -> Iterable[str]:
    """Yield the texts of an expression, but for what it calls: that has done its work with them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not isinstance(node, ast.Call) or _callee(node) in _CONTAINERS:
        for child in ast.iter_child_nodes(node):
            yield from _texts_in(child)


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def shell_words(call: ast.Call) -> tuple[str, ...]:
    """Return the words of a magic or shell command, as a shell would tell them apart."""
    texts = [part.value for part in ast.walk(call) if isinstance(part, ast.Constant)]
    return tuple(word for text in texts if isinstance(text, str) for word in _shell_word.findall(text))


def imported_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the dotted modules that code imports by statement, sorted; ``from a import b`` gives ``a`` and ``a.b``."""
    found: set[str] = set()
    for text in texts:
        for node in ast.walk(_tree(text)):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                found.add(base)
                glue = "" if base.endswith(".") else "."
                found.update(f"{base}{glue}{alias.name}" for alias in node.names if alias.name != "*")
    return tuple(sorted(found))


def normalised(sources: Iterable[str]) -> tuple[str, ...]:
    """Return cells without comments and blank lines; a cell with nothing left is dropped."""
    return tuple(text for text in map(_normalise, sources) if text)


def ancestors(pipeline: Pipeline, stage: Stage) -> tuple[str, ...]:
    """Return the names of the stages above ``stage``, in page order."""
    found: set[str] = set()
    pending = list(stage.upstream)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += pipeline.stage(name).upstream
    return tuple(other.name for other in pipeline.stages if other.name in found)


@lru_cache(maxsize=4096)
def _normalise(source: str) -> str:
    try:
        parsed = parse(source)
    except SyntaxError:
        return source.strip()
    text = ast.unparse(parsed.tree)
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    if not first.startswith("%%"):
        return text
    # The body of a magic like %%writefile isn't Python: every character counts.
    return f"{first}\n{text}" if parsed.tree.body else source.strip()


def _without_literals(source: str, params: Mapping[str, Any]) -> str:
    """Return what a params cell computes, without the plain values, which are parts of the key on their own."""
    tree = _tree(source)
    kept = [node for node in tree.body if not _is_parameter(node, params)]
    return ast.unparse(ast.Module(body=kept, type_ignores=[]))


def _is_parameter(node: ast.stmt, params: Mapping[str, Any]) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if not (
        isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and target.id in params
    ):
        return False
    try:
        ast.literal_eval(node.value or ast.Constant(value=None))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _definitions(source: str) -> tuple[str, ...]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    return tuple(ast.unparse(node) for node in ast.walk(_tree(source)) if isinstance(node, kinds))


def _tree(source: str) -> ast.Module:
    try:
        return parse(source).tree
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _strings(item)


def _may_be_path(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_PATH and "\n" not in text and "\0" not in text and "://" not in text


def _shown(value: Any) -> str:
    try:
        return canonical_json(value).decode()
    except TypeError:
        return repr(value)


def _rank(name: str) -> tuple[int, str]:
    order = (PARAMETER, CODE, SETUP, MODULE, PLACE, ENVIRONMENT)
    return next((place for place, prefix in enumerate(order) if name.startswith(prefix)), len(order)), name


def _difference(name: str, before: str | None, now: str | None) -> str:
    if name.startswith(PARAMETER):
        if before is None or now is None:
            return f"{name} is {'new' if before is None else 'gone'}"
        return f"{name} {before} -> {now}"
    return (
        f"{name} changed"
        if before is not None and now is not None
        else f"{name} is {'new' if before is None else 'gone'}"
    )
