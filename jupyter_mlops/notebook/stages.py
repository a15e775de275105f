"""Which stage each cell belongs to, by its tag or by where it stands.

An untagged code cell continues the stage above it. Above the first stage, cells that only import, define, set
options, or assign constants are setup; a cell there that does more opens a stage of its own, named ``load``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_mlops.errors import UsageError
from jupyter_mlops.notebook import known, parameters, syntax, tags
from jupyter_mlops.notebook.events import Event, Use, bound_names, flat, is_local
from jupyter_mlops.notebook.scope import events_of
from jupyter_mlops.records.expectation import NOTHING
from jupyter_mlops.records.pipeline import Diagnostic, Expected, Gate, StageOptions

if TYPE_CHECKING:
    from jupyter_mlops.notebook.cells import Cell, Notebook

IMPLICIT = "load"
# Calls that make a value or set an option, and nothing else; by their last name.
_harmless = known.words(
    "Path join namedtuple getLogger TypeVar NewType timedelta datetime date frozenset set dict list tuple range int float str len "
    "bool device environ get getenv cwd home resolve expanduser print display filterwarnings simplefilter "
    "set_option use set set_theme set_style set_context set_palette rc rcdefaults basicConfig seed manual_seed "
    "manual_seed_all set_seed set_printoptions reset_option enable_grad set_default_dtype is_available "
    "set_matplotlib_formats config compile setLevel dataclass partial setdefault insert append set_config "
    "option_context enable disable use_deterministic_algorithms set_num_threads cpu_count strftime now today"
)
_session_magics = known.words("load_ext reload_ext matplotlib autoreload aimport")
_blocks = (ast.If, ast.Try, ast.With)
_harmless_statements = (ast.Assign, ast.AnnAssign, ast.Expr)
_plain_statements = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Pass,
)


@dataclass(slots=True)
class Plan:
    """Hold each cell's role: stages by name in page order, setup cells, parameters, gates, and what was wrong."""

    stages: dict[str, list[int]] = field(default_factory=dict)
    options: dict[str, StageOptions] = field(default_factory=dict)
    setup: list[int] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    params_cells: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    events: dict[int, tuple[Event, ...]] = field(default_factory=dict)
    trees: dict[int, ast.Module] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def owners(self) -> dict[int, str]:
        """Return each cell's stage; cells outside of stages are left out."""
        return {cell: name for name, cells in self.stages.items() for cell in cells}


def plan(notebook: Notebook) -> Plan:
    """Give every code cell its role."""
    made = Plan()
    current: str | None = None
    known_names: set[str] = set()
    seen: set[str] = set()
    explicit = False
    for cell in notebook.cells:
        if cell.tag is not None and cell.tag.kind == "gate":
            _gate(made, cell, cell.tag.name)
        elif cell.tag is not None and cell.tag.kind == "expect":
            _expected(made, cell, cell.tag.name)
        elif cell.cell_type == "code" and (cell.tag is None or cell.tag.kind != "card"):
            kind = cell.tag.kind if cell.tag else ""
            parsed = _parsed(made, cell)
            names = bound_names(made.events[cell.index])
            if kind == "skip":
                made.skipped.append(cell.index)
            elif kind == "params":
                _params(made, cell)
                known_names |= set(made.params) | names
            elif kind == "stage" and cell.tag is not None:
                current, explicit = cell.tag.name, True
                _stage(made, cell.index, cell.tag)
            elif (
                kind == "setup"
                or (not kind and prepares_session(parsed))
                or (
                    # What runs before every stage must not set a variable anew that a stage has seen already.
                    not explicit
                    and is_setup(parsed, made.events[cell.index], known_names)
                    and not (current and names & seen)
                )
            ):
                made.setup.append(cell.index)
                known_names |= names
            else:
                current = current or _implicit_name(notebook)
                made.stages.setdefault(current, []).append(cell.index)
            seen |= names
    return made


def prepares_session(parsed: syntax.Parsed) -> bool:
    """Tell whether a cell only loads extensions or chooses a plotting back end, which every stage needs alike."""
    calls = [
        node.value
        for node in parsed.tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    return (
        bool(calls)
        and len(calls) == len(parsed.tree.body)
        and all(syntax.is_magic(call) and syntax.magic_name(call) in _session_magics for call in calls)
    )


def is_setup(parsed: syntax.Parsed, events: tuple[Event, ...], names: set[str]) -> bool:
    """Tell whether a cell only imports, defines, sets options or assigns constants, from ``names`` at most."""
    if parsed.bound or parsed.opaque:
        return False
    for node in parsed.tree.body:
        inner = (
            [n for n in ast.walk(node) if isinstance(n, ast.stmt)] if isinstance(node, _blocks) else [node]
        )
        for statement in inner:
            if isinstance(statement, (*_plain_statements, *_blocks)):
                continue
            if not (isinstance(statement, _harmless_statements) and _is_harmless(statement)):
                return False
    reads = {event.name for event in flat(events) if isinstance(event, Use) and not event.soft}
    needed = {name for name in reads if not (is_local(name) or known.is_provided(name))}
    return needed <= names | bound_names(events)


def _is_harmless(statement: ast.stmt) -> bool:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            if syntax.is_magic(node):
                if syntax.magic_name(node) not in syntax.HARMLESS_MAGICS:
                    return False
            elif _last_name(node.func) not in _harmless:
                return False
        elif isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return False
    return True


def _last_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _parsed(made: Plan, cell: Cell) -> syntax.Parsed:
    source = tags.untagged(cell.source)
    try:
        parsed = syntax.parse(source)
        made.events[cell.index] = events_of(source, str(cell.index))
    except SyntaxError as error:
        if cell.tag is None or cell.tag.kind != "skip":
            made.findings.append(
                Diagnostic(
                    rule="MLO101",
                    message=f"the cell isn't valid Python: {error.msg}",
                    mend="mend the cell, or tag it skip",
                    cell=cell.index,
                    line=error.lineno or 1,
                )
            )
        parsed = syntax.Parsed(syntax.EMPTY)
        made.events[cell.index] = ()
    made.trees[cell.index] = parsed.tree
    return parsed


def _stage(made: Plan, index: int, tag: tags.Tag) -> None:
    made.stages.setdefault(tag.name, []).append(index)
    before = made.options.get(tag.name)
    if before is None:
        made.options[tag.name] = tag.options
    elif tag.options != StageOptions():
        made.options[tag.name] = StageOptions(
            after=tuple(dict.fromkeys((*before.after, *tag.options.after))),
            retries=tag.options.retries or before.retries,
            timeout=before.timeout if tag.options.timeout is None else tag.options.timeout,
            memory=before.memory if tag.options.memory is None else tag.options.memory,
            gpu=before.gpu or tag.options.gpu,
            cache=before.cache and tag.options.cache,
        )


def _gate(made: Plan, cell: Cell, model: str) -> None:
    conditions = tags.conditions(cell.source)
    made.gates.append(Gate(model=model, conditions=conditions, cell=cell.index))
    if not conditions:
        made.findings.append(
            Diagnostic(
                rule="MLO110",
                message=f"the gate for {model} has no condition",
                mend="write one a line, like accuracy >= 0.8",
                cell=cell.index,
                line=1,
            )
        )


def _expected(made: Plan, cell: Cell, dataset: str) -> None:
    from jupyter_mlops.notebook import expect_text

    body = tags.body(cell.source)
    above = cell.source[: len(cell.source) - len(body)].count("\n")
    message, mend, line = "", "", 1
    if any(one.dataset == dataset for one in made.expected):
        message, mend = f"there are expectations of {dataset} in two cells", "put them into one"
    else:
        try:
            said = expect_text.parse(dataset, body)
            made.expected.append(Expected(dataset=dataset, expectations=said, cell=cell.index))
            if said.said == NOTHING:
                message = f"nothing is expected of {dataset}"
                mend = f"run the cell in Jupyter, or jupyter mlops data expect {dataset} --into this notebook"
        except UsageError as error:
            message = f"the expectations of {dataset}: {error.message}"
            mend, line = error.hint, error.details.get("line", 1) + above
    if message:
        made.findings.append(
            Diagnostic(rule="MLO114", message=message, mend=mend, cell=cell.index, line=line)
        )


def _params(made: Plan, cell: Cell) -> None:
    made.params_cells.append(cell.index)
    try:
        found = parameters.split(cell.source)
    except SyntaxError:
        return  # it is reported already
    made.params |= found.values
    for name in found.twice:
        made.findings.append(
            Diagnostic(
                rule="MLO111",
                message=f"a params cell that computes sets {name} twice, and a run could set only one of them",
                mend="use another name, or move one of them into a setup cell below",
                cell=cell.index,
                line=found.lines[name],
            )
        )


def _implicit_name(notebook: Notebook) -> str:
    taken = {cell.tag.name for cell in notebook.cells if cell.tag is not None and cell.tag.kind == "stage"}
    name, number = IMPLICIT, 1
    while name in taken:
        number += 1
        name = f"{IMPLICIT}-{number}"
    return name
