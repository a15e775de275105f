"""The law of the data flow: stage by stage, each in a process of its own, gives what the notebook gives.

Random programs whose names share objects across stages far more densely than in any real notebook. More of them:
``STAGEWISE_PROGRAMS=4000 pytest tests/properties/test_stagewise.py``.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.cases.both_ways import BothWays
from tests.cases.shells import LIGHT, Shells
from tests.notebooks import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = int(os.environ.get("STAGEWISE_PROGRAMS", "240"))
BATCHES = 6

SETUP = """
import random
import numpy as np
random.seed(1)
shared = []
def push(a, v):
    a.append(v)
def same(a):
    return a
def outer(a, v):
    push(a, v)
    return [a]
def counted():
    global n
    n = n + 1
    return n
def bind(a):
    global w
    w = a
def kept(v, seen=[]):
    seen.append(v)
    return seen
def total():
    return [len(x), len(y), n]
def look(a):
    return len(a)
class Box:
    made = 0
    def __init__(self, a):
        Box.made += 1
        self.a = a
    def put(self, v):
        self.a.append(v)
    def size(self):
        return len(self.a)
"""
START = """
x, y, z, w = [1], [2], [[3], [4]], [5]
d = {'k': [5], 'm': [6]}
n = 0
b = Box(x)
u = np.arange(6)
v = u[2:4]
def adder(into):
    return lambda value: into.append(value)
add = adder(y)
late = lambda: len(x) + n
"""
NAMES = "xyzw"
# {a} and {b} are names of lists, {i} is a digit.
LINES = (
    "{a} = {b}", "{a} = [{b}, [{i}]]", "{a} = list({b})", "{a} = same({b})", "{a} = outer({b}, {i})",
    "{a}.append({i})", "push({a}, {i})", "{a} += [{i}]", "{a}[:1] = [{i}]", "{a} = {b}[:]", "d['k'] = {a}",
    "{a} = d['k']", "d['m'].append({i})", "counted()", "n = {i}", "b = Box({a})", "b.put({i})", "{a} = b.a",
    "print(look({a}), b.size())", "print(total())", "if n > {i}:\n    {a} = [{i}]",
    "for item in z:\n    if isinstance(item, list):\n        item.append({i})",
    "for key, item in d.items():\n    item.append({i})", "{a}, {b} = {b}, {a}", "{a} = [item for item in {b}]",
    "[item.append({i}) for item in z if isinstance(item, list)]", "c = lambda: {a}.append({i})\nc()",
    "print({a}, {b})", "print(d, n)", "{a} = [{i}]", "e = {a}\ne.append({i})", "print(b.a)",
    "f = [{a}, {b}]\nf[0].append({i})", "f = {{'q': {a}}}\nf['q'].append({i})",
    "list(map(lambda item: push({a}, item), [{i}]))", "{a} = {b} + [{i}]", "bind({a})", "w.append({i})",
    "shared.append({i})", "{a} = shared", "print(shared, Box.made)", "print(kept({i}))", "{a} = kept({i})",
    "u[{i} % 6] = 9", "v[:] = {i}", "v = u[{i} % 3:]", "u = u.copy()", "d['u'] = [int(item) for item in v]",
    "print(u, v, np.shares_memory(u, v))", "add({i})", "add = adder({a})", "print(late())",
    "exec('{a}.append({i})')", "globals()['{a}'] = {b}", "print(eval('{a}'))", "print(random.randrange(100))",
    "{a}.append(random.randrange(9))", "z = [{a}, {b}]", "z = [z, {a}]", "Box.last = {a}", "Box.made += {i}",
    "print(getattr(Box, 'last', None))", "setattr(b, 'more', {a})", "print(getattr(b, 'more', None))",
    "print({a} is {b}, b.a is {a}, d['k'] is {a})", "if '{a}0' in globals():\n    print('again')\n{a}0 = {b}",
    "if '{a}0' in globals():\n    {a}0.append({i})", "if '{a}0' in globals():\n    del {a}0", "match n:\n    case 0:\n        {a} = {b}\n    case _:\n        {a} = [n]",
)  # fmt: skip


def program(seed: int) -> str:
    """Return a notebook: a setup cell, a stage that makes everything, two to five stages that share and change it."""
    draw = random.Random(seed)  # noqa: S311 - a reproducible draw is the point
    cells = [f"%%mlops setup\n{SETUP}", f"%%mlops stage start\n{START}"]
    for number in range(draw.randrange(2, 6)):
        lines = [
            draw.choice(LINES).format(a=draw.choice(NAMES), b=draw.choice(NAMES), i=draw.randrange(9))
            for _ in range(draw.randrange(1, 5))
        ]
        cells.append("\n".join([f"%%mlops stage s{number}", *lines]))
    cells.append("%%mlops stage report\nprint(x, y, z, w, d, n, b.a, Box.made, shared, u, v, late())")
    return text(*cells)


@pytest.fixture(scope="module")
def shells() -> Iterator[Shells]:
    with Shells(LIGHT) as running:
        yield running


@pytest.mark.parametrize("batch", range(BATCHES))
def test_stage_by_stage_gives_what_the_notebook_gives(batch: int, shells: Shells, tmp_path: Path) -> None:
    wrong = []
    for seed in range(batch, PROGRAMS, BATCHES):
        both = BothWays(shells, tmp_path / str(seed), program(seed))
        outcome = both.compare("engine")
        if outcome.kind != "same":
            wrong.append((seed, outcome.kind, outcome.detail))
    assert not wrong, f"{len(wrong)} of {len(range(batch, PROGRAMS, BATCHES))}, the first: {wrong[0]}"
