"""Which seeds a notebook sets, read from its source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from jupyter_mlops.notebook.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CALLS = {
    "seed", "manual_seed", "manual_seed_all", "set_seed", "set_random_seed", "seed_everything", "default_rng", "RandomState",
    "SeedSequence", "Random", "PRNGKey",
}  # fmt: skip
_ARGUMENTS = {"random_state", "seed", "random_seed", "generator_seed"}


def seeds(sources: Iterable[str], params: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the seeds by what sets them, such as ``np.random.seed`` or ``train_test_split(random_state)``.

    Args:
        sources: the code of the cells.
        params: the values of names that stand for a seed; plain numbers that the code binds count too.
    """
    trees = [tree for tree in map(_parsed, sources) if tree is not None]
    values = {**_constants(trees), **params}
    found: dict[str, dict[int, None]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for label, value in _of_call(node):
                    number = values.get(value.id) if isinstance(value, ast.Name) else _number(value)
                    if isinstance(number, int) and not isinstance(number, bool):
                        found.setdefault(label, {})[number] = None
    return {label: tuple(numbers) for label, numbers in sorted(found.items())}


def _of_call(call: ast.Call) -> Iterable[tuple[str, ast.expr]]:
    name = ast.unparse(call.func)
    if name.rpartition(".")[2] in _CALLS and call.args:
        yield name, call.args[0]
    for keyword in call.keywords:
        if keyword.arg in _ARGUMENTS:
            yield f"{name}({keyword.arg})", keyword.value


def _constants(trees: Iterable[ast.Module]) -> dict[str, int]:
    found: dict[str, int] = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.Assign) and (number := _number(node.value)) is not None:
                found |= {target.id: number for target in node.targets if isinstance(target, ast.Name)}
    return found


def _number(node: ast.expr) -> int | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parsed(source: str) -> ast.Module | None:
    try:
        return parse(source).tree
    except SyntaxError:
        return None
