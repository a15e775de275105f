"""Rules that look at a cell's syntax tree: absolute paths, randomness without a seed, output history, test data."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from jupyter_mlops.notebook import known
from jupyter_mlops.notebook.resources import RANDOM_CALLS, SEED_EVERYTHING, SEEDS, TAKE_RANDOM_STATE
from jupyter_mlops.records.pipeline import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlops.notebook.syntax import Parsed

_absolute = re.compile(
    r"(?:file://)?(?:"
    r"/(?:home|Users|root|mnt|media|data|tmp|opt|srv|var|content|kaggle|Volumes|scratch|workspace)/\S"
    r"|/[^/\s]+/[^\n]*\.[A-Za-z]\w{0,7}$"
    r"|[A-Za-z]:[\\/](?!/)\S"
    r"|~[\w-]*/\S"
    r"|\\\\\w+\\)"
)
_trains = known.words("fit partial_fit fit_transform fit_predict train")
_test_name = re.compile(r"(?:^|_)(?:test|holdout)(?:$|_)|^[Xyx](?:test|_te)$", re.IGNORECASE)
_history = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|In|Out|_[io]h")


def tree_findings(cells: dict[int, Parsed]) -> list[Diagnostic]:
    """Return what the rules find in the cells, by cell index."""
    rules = _Rules()
    return [finding for index in sorted(cells) for finding in rules.of_cell(index, cells[index].tree)]


class _Rules:
    """Remember what the cells above imported, defined and seeded."""

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._defined: set[str] = set()
        self._seeded: set[str] = set()
        self._reported: set[str] = set()

    def of_cell(self, index: int, tree: ast.Module) -> Iterator[Diagnostic]:
        nodes = sorted(
            (node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt)),
            key=lambda node: (node.lineno, node.col_offset),
        )
        documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if id(node) not in documentation and _absolute.match(node.value):
                    yield _warning(
                        "MLO104", index, node,
                        f"{node.value[:60]!r} is a path of one machine",
                        "use a path relative to the notebook, or mlops.dataset()",
                    )  # fmt: skip
            elif isinstance(node, ast.Name):
                yield from self._name(index, node)
            elif isinstance(node, ast.Call):
                yield from self._call(index, node)

    def _name(self, index: int, node: ast.Name) -> Iterator[Diagnostic]:
        if isinstance(node.ctx, ast.Store):
            self._defined.add(node.id)
        elif _history.fullmatch(node.id) and node.id not in self._defined:
            yield _warning(
                "MLO108", index, node,
                f"{node.id} is the session's history, which a stage doesn't have",
                "give the value a name where it is made",
            )  # fmt: skip

    def _call(self, index: int, node: ast.Call) -> Iterator[Diagnostic]:
        module, name = self._resolve(node.func)
        given = {keyword.arg for keyword in node.keywords}
        self._note_seed(module, name)
        unseeded = ""
        if module in RANDOM_CALLS and name in RANDOM_CALLS[module] and module not in self._seeded:
            unseeded, mend = module, f"call {module}.{next(iter(sorted(SEEDS[module])))} in a setup cell"
            mend = mend if "generator" not in given else ""
        elif name in ("default_rng", "RandomState") and not node.args and "seed" not in given:
            unseeded, mend = f"{name}-{index}", f"give it a seed: {name}(seed)"
        elif (
            name in TAKE_RANDOM_STATE
            and not given & {"random_state", "seed", None}
            and "numpy.random" not in self._seeded
        ):
            keyword = "seed" if name in ("regplot", "lmplot") else "random_state"
            unseeded, mend = name, f"give it a seed: {name}(..., {keyword}=seed)"
        if unseeded and mend and unseeded not in self._reported:
            self._reported.add(unseeded)
            yield _warning("MLO106", index, node, f"{name} draws at random without a seed", mend)
        if name in _trains and isinstance(node.func, ast.Attribute):
            for value in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(value, ast.Name) and _test_name.search(value.id):
                    yield _warning(
                        "MLO109", index, node,
                        f"{name} trains on {value.id}, which looks like the test split",
                        "train on the training split only",
                    )  # fmt: skip
                    break

    def _note_seed(self, module: str, name: str) -> None:
        if name in SEEDS.get(module, ()):
            self._seeded.add(module)
        elif name in SEED_EVERYTHING:
            self._seeded.update(SEEDS)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self._modules[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
            elif alias.asname:
                self._modules[alias.asname] = alias.name
            else:
                top = alias.name.partition(".")[0]
                self._modules[top] = top

    def _resolve(self, function: ast.expr) -> tuple[str, str]:
        """Return module and name of what is called, as far as the imports tell."""
        parts: list[str] = []
        node = function
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._modules:
            return "", parts[0] if parts else getattr(node, "id", "")
        module, _, name = ".".join([self._modules[node.id], *reversed(parts)]).rpartition(".")
        return module, name


def _warning(rule: str, cell: int, node: ast.expr, message: str, mend: str) -> Diagnostic:
    return Diagnostic(rule=rule, message=message, mend=mend, cell=cell, line=node.lineno, severity="warning")
