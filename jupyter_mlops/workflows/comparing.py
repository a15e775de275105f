"""What really differs between two model versions: figures, parameters, data, code, packages."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.records.base import Value, from_json
from jupyter_mlops.records.evaluation import Evaluation, Figure
from jupyter_mlops.records.provenance import Commit
from jupyter_mlops.records.run import Environment, Run, StageExecution
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows import models
from jupyter_mlops.workflows.origin import stages_behind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.settings import Settings


class Comparison(Value, frozen=True, kw_only=True):
    """Hold what differs between two versions, a pair each; equal things are left out but for metrics and figures.

    ``figures`` are those of each side's newest gate, with their intervals. ``packages`` are those of the environments,
    ``python`` and ``platform`` among them. ``sources`` are the stages behind the versions, each as a unified diff.
    ``notes`` say what couldn't be compared.
    """

    left: str
    right: str
    metrics: dict[str, tuple[float | None, float | None]]
    figures: dict[str, tuple[Figure | None, Figure | None]]
    params: dict[str, tuple[Any, Any]]
    datasets: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    packages: dict[str, tuple[str | None, str | None]]
    commits: tuple[Commit | None, Commit | None] | None = None
    seeds: dict[str, tuple[tuple[int, ...] | None, tuple[int, ...] | None]]
    sources: dict[str, str]
    gates: tuple[str, str]
    same_bundle: bool
    same_signature: bool
    notes: tuple[str, ...] = ()


class _Side:
    """One of the two versions, with what is on record behind it."""

    def __init__(self, settings: Settings, text: str) -> None:
        self._store = open_store(settings)
        self.view = models.show(settings, text)
        self.model = self.view.model
        self.label = f"{self.model.name}/{self.model.version}"
        self.notes: list[str] = []
        self._run = self._the_run()
        self.commit = self.model.commit or (self._run.commit if self._run is not None else None)
        self.seeds = self.model.seeds or (self._run.seeds if self._run is not None else {})
        self.packages = self._packages()
        self.sources = self._sources()

    def _the_run(self) -> Run | None:
        if not self.model.run_id:
            self.notes.append(f"{self.label} was logged by hand: no stages are on record")
            return None
        try:
            found = self._store.ledger.get(f"run/{self.model.run_id}")
        except MlopsError:
            found = None
        if not isinstance(found, Run):
            self.notes.append(f"the run of {self.label} was broken off: no stages are on record")
            return None
        return found

    def _packages(self) -> dict[str, str]:
        digest = self.model.environment or (self._run.environment if self._run is not None else "")
        if not digest:
            self.notes.append(f"the packages of {self.label} aren't on record")
            return {}
        try:
            found = from_json(self._store.objects.read(digest), Environment)
        except (MlopsError, msgspec.MsgspecError) as error:
            self.notes.append(f"the packages of {self.label} can't be read: {error}")
            return {}
        return {"python": found.python, "platform": found.platform, **found.packages}

    def _sources(self) -> dict[str, str]:
        if self._run is None:
            return {}
        refs = [ref for ref in self._run.parents if ref.startswith("stage/")]
        with self._store.ledger.reading() as records:
            known = records.among(refs)
        done = [each for ref in refs if isinstance(each := known.get(ref), StageExecution)]
        behind = stages_behind(self.model.stage, done)
        if not behind:
            self.notes.append(f"stage {self.model.stage} of {self.label} didn't succeed: it isn't on record")
        return {each.stage: each.source for each in done if each.stage in behind}


def compare(settings: Settings, left: str, right: str) -> Comparison:
    """Set two versions side by side.

    Raises:
        NotFoundError: when one of them doesn't exist.
        DeniedError: when one of them may not be read.
    """
    sides = _Side(settings, left), _Side(settings, right)
    one, two = (side.model for side in sides)
    figures = [figures_of(side.view.evaluations) for side in sides]
    params = [{**side.model.hyperparameters, **side.model.params} for side in sides]
    data = {"read": (one.datasets, two.datasets), "test": (_test(one), _test(two))}
    commits = sides[0].commit, sides[1].commit
    known = all(side.packages for side in sides)
    return Comparison(
        left=str(one.ref),
        right=str(two.ref),
        metrics=_pairs(one.metrics, two.metrics, equal=True),
        figures=_pairs(*figures, equal=True),
        params=_pairs(*params),
        datasets={key: pair for key, pair in data.items() if pair[0] != pair[1]},
        packages=_pairs(sides[0].packages, sides[1].packages) if known else {},
        commits=commits if commits[0] != commits[1] else None,
        seeds=_pairs(sides[0].seeds, sides[1].seeds),
        sources=_diffs(*sides) if all(side.sources for side in sides) else {},
        gates=(sides[0].view.gate, sides[1].view.gate),
        same_bundle=one.bundle == two.bundle,
        same_signature=one.signature == two.signature,
        notes=tuple(dict.fromkeys(note for side in sides for note in side.notes)),
    )


def figures_of(evaluations: Sequence[Evaluation]) -> dict[str, Figure]:
    """Return what gates measured by name; what a condition compared with the champion has no interval of its own."""
    found = {figure.metric: figure for evaluation in evaluations for figure in evaluation.figures}
    for condition in (each for evaluation in evaluations for each in evaluation.conditions):
        name = condition.text.split()[0]
        if condition.value is not None and name not in found:
            own = condition.ci if condition.difference is None else None
            found[name] = Figure(metric=name, value=condition.value, ci=own)
    return found


def _pairs(left: Mapping[str, Any], right: Mapping[str, Any], *, equal: bool = False) -> dict[str, Any]:
    pairs = {name: (left.get(name), right.get(name)) for name in sorted({*left, *right})}
    return {name: pair for name, pair in pairs.items() if equal or pair[0] != pair[1]}


def _diffs(left: _Side, right: _Side) -> dict[str, str]:
    found = {}
    for stage in dict.fromkeys((*left.sources, *right.sources)):
        before, after = (side.sources.get(stage, "").splitlines() for side in (left, right))
        lines = unified_diff(
            before, after, f"{left.label} {stage}", f"{right.label} {stage}", n=1, lineterm=""
        )
        if diff := "\n".join(lines):
            found[stage] = diff
    return found


def _test(version: ModelVersion) -> tuple[str, ...]:
    return (version.test.dataset,) if version.test is not None else ()
