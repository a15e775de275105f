"""Convert and verify a list of notebooks as they stand: python benchmarks/notebooks.py FOLDER_OR_LIST.

Each notebook is cut into stages by `suggest`, compiled, and verified: run top to bottom on a stock kernel and as a
pipeline, and compared. Nothing is written beside a notebook but what its own cells write. A list has one path a line,
relative to the list's own folder. Exits with 1 where a pipeline gave other results, failed where the notebook
doesn't, or anything of ours crashed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.workflows.compile import compile_notebook

GOOD = ("same", "not deterministic", "refused", "notebook fails")


@dataclass(frozen=True)
class Row:
    """One notebook's line in the table."""

    notebook: str
    verdict: str
    what: str
    stages: int = 0
    variables: int = 0
    notebook_seconds: float = 0.0
    pipeline_seconds: float = 0.0


def notebooks(source: Path) -> list[Path]:
    """Return the notebooks in a folder, or in a list of paths."""
    if source.is_dir():
        hidden = {".ipynb_checkpoints", ".mlops"}
        return sorted(path for path in source.rglob("*.ipynb") if not hidden & set(path.parts))
    lines = [line.partition("\t")[0].strip() for line in source.read_text().splitlines()]
    return [source.parent / line for line in lines if line and not line.startswith("#")]


def mlops(arguments: list[str], timeout: float) -> tuple[int, str, str]:
    """Run our command; its kernels end with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlops", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        return 124, "", f"took longer than {timeout:g} s"
    return process.returncode, out, err


def examine(path: Path, name: str, timeout: float, options: list[str]) -> Row:
    """Compile and verify one notebook."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            compile_notebook(path, Path(folder) / "compiled")
    except MlopsError as error:
        return Row(name, "refused", str(error))
    except Exception as error:  # noqa: BLE001 - what crashes is what this looks for
        return Row(name, "error", f"{type(error).__name__}: {error}")
    code, out, err = mlops(["verify", str(path), "--json", *options], timeout)
    if code == 124:
        return Row(name, "too slow", err)
    try:
        found = json.loads(out)
    except json.JSONDecodeError:
        return Row(name, "refused" if code == 2 and "Traceback" not in err else "error", last_line(err))
    return row_of(name, found)


def row_of(name: str, found: dict[str, Any]) -> Row:
    """Put a verification's document into a line."""
    verdict, what = found["status"], ""
    if found["failure"]:
        error = found["failure"]["error"]
        verdict = "notebook fails" if found["failure"]["of"] == "notebook" else "pipeline fails"
        where = f"stage {found['failure']['stage']}, cell {error['cell']}: "
        what = f"{where if error['cell'] is not None else ''}{error['type']}: {error['message']}"
    elif found["status"] == "not deterministic":
        what = said(found["own_differences"][0])
        draws = sorted({draw["cell"] for draw in found["draws"]})
        what += f" (cells {', '.join(map(str, draws))} draw without a seed)" if draws else ""
    elif found["differences"]:
        what = said(
            next((item for item in found["differences"] if not item["by_itself"]), found["differences"][0])
        )
    return Row(
        notebook=name,
        verdict=verdict,
        what=" ".join(what.split()),
        stages=len(found["stages"]),
        variables=found["compared"]["variables"],
        notebook_seconds=found["notebook_seconds"],
        pipeline_seconds=found["pipeline_seconds"],
    )


def said(item: dict[str, Any]) -> str:
    """Say a difference in a line."""
    where = (
        f"cell {item['cell']}"
        if item["kind"] == "output"
        else f"{item['kind']} {item['name']}{item['place']}"
    )
    return f"{item['stage']}, {where}: {item['what']}"


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "ended without a word"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="FOLDER_OR_LIST")
    parser.add_argument("--match", default="", help="only notebooks whose path contains this")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="for each command")
    parser.add_argument("--rtol", default="0", metavar="X", help="what floats may differ by")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append a line for each notebook")
    arguments = parser.parse_args()
    root = arguments.source if arguments.source.is_dir() else arguments.source.parent
    rows = []
    started = time.monotonic()
    for path in notebooks(arguments.source):
        name = os.path.relpath(path, root)
        if arguments.match not in name:
            continue
        row = examine(path, name, arguments.timeout, ["--rtol", arguments.rtol])
        rows.append(row)
        seconds = f"{row.notebook_seconds:6.1f} {row.pipeline_seconds:6.1f}"
        print(
            f"{row.verdict:<18} {row.stages:>3} {row.variables:>4} {seconds}  {name}  {row.what[:160]}".rstrip(),
            flush=True,
        )
        if arguments.json:
            with arguments.json.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
    totals = Counter(row.verdict for row in rows)
    converted = sum(row.verdict not in ("refused", "error") for row in rows)
    print(f"\n{len(rows)} notebooks, {converted} converted, in {time.monotonic() - started:.0f} s: ", end="")
    print(", ".join(f"{count} {verdict}" for verdict, count in totals.most_common()))
    return 0 if all(row.verdict in GOOD for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
