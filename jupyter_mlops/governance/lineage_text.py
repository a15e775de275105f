"""A lineage as people read it: an indented chain, or a mermaid diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlops.governance.lineage import JUDGEMENTS
from jupyter_mlops.records.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_mlops.governance.lineage import Lineage, Node

SHORT = 12
_LINES = 3
_VALUES = 4
_TAG = "# %%mlops"  # what a compiled cell keeps of its tag
_BELOW = {"": "", "├─ ": "│  ", "└─ ": "   "}  # what goes on below a branch
_MARKS = {"passed": "✓", "failed": "✗", "not evaluated": "?"}


def text(lineage: Lineage) -> str:
    """Return the chain, a line or a few for each node, each under what was made from it."""
    under = _tree(lineage)
    nodes = {node.ref: node for node in lineage.nodes}
    lines: list[str] = []
    waiting = [(lineage.start, "", "")]
    while waiting:
        ref, prefix, branch = waiting.pop()
        first, *details = _described(nodes[ref])
        lines.append(prefix + branch + first)
        inner = prefix + _BELOW[branch]
        below = under.get(ref, [])
        lines.extend(f"{inner}{'│' if below else ' '}  {detail}" for detail in details)
        branches = ["├─ "] * (len(below) - 1) + ["└─ "]
        waiting += reversed([(child, inner, mark) for child, mark in zip(below, branches, strict=False)])
    return "\n".join(lines)


def mermaid(lineage: Lineage) -> str:
    """Return a mermaid flowchart, data at the top."""
    names = {node.ref: f"n{number}" for number, node in enumerate(lineage.nodes)}
    lines = ["flowchart TD"]
    for node in lineage.nodes:
        name = title(node)[0].replace('"', "#quot;").replace("<", "#lt;")
        lines.append(f'  {names[node.ref]}["{name}"]')
    lines += [f"  {names[edge.source]} --> {names[edge.to]}" for edge in lineage.edges]
    return "\n".join(lines)


def title(node: Node) -> tuple[str, str]:
    """Return what a node is called, and the rest of its first line."""
    name, _, note = _described(node)[0].partition("  ")
    return name, note


def _tree(lineage: Lineage) -> dict[str, list[str]]:
    """Put each node under one neighbour: the one farthest from the start, so that the chain reads in order."""
    neighbours: dict[str, list[str]] = {}
    for edge in lineage.edges:
        judged = not lineage.downstream and edge.to.partition("/")[0] in JUDGEMENTS
        # A judgement hangs below what it judges, though it was made from it.
        judged = judged and edge.source.startswith(("model/", "dataset/")) and edge.to != lineage.start
        here, there = (edge.source, edge.to) if judged or lineage.downstream else (edge.to, edge.source)
        neighbours.setdefault(here, []).append(there)
    depth = {lineage.start: 0}
    parent: dict[str, str] = {}
    order, onward = _without_circles(lineage.start, neighbours)
    for here in order:
        for there in onward[here]:
            if depth[here] + 1 > depth.get(there, 0):
                depth[there] = depth[here] + 1
                parent[there] = here
    under: dict[str, list[str]] = {}
    for node in lineage.nodes:
        if node.ref in parent:
            under.setdefault(parent[node.ref], []).append(node.ref)
    return under


def _without_circles(start: str, neighbours: dict[str, list[str]]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the nodes so that each stands before its neighbours, and the neighbours without those that close a circle.

    No honest ledger has circles; one that has is still to be shown.
    """
    onward: dict[str, list[str]] = {start: []}
    done: list[str] = []
    path = {start: iter(neighbours.get(start, ()))}
    while path:
        here = next(reversed(path))
        for there in path[here]:
            if there in path:
                continue
            onward[here].append(there)
            if there not in onward:
                onward[there] = []
                path[there] = iter(neighbours.get(there, ()))
                break
        else:
            done.append(here)
            del path[here]
    return done[::-1], onward


def _described(node: Node) -> list[str]:
    if node.missing:
        return [f"{_named(node)}  (not on record)"]
    describe = _DESCRIBE.get(node.kind)
    return describe(node.record) if describe else [_named(node)]


def _named(node: Node) -> str:
    ref = Ref.parse(node.ref)
    return f"{ref.kind} {ref.name}" + (f"@{ref.version[:SHORT]}" if ref.version else "")


def _prediction(record: dict[str, Any]) -> list[str]:
    rows = _count(record["rows"], "row")
    took = f"{rows} in {_figure(record['milliseconds'])} ms"
    lines = [f"prediction {record['prediction_id']}  {took}{_stamp(record)}"]
    for side in ("inputs", "outputs"):
        shown = [f"{name} {_values(values)}" for name, values in record[side].items()]
        if shown:
            lines.append(f"{side}: {cut(', '.join(shown), 160)}")
    return lines


def _deployment(record: dict[str, Any]) -> list[str]:
    served = f"{record['model']}/{record['version']} at {record['address']}"
    return [f"deployment {record['deployment_id']}  {served}{_stamp(record)}"]


def _model(record: dict[str, Any]) -> list[str]:
    lines = [f"model {record['name']}/{record['version']}  bundle {record['bundle'][:SHORT]}{_stamp(record)}"]
    if record["metrics"]:
        lines.append("metrics: " + _pairs(record["metrics"], " "))
    if record["params"]:
        lines.append("parameters: " + _pairs(record["params"], " = "))
    return lines


def _evaluation(record: dict[str, Any]) -> list[str]:
    verdict = "passed" if record["passed"] else "blocked"
    champion = f" against version {record['champion']}" if record["champion"] else ""
    lines = [f"gate {verdict}  {_count(record['rows'], 'test row')}{champion}{_stamp(record)}"]
    for condition in record["conditions"]:
        value = "" if condition["value"] is None else f": {_figure(condition['value'])}"
        ci = condition["ci"]
        interval = f" (95% {_figure(ci[0])} to {_figure(ci[1])})" if ci else ""
        why = f" {condition['reason']}" if condition["status"] != "passed" and condition["reason"] else ""
        lines.append(f"{_MARKS[condition['status']]} {condition['text']}{value}{interval}{why}")
    return lines


def _explanation(record: dict[str, Any]) -> list[str]:
    most = ", ".join(each["feature"] for each in record["importance"][:3])
    return [f"explanation  decides most by {cut(most, 100)}{_stamp(record)}"]


def _approval(record: dict[str, Any]) -> list[str]:
    return [f"{record['verdict']}  version {record['version']}{_stamp(record)}", *_reason(record)]


def _retirement(record: dict[str, Any]) -> list[str]:
    return [f"out of use  {record['cause']}{_stamp(record)}", *_reason(record)]


def _promotion(record: dict[str, Any]) -> list[str]:
    before = f", before that version {record['previous']}" if record["previous"] else ""
    how = "override" if record["override"] else "rollback" if record["rollback"] else "promotion"
    return [
        f"{how} to {record['alias']}  version {record['version']}{before}{_stamp(record)}",
        *_reason(record),
    ]


def _reason(record: dict[str, Any]) -> list[str]:
    return [f"reason: {cut(record['reason'], 200)}"] if record["reason"] else []


def _run(record: dict[str, Any]) -> list[str]:
    commit = record["commit"]
    at = f", commit {commit['sha'][:SHORT]}" + (" with changes" if commit["dirty"] else "") if commit else ""
    lines = [f"run {record['run_id']}  {record['status']}, {record['notebook']}{at}{_stamp(record)}"]
    if record["params"]:
        lines.append("parameters: " + _pairs(record["params"], " = "))
    if record["metrics"]:
        lines.append("metrics: " + _pairs(record["metrics"], " "))
    return lines


def _stage(record: dict[str, Any]) -> list[str]:
    cells = ", ".join(map(str, record["cells"]))
    where = f"cell{'s' if len(record['cells']) > 1 else ''} {cells}, " if cells else ""
    lines = [
        f"stage {record['stage']}  {where}{_figure(record['seconds'])} s in run {record['run_id']}, key {record['key'][:SHORT]}"
    ]
    source = [line for line in record["source"].splitlines() if line.strip() and not line.startswith(_TAG)]
    shown = source if len(source) <= _LINES + 1 else source[:_LINES]
    lines += [cut(line, 100) for line in shown]
    if len(source) > len(shown):
        lines.append(f"… {len(source) - len(shown)} more lines")
    if record["params"]:
        lines.append("parameters: " + _pairs(record["params"], " = "))
    return lines


def _dataset(record: dict[str, Any]) -> list[str]:
    table = ""
    if record["rows"] is not None:
        table = f"{_count(record['rows'], 'row')} of {_count(len(record['columns']), 'column')}, "
    size = f"{record['size_bytes']:,} bytes".replace(",", " ")
    name = f"dataset {record['name']}@{record['version'][:SHORT]}"
    return [f"{name}  {table}{size}, from {record['source']}{_stamp(record)}"]


def _validation(record: dict[str, Any]) -> list[str]:
    broken = [result for result in record["results"] if result["status"] != "passed"]
    verdict = f"breaks {len(broken)} of {len(record['results'])} expectations" if broken else "as expected"
    lines = [f"check {verdict}  {_count(record['rows'], 'row')}{_stamp(record)}"]
    for result in broken[:_LINES]:
        about = f"{result['column']}: " if result["column"] else ""
        lines.append(
            f"{_MARKS[result['status']]} {about}{result['expectation']}: {cut(result['reason'], 120)}"
        )
    return lines


def _expectations(record: dict[str, Any]) -> list[str]:
    source = f", in {record['source']}" if record["source"] else ""
    return [
        f"expectations {record['name']}  {_count(len(record['columns']), 'column')}{source}{_stamp(record)}"
    ]


_DESCRIBE: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "prediction": _prediction,
    "deployment": _deployment,
    "model": _model,
    "evaluation": _evaluation,
    "explanation": _explanation,
    "approval": _approval,
    "promotion": _promotion,
    "retirement": _retirement,
    "run": _run,
    "stage": _stage,
    "dataset": _dataset,
    "validation": _validation,
    "expectations": _expectations,
}


def _stamp(record: dict[str, Any]) -> str:
    when = f", {_time(record['created_at'])}" if record["created_at"] else ""
    return when + (f" by {record['author']}" if record["author"] else "")


def _time(stamp: str) -> str:
    return stamp[:19].replace("T", " ") + (" UTC" if stamp else "")


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}".replace(",", " ")


def _pairs(values: dict[str, Any], between: str) -> str:
    return cut(", ".join(f"{name}{between}{_figure(value)}" for name, value in values.items()), 200)


def _values(values: list[Any]) -> str:
    return _listed(values) if len(values) > 1 else _one(values[0] if values else None)


def _one(value: Any) -> str:
    return _listed(value) if isinstance(value, list) else _figure(value)


def _listed(values: Iterable[Any]) -> str:
    items = list(values)
    more = ", …" if len(items) > _VALUES else ""
    return f"[{', '.join(map(_one, items[:_VALUES]))}{more}]"


def cut(line: str, length: int) -> str:
    """Return a line of at most so many characters; an ellipsis stands for what is left out."""
    return line if len(line) <= length else line[: length - 1] + "…"
