"""Which names a later stage can mention, as far as the source says: what nobody can mention needn't be stored.

Every word counts, in strings and magics too; where code may make up names while it runs, every name counts.
"""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from jupyter_mlops.notebook.patches import patched
from jupyter_mlops.notebook.syntax import parse
from jupyter_mlops.notebook.tags import untagged
from jupyter_mlops.pipeline.bindings import top_level_names
from jupyter_mlops.pipeline.cache_key import normalised, setup_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jupyter_mlops.notebook.cells import Cell, Notebook
    from jupyter_mlops.records.pipeline import Pipeline, Stage

_word = re.compile(r"[^\W\d]\w*")
_opaque = re.compile(
    r"\b(?:exec|globals|__main__|user_ns|user_global_ns|run_cell|ex|f_globals|f_locals|currentframe|_getframe|stack"
    r"|execfile|getsource|__dict__)\b"
    r"|\b(?:locals|vars|dir)\s*\(\s*\)"
    # A name in a plain text is a word like any other; one that is put together isn't.
    r"|\b(?:eval|query|evaluate|ev)\s*\(\s*(?![)'\"])"
    r"|\b(?:eval|query|evaluate)\s*\([^)\n]*(?:\+|%|format|join)"
    r"|%\s*(?:run|load|who|whos|who_ls|store|macro|reset|reset_selective|xdel|rerun|recall|edit)\b"
)
_magic = re.compile(r"^\s*%%(\w+)", re.MULTILINE)
_varying = frozenset(
    {"time", "perf_counter", "perf_counter_ns", "time_ns", "monotonic", "monotonic_ns", "process_time", "now",
     "utcnow", "today", "uuid1", "uuid4", "getpid", "token_hex", "token_bytes", "token_urlsafe", "urandom", "mkdtemp",
     "mkstemp", "strftime", "ctime", "localtime", "gmtime", "random", "rand", "randn", "randint", "choice", "Timestamp",
     "NamedTemporaryFile", "TemporaryDirectory", "getmtime", "listdir", "stat", "default_rng", "sample", "shuffle",
     "system", "getoutput", "check_output", "run"}
)  # fmt: skip


@dataclass(frozen=True)
class Words:
    """Know the words of a notebook's stages."""

    notebook: Notebook
    pipeline: Pipeline

    @cached_property
    def order(self) -> list[str]:
        """The stages' names, in page order."""
        return [stage.name for stage in self.pipeline.stages]

    def above(self, stage: Stage) -> list[Stage]:
        """Return the stages above one on the page."""
        return list(self.pipeline.stages[: self.order.index(stage.name)])

    def below(self, stage: Stage) -> list[Stage]:
        """Return the stages below one on the page."""
        return list(self.pipeline.stages[self.order.index(stage.name) + 1 :])

    def texts(self, stages: Iterable[Stage]) -> list[str]:
        """Return the sources of the stages' cells."""
        return [untagged(cell.source) for stage in stages for cell in self.cells(stage)]

    def cells(self, stage: Stage) -> list[Cell]:
        """Return a stage's cells."""
        return [self.notebook.cells[index] for index in stage.cells]

    def bound(self, stage: Stage) -> set[str]:
        """Return the names that a stage's code binds."""
        return {name for cell in self.cells(stage) for name in top_level_names(cell)}

    @cached_property
    def setup(self) -> list[str]:
        """The sources of the setup and params cells."""
        return [untagged(cell.source) for cell in self._given]

    @cached_property
    def _given(self) -> list[Cell]:
        cells = self.notebook.cells
        return [
            cell
            for cell in cells
            if cell.index in self.pipeline.setup
            or (cell.cell_type == "code" and cell.tag and cell.tag.kind == "params")
        ]

    def unwanted(self, stage: Stage) -> list[str]:
        """Return the names that the notebook binds down to ``stage``, and that no later one can mention, sorted."""
        so_far = [*self.above(stage), stage]
        later = self.texts(self.below(stage))
        carried = [text for source in self.texts(so_far) for text in _carried(source)]
        if any(is_opaque(text) for text in (*later, *self.setup, *carried)):
            return []
        mentioned = words((*later, *self.setup, *carried))
        bound = set().union(*(self.bound(each) for each in so_far))
        return sorted(bound - mentioned)

    def since(self, stage: Stage) -> dict[str, int]:
        """Return for names that a setup cell binds how many stages above are done with them before that cell."""
        found: dict[str, int] = {}
        above = self.above(stage)
        for cell in self._given:
            if cell.index > stage.cells[0]:
                continue
            for name in top_level_names(cell):
                count = sum(self._last_use(each, name) < cell.index for each in above)
                found[name] = count
        return {name: count for name, count in sorted(found.items()) if count}

    def _last_use(self, stage: Stage, name: str) -> int:
        cells = self.cells(stage)
        mentions = [cell.index for cell in cells if name in words([untagged(cell.source)])]
        return max(mentions, default=cells[0].index if cells else 0)

    def shadowed(self, stage: Stage) -> list[str]:
        """Return the builtins that some stage above binds as variables, sorted."""
        bound = set().union(*(self.bound(each) for each in self.above(stage)))
        return sorted(name for name in bound if hasattr(builtins, name))

    def state_words(self, stages: Iterable[Stage] | None = None) -> list[str]:
        """Return the words of stages, all where none are given, that say that they care for the process's state.

        Attributes of modules that they set are among them, as dotted names.
        """
        from jupyter_mlops.pipeline.state.facets import FACETS

        texts = (*self.setup, *self.texts(self.pipeline.stages if stages is None else stages))
        known = {word for facet in FACETS for word in facet.words}
        return sorted((words(texts) & known) | patched(texts))

    def unsaid(self) -> list[str]:
        """Return the pseudo-variables of state that no code of the notebook cares for."""
        from jupyter_mlops.pipeline.state.facets import FACETS

        said = set(self.state_words())
        return [facet.name for facet in FACETS if facet.words and not facet.words & said]

    def varying(self) -> list[str]:
        """Return the names that setup cells bind to what may be another value each time they run, sorted."""
        found: set[str] = set()
        for cell in self._given:
            found |= _varying_names(cell, found)
        return sorted(found)

    def place(self, stage: Stage) -> list[Any]:
        """Return what the hand-off is told of a stage besides its own code, for the key of its cache.

        What only later stages decide isn't in it: what they need and an earlier run didn't keep is on its record.
        """
        return [
            self._turns(stage),
            self.since(stage),
            self.shadowed(stage),
            self.state_words([*self.above(stage), stage]),
            [] if self.above(stage) else self.varying(),
            not self.below(stage),
        ]

    def _turns(self, stage: Stage) -> str:
        """Return how setup cells, parameters and the stage's own cells follow each other; comments have no turn."""
        kinds = {
            **dict.fromkeys(
                (cell.index for cell in self._given if cell.index not in self.pipeline.setup), "p"
            ),
            **dict.fromkeys(setup_of(self.notebook, self.pipeline, stage), "s"),
            **dict.fromkeys(stage.cells, "c"),
        }
        cells = self.notebook.cells
        return "".join(kinds[index] for index in sorted(kinds) if normalised([untagged(cells[index].source)]))


def words(texts: Iterable[str]) -> frozenset[str]:
    """Return all words of some texts."""
    return frozenset().union(*map(_words_of, texts))


@lru_cache(maxsize=4096)
def _words_of(text: str) -> frozenset[str]:
    return frozenset(_word.findall(text))


def is_opaque(text: str) -> bool:
    """Say whether code may read names that don't stand in it."""
    return bool(_opaque.search(text)) or any(name not in _PLAIN_MAGICS for name in _magic.findall(text))


_PLAIN_MAGICS = frozenset(
    {"time", "timeit", "capture", "prun", "bash", "sh", "script", "html", "HTML", "javascript", "js", "latex",
     "markdown", "svg", "SVG", "writefile", "file", "perl", "ruby", "python", "python3", "system", "sx", "mlops"}
)  # fmt: skip


def _carried(source: str) -> Iterator[str]:
    """Yield what of a stage's code may run in a later one: bodies of definitions, and strings."""
    try:
        tree = parse(source).tree
    except SyntaxError:
        yield source
        return
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield ast.unparse(node)
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.GeneratorExp):
            yield ast.unparse(node)
        pending.extend(ast.iter_child_nodes(node))


def _varying_names(cell: Cell, known: set[str]) -> set[str]:
    found: set[str] = set()
    try:
        body: Sequence[Any] = parse(untagged(cell.source)).tree.body
    except SyntaxError:
        return found
    for statement in body:
        if isinstance(
            statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
        ):
            continue
        names = {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if used & (known | found) or any(_varies(node) for node in ast.walk(statement)):
            found |= names
    return found


def _varies(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in ("default_rng", "Timestamp"):
        return not node.args and not node.keywords
    return name in _varying
