"""What setup cells must not do, because they run before each stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyter_mlops.notebook import dataflow
from jupyter_mlops.notebook.cells import parse
from tests import notebooks

if TYPE_CHECKING:
    from jupyter_mlops.records.pipeline import Diagnostic

A, B = "%%mlops stage a\n", "%%mlops stage b\n"


def findings(setup: str, *stages: str) -> list[Diagnostic]:
    cells = (f"%%mlops setup\n{setup}", *(stages or (f"{A}x = 1", f"{B}print(x)")))
    return dataflow.examine(parse(notebooks.text(*cells), "case.ipynb"))[1]


@pytest.mark.parametrize(
    "setup",
    [
        "with open('x.txt', 'a') as f:\n    f.write('x')",
        "open('x.txt', mode='a').write('x')",
        "f = open('x.txt', 'a')\nf.write('x')",
        "f = open('x.txt', 'a')\nprint('x', file=f)",
        "from pathlib import Path\nwith Path('x.txt').open('a') as f:\n    f.write('x')",
        "import pandas as pd\npd.DataFrame().to_csv('x.csv', mode='a')",
        "import pandas as pd\npd.DataFrame().to_sql('t', 'sqlite:///x.db', if_exists='append')",
        "!echo x >> x.txt",
        "n = int(open('n.txt').read())\nopen('n.txt', 'w').write(str(n + 1))",
        "import os\nos.mkdir('x')",
        "import os\nos.makedirs('x/y')",
        "import sqlite3\ncon = sqlite3.connect('x.db')\ncon.execute('insert into t values (1)')",
    ],
)
def test_what_would_happen_again(setup: str) -> None:
    (found,) = findings(setup)
    assert (found.rule, found.cell) == ("MLO126", 0)
    assert "stage" in found.mend
    assert findings(setup, f"{A}x = 1") == []  # one stage alone


@pytest.mark.parametrize(
    "setup",
    [
        "f = open('x.txt', 'a')",
        "def log(x):\n    with open('x.txt', 'a') as f:\n        f.write(x)",
        "open('x.txt', 'w').write('x')",
        "import os\nos.makedirs('x', exist_ok=True)",
        "open('n.txt', 'w').write('1')\nn = open('n.txt').read()",
        "import os\nif os.path.exists('n.txt'):\n    n = open('n.txt').read()\nelse:\n    open('n.txt', 'w').write('1')",
        "import os\nif not os.path.exists('x'):\n    os.mkdir('x')",
        "import pandas as pd\npd.DataFrame().to_csv('x.csv')",
        "import sqlite3\ncon = sqlite3.connect('x.db')\ncon.execute('delete from t')\ncon.execute('insert into t values (1)')",
        "import sqlite3\ncon = sqlite3.connect(':memory:')\ncon.execute('create table t (x)')\ncon.execute('insert into t values (1)')",
    ],
)
def test_what_may_happen_again(setup: str) -> None:
    assert findings(setup) == []


def test_a_file_that_is_written_on() -> None:
    cells = ("%%writefile -a x.txt\nx", f"{A}x = 1", f"{B}print(x)")
    document = json.loads(notebooks.text(*cells))
    document["cells"][0]["metadata"] = {"mlops": {"kind": "setup"}}
    found = dataflow.examine(parse(json.dumps(document), "case.ipynb"))[1]
    assert [finding.rule for finding in found] == ["MLO126"]


def test_what_a_stage_wrote_is_undone() -> None:
    begin = "open('x.txt', 'w').write('x')"
    (found,) = findings(begin, f"{A}open('x.txt', 'a').write('y')", f"{B}print(open('x.txt').read())")
    assert (found.rule, found.cell) == ("MLO126", 0)
    assert "the file x.txt" in found.message
    remove = "import shutil\nshutil.rmtree('out', ignore_errors=True)"
    (found,) = findings(remove, f"{A}open('out/x.txt', 'w').write('y')", f"{B}print(1)")
    assert "removes the file out, and stage a writes the file out/x.txt" in found.message
    assert findings(begin, f"{A}y = 1", f"{B}open('x.txt', 'a').write('y')") == []


@pytest.mark.parametrize(
    "opened",
    [
        "import sqlite3\ncon = sqlite3.connect(':memory:')",
        "import sqlite3\nWHERE = ':memory:'\ncon = sqlite3.connect(database=WHERE)",
        "import duckdb\ncon = duckdb.connect()",
        "from sqlalchemy import create_engine\ncon = create_engine('sqlite://')",
        "from sqlalchemy import create_engine\ncon = create_engine('sqlite:///:memory:').connect()",
    ],
)
def test_databases_in_memory(opened: str) -> None:
    write, read = f"{A}con.executescript('create table t (x)')", f"{B}print(con.execute('select 1'))"
    (found,) = findings(opened, write, read)
    assert (found.rule, found.cell, found.merge) == ("MLO107", 0, ("a", "b"))
    assert "file" in found.mend
    assert findings(opened, f"{A}print(con.execute('select 1'))", read) == []
    assert findings(opened, write, f"{B}print(1)") == []


def test_a_database_in_memory_behind_functions() -> None:
    opened = (
        "import sqlite3\ncon = sqlite3.connect(':memory:')\n"
        "def put(x):\n    con.execute('insert into t values (1)')\ndef count():\n    return con.execute('select 1')"
    )
    (found,) = findings(opened, f"{A}put(1)", f"{B}print(count())")
    assert found.rule == "MLO107"
    assert findings(opened, f"{A}count()", f"{B}print(count())") == []
