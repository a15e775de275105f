"""What `make demo` does: the example notebook becomes a gated, registered, served and monitored model.

Every step is a command that you could type yourself; this script types it, and plays the clients of the server.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import Progress

HERE = Path(__file__).parent
NOTEBOOK = "employment.ipynb"
MODEL = "employment"
COMPILED = Path(".mlops/compiled/employment")
REPORT = Path("reports/drift-2015-2018.html")
BATCH = 50
READY_WITHIN = 120

console = Console(highlight=False)


def main() -> None:
    """Run every step; stop at the first that fails, with its exit code."""
    os.chdir(HERE)
    started = time.perf_counter()
    title("1  The notebook, as a graph")
    mlops("graph", NOTEBOOK)
    title("2  The graph, as a folder that stock ploomber and papermill run")
    mlops("compile", NOTEBOOK, "-o", str(COMPILED))
    title("3  Check the data, run the stages, register data and model, judge the model by its gate")
    mlops("run", NOTEBOOK)
    title("4  The gate has passed: this version becomes the champion")
    mlops("models", "promote", MODEL)
    title("5  Serve it, ask it about the people of 2018, and tell it later what came true")
    with server() as address:
        prediction, one = ask_about_2018(address)
        title("6  Why did it answer so?")
        explain(address, one)
        title("7  Where does one of these predictions come from?")
        mlops("lineage", f"prediction/{prediction}")
        title("8  Are the people of 2018 still like those of 2015?")
        REPORT.parent.mkdir(exist_ok=True)
        mlops("drift", "census-training", f"live:{MODEL}", "-o", str(REPORT))
    title("9  What does this version decide by?")
    mlops("models", "explain", MODEL)
    title("10 MLflow shows the same")
    mlops("models", "sync")
    farewell(time.perf_counter() - started, prediction)


def title(text: str) -> None:
    console.print()
    console.rule(f"[bold]{text}", align="left", style="cyan")


def command(*arguments: str) -> list[str]:
    console.print(f"[dim]$ jupyter mlops {' '.join(arguments)}[/]")
    return [sys.executable, "-m", "jupyter_mlops", *arguments]


def mlops(*arguments: str) -> None:
    done = subprocess.run(command(*arguments), check=False)
    if done.returncode:
        sys.exit(done.returncode)


@contextmanager
def server() -> Iterator[str]:
    """Start the serving process on a free port, and stop it whatever happens."""
    process = subprocess.Popen(command("serve", MODEL, "--port", "0"), stdout=subprocess.PIPE, text=True)
    try:
        yield wait_until_ready(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        console.print("[dim]the server has stopped[/]")


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        console.print(line.rstrip())
        if "http://" in line:
            return "http://" + line.split("http://")[1].split()[0].rstrip("/")
    sys.exit(process.wait(timeout=READY_WITHIN) or 1)


def ask_about_2018(address: str) -> tuple[str, list[dict[str, Any]]]:
    """Send everybody of 2018 to the server, then what came true; return a prediction's id, and one person's answers."""
    survey = pd.read_parquet("employment_ma.parquet")
    people = survey[(survey["year"] == 2018) & (survey["AGEP"] >= 16)]
    url = f"{address}/v2/models/{MODEL}"
    datatypes = {column["name"]: column["datatype"] for column in ask(url)["inputs"]}
    right, milliseconds, identity = 0, [], ""
    first = [
        {"name": name, "datatype": datatype, "shape": [1], "data": people[name].head(1).tolist()}
        for name, datatype in datatypes.items()
    ]
    with Progress(console=console) as progress:
        task = progress.add_task("people asked about", total=len(people))
        for start in range(0, len(people), BATCH):
            batch = people.iloc[start : start + BATCH]
            inputs = [
                {"name": name, "datatype": datatype, "shape": [len(batch)], "data": batch[name].tolist()}
                for name, datatype in datatypes.items()
            ]
            began = time.perf_counter()
            answer = ask(f"{url}/infer", {"inputs": inputs})
            milliseconds.append((time.perf_counter() - began) * 1000)
            predicted = next(output["data"] for output in answer["outputs"] if output["name"] == "predict")
            right += sum(int(p) == t for p, t in zip(predicted, batch["employed"].tolist(), strict=True))
            ask(f"{url}/feedback", {"id": answer["id"], "label": batch["employed"].tolist()})
            identity = identity or answer["id"]
            progress.advance(task, len(batch))
    console.print(
        f"{len(people):,} people in {len(milliseconds)} requests, {statistics.median(milliseconds):.1f} ms each; "
        f"{right / len(people):.1%} predicted right"
    )
    return identity, first


def explain(address: str, inputs: list[dict[str, Any]]) -> None:
    """Ask the server how its answer about one person came about; print the answers that moved it most."""
    answer = ask(f"{address}/v2/models/{MODEL}/explain", {"inputs": inputs})
    [found] = answer["explanations"]
    given = {each["name"]: each["data"][0] for each in inputs}
    console.print(f"{answer['method']}: {answer['scale']} {found['base']:.2f} of not knowing the person")
    moved = sorted(found["attributions"].items(), key=lambda each: -abs(each[1]))
    for name, by in moved[:4]:
        console.print(f"  {by:+.2f}  {name} = {given[name]}")
    rest = sum(by for _, by in moved[4:])
    console.print(f"  {rest:+.2f}  all else\n  {found['value']:.2f}  what the model said")


def ask(url: str, body: object = None) -> dict[str, Any]:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def farewell(seconds: float, prediction: str) -> None:
    console.print()
    console.rule(f"[bold green]done in {seconds:.0f} s", align="left", style="green")
    made = {
        "compiled pipeline": COMPILED,
        "executed notebooks": Path(".mlops/runs"),
        "models, in MLflow": Path(".mlops/mlflow.db"),
        "everything on record": Path(".mlops/mlops.db"),
        "drift report": REPORT,
    }
    for what, where in made.items():
        console.print(f"  {what:22} [cyan]{HERE.name}/{where}[/]")
    console.print("\nWhat to type next:")
    for line, why in {
        "make demo": "again: what is unchanged comes from the cache",
        "make lab": "the same notebook, with the graph in the sidebar",
        f"cd {HERE.name} && source ../.venv/bin/activate": "then:",
        "jupyter mlops run employment.ipynb -p seed=8": "only what the seed bears on runs",
        "jupyter mlops models list": "versions, aliases, figures",
        f"jupyter mlops models card {MODEL} -o card.html": "what it is for, how good it is, who let it through",
        f"jupyter mlops serve {MODEL} --port 8080": "and ask it something with curl",
        f"jupyter mlops lineage {prediction}": "where that prediction came from",
        "mlflow ui --backend-store-uri sqlite:///.mlops/mlflow.db": "MLflow's own page",
    }.items():
        console.print(f"  [cyan]{line}[/]  [dim]{why}[/]", soft_wrap=True)


if __name__ == "__main__":
    main()
