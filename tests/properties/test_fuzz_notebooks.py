"""Bad input: whatever is in the file, a command answers, or says in one line what is wrong with it.

``JUPYTER_MLOPS_FUZZ=2000`` tries that many mutated notebooks; continuous integration tries fewer.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.interfaces.cli import main
from tests.notebooks import notebook

COUNT = int(os.environ.get("JUPYTER_MLOPS_FUZZ", "150"))
CHUNKS = 10
LIMIT = 20  # seconds one command may take
SOURCES = [
    "%%mlops params\nseed = 7\nn = seed * 2",
    "import numpy as np\nimport os\ndef helper(a, b=1, *c, d=2, **e):\n    global total\n    total = a\n    return [x for x in c if x]",
    "# a comment\n%matplotlib inline\n%time x = np.arange(10)\n!echo {x}",
    "df = {'a': [1, 2]}\ndf['b'] = df['a']\nfor i, (k, v) in enumerate(df.items()):\n    v.append(i)",
    "class A:\n    y = 1\n    def go(self):\n        self.n = x\n        return lambda: (yield)",
    "match x:\n    case {'a': [b, *c]} if (d := b):\n        print(f'{d!r:>{c}}')\n    case _:\n        pass",
    "with open('x.csv', 'w') as f:\n    f.write('1')\ntry:\n    del df['b']\nexcept (KeyError, NameError) as error:\n    raise",
    "%%bash\necho hello > out.txt",
    "model = A()\nmodel.fit(x)\nmodel.n += 1",
]
TAGS: list[Any] = [
    {"kind": "stage", "name": "a"}, {"kind": "stage", "name": "b", "after": "a"}, {"kind": "setup"}, {"kind": "skip"},
    {"kind": "gate", "model": "m"}, {"kind": "card", "model": "m"}, {"kind": "card"}, {"kind": "stage", "name": "../x"}, {"kind": "stagee"}, {"kind": []}, [], "stage", 3,
    {"kind": "stage", "name": "c", "retries": -1}, {"kind": "stage", "name": "d", "timeout": "1e400"}, {"kind": "stage", "name": "CON"},
    {"kind": "stage", "name": "a" * 65}, {"kind": "stage", "name": "a", "after": ["b"]}, None,
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 10**30, 1.5, float("nan"), float("inf"), "", "x", "\x00", "\ud800", "é" * 50, "\u2028", "🙂", [], {}, [[]],
    [None], {"": None}, {"a": [1]}, ["a\n", 3, None], "%%mlops", "\n" * 200, "a" * 100_000, list(range(500)),
]  # fmt: skip
CODE = [
    "(" * 300 + ")" * 300, "[" * 5000, "x = " + "-" * 5000 + "1", "x = " + "1+" * 5000 + "1", "x" + ".a" * 3000, "x" + "()" * 1500, "x = 1" + "0" * 5000,
    "if x:\n" + "".join(" " * i + "if x:\n" for i in range(1, 120)) + " " * 121 + "pass", "lambda: " * 400 + "1", "f'" + "{" * 300, "'''", '"\\', "\\", "\t x = 1\n  y",
    "x = 1\r\ny = 2\rz = 3", "x = 1\x00", "\ufeffx = 1", "x\u00a0= 1", "é = 1\nprint(é)", "\uff58 = 1", "%", "%%", "%%time", "%%time\n%%time\n%%capture c\nx = 1", "!", "!!", "?", "??", "x?",
    "%%mlops", "%%mlops stage", "%%mlops stage a --after", "%%mlops stage 'a", "%%mlops gate m\n", "%%mlops gate m\naccuracy >", "%%mlops params\nx = x", "%%mlops params\nx: = 3",
    "%%mlops params\nx = " + "[" * 90 + "]" * 90, "%%mlops params\nx = 1e999\ny = {1: 2}\nz = {'a': {1}}", "%%mlops params\nx = 'a' 'b'; y = (1,\n 2); z = b'c'", "%%mlops setup\nreturn 3", "%%mlops skip\n(((",
    "print 'x'", "exec 'x'", "yield 1", "await x", "async for i in x: pass", "return", "break", "global x\nx = 1", "nonlocal x", "from x import *", "import *", "import x.y.z as w", "from . import a",
    "del x, y", "x: int", "(x := 1)", "*a, b = x", "a, *b = *c, d", "x[:, ::2, ...] = 1", "x if y else z = 1", "def f(:\n pass", "class A(B, metaclass=C): pass", "@a.b(c)\nclass D: ...",
    "try:\n  pass\nexcept* E:\n  pass", "type X = int", "match x:\n case A(b=c) | [*_]: pass", "def f():\n" + " x = f\n" * 2000, "x = [" + "1," * 20000 + "]", "a" * 100_000 + " = 1", "# " + "x" * 200_000,
    "%run " + "x" * 1000, "!pip install " + "x " * 500, "get_ipython().run_line_magic(x, y)", "get_ipython().system(*x)", "get_ipython()", "get_ipython().magic()", "eval('(' * 100)", "exec(x)", "open()", "open(mode='q')",
    "Path().open()", "Path(*x).write_text()", "np.random.seed(*a, **b)", "df.query('@')", "df.query('x > @y.z')", "df.eval(expr=3)", "''.join(x for x in x for x in x)", "_, __, _3, Out[3], In[-1], _i1", "globals()['x'] = 1",
    "np.foo = 3\nplt.show = None", "def f(): f()\nf()", "def f(): return g()\ndef g(): return f()\nx = f()(f)(g)", "class A(A): pass", "x = x", "x, x = x, x", "for x in x: x", "with x as x: x", "x = lambda x=x: x",
]  # fmt: skip
RAW: list[bytes] = [
    b"", b"{}", b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"\xef\xbb\xbf", b"\x00" * 100, b"{" * 100_000, b"[" * 100_000, b'{"cells":' * 50_000, b'{"a": 1e99999, "cells": []}', b'{"nbformat": 4, "cells": 3}',
    b'{"nbformat": 3, "worksheets": [{"cells": []}]}', b'{"cells": [' + b"1" * 5000 + b"]}", b'{"nbformat": ' + b"9" * 5000 + b', "cells": [{}]}', b"\x1f\x8b\x08", b"PK\x03\x04", b"x = 1\n", b"<html>",
]  # fmt: skip


def _cell(draw: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = draw.choice(document["cells"])
    return cell


def _odd_source(draw: random.Random, document: dict[str, Any]) -> None:
    _cell(draw, document)["source"] = draw.choice(CODE)


def _mixed_source(draw: random.Random, document: dict[str, Any]) -> None:
    lines = [line for source in (*SOURCES, *CODE) for line in source[:300].splitlines(keepends=True)]
    _cell(draw, document)["source"] = [draw.choice(lines) for _ in range(draw.randrange(1, 8))]


def _cut_source(draw: random.Random, document: dict[str, Any]) -> None:
    cell = _cell(draw, document)
    source = str(cell["source"]) if isinstance(cell["source"], str) else "".join(map(str, cell["source"]))
    place = draw.randrange(len(source) + 1)
    cell["source"] = (
        source[:place]
        + draw.choice(["", "(", "\x00", "\ud800", "\n", "'", "%%", ":"])
        + source[place + draw.randrange(3) :]
    )


def _odd_value(draw: random.Random, document: dict[str, Any]) -> None:
    place: Any = document
    while True:
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(place[key], dict | list) and draw.random() < 0.8:
            place = place[key]
            continue
        place[key] = draw.choice(VALUES)
        return


def _odd_tag(draw: random.Random, document: dict[str, Any]) -> None:
    _cell(draw, document)["metadata"] = {
        "mlops": draw.choice(TAGS),
        "tags": draw.choice([*VALUES, ["parameters"]]),
    }


def _odd_cells(draw: random.Random, document: dict[str, Any]) -> None:
    cell = _cell(draw, document)
    choice = draw.randrange(5)
    if choice == 0:
        document["cells"].append(dict(cell))  # the id twice
    elif choice == 1:
        cell["cell_type"] = draw.choice(["heading", "Code", *VALUES])
    elif choice == 2:
        cell.pop(draw.choice(list(cell)), None)
    elif choice == 3:
        draw.shuffle(document["cells"])
    else:
        cell["outputs"] = [{"output_type": "stream", "text": "x" * 2_000_000}] * 2


def _drop(draw: random.Random, document: dict[str, Any]) -> None:
    document.pop(draw.choice(list(document)), None)


MUTATIONS: list[Callable[[random.Random, dict[str, Any]], None]] = [
    _odd_source, _odd_source, _mixed_source, _mixed_source, _cut_source, _odd_value, _odd_value, _odd_tag, _odd_cells, _drop
]  # fmt: skip


def mutated(seed: int) -> bytes:
    """Return the bytes of a notebook in which something is wrong, or odd."""
    draw = random.Random(seed)  # noqa: S311 - a reproducible draw is the point
    if draw.random() < 0.08:
        return draw.choice(RAW)
    cells: list[Any] = [draw.choice([source, ("md", f"# Part {place}\n{source[:20]}"), (source, {"mlops": draw.choice(TAGS[:5])})])
             for place, source in enumerate(draw.sample(SOURCES, draw.randrange(2, 8)))]  # fmt: skip
    document = notebook(*cells)
    for _ in range(draw.randrange(1, 4)):
        with contextlib.suppress(TypeError, KeyError, IndexError, AttributeError):  # it is odd already
            draw.choice(MUTATIONS)(draw, document)
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    encoding = draw.choice(["utf-8"] * 7 + ["utf-16", "utf-8-sig", "latin-1"])
    broken = "surrogatepass" if encoding.startswith("utf") and draw.random() < 0.5 else "replace"
    content = text.encode(encoding, errors=broken)
    if draw.random() < 0.1:
        place = draw.randrange(len(content))
        content = content[:place] + draw.randbytes(draw.randrange(4)) + content[place + draw.randrange(20) :]
    return content[: draw.randrange(len(content))] if draw.random() < 0.03 else content


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError("the command hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answer(*arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it wrote to stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _time_limit():
        try:
            main(list(arguments))
        except SystemExit as stopped:
            return int(stopped.code or 0), err.getvalue()
    raise AssertionError("main ends with an exit code")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_mutated_notebooks_are_answered_or_refused_in_one_line(chunk: int, tmp_path: Path) -> None:
    path = tmp_path / "fuzzed.ipynb"
    for seed in range(chunk, COUNT, CHUNKS):
        content = mutated(seed)
        path.write_bytes(content)
        for command in ("check", "suggest", "graph", "compile"):
            try:
                code, said = answer(command, str(path))
            except (Exception, RecursionError) as error:
                raise AssertionError(f"{command}, seed {seed}: {type(error).__name__}: {error}") from error
            findings = command == "check" and code == 1
            assert findings or code in (0, 2), (seed, command, code, said)
            if code == 2:
                assert said.startswith("error: "), (seed, command, said)
                assert said.count("\n") == 1, (seed, command, said)
                assert "Traceback" not in said
            else:
                assert not said, (seed, command, said)
        assert path.read_bytes() == content
