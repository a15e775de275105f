"""What is known of a run's stages before they run: their keys, their earlier executions, which waits for which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mlops.execution import planner
from jupyter_mlops.execution.reads import local_modules
from jupyter_mlops.pipeline import cache_key, environment, file_use
from jupyter_mlops.pipeline.bindings import top_level_names
from jupyter_mlops.pipeline.wanted import Words
from jupyter_mlops.records.base import digest_of
from jupyter_mlops.records.run import StageExecution
from jupyter_mlops.workflows import keeping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jupyter_mlops.notebook.cells import Notebook
    from jupyter_mlops.records.pipeline import Pipeline
    from jupyter_mlops.store.opened import Store

# How far back a stage's executions tell from which stages it takes.
_LOOK_BACK = 20


@dataclass(frozen=True)
class Plan:
    """Hold a stage's key and what it was made of, the paths and words in its code, the names given to it.

    ``paths`` are all that it may touch, ``meant`` those that its own cells spell out or have a name for, ``modules``
    those beside the notebook that its code imports.
    """

    parts: dict[str, str]
    key: str
    paths: tuple[str, ...]
    meant: tuple[str, ...]
    words: frozenset[str]
    given: frozenset[str]
    modules: tuple[str, ...] = ()


class Plans:
    """Plan the stages of a notebook for one set of parameters.

    Args:
        notebook: the notebook.
        pipeline: its stages.
        name: the pipeline's name.
        folder: the notebook's own.
        params: the values of its parameters.
        store: where earlier executions are on record.
    """

    def __init__(
        self,
        notebook: Notebook,
        pipeline: Pipeline,
        *,
        name: str,
        folder: Path,
        params: dict[str, Any],
        store: Store,
    ) -> None:
        self.notebook = notebook
        self.pipeline = pipeline
        self.name = name
        self.folder = folder
        self.params = params
        self.order = planner.page_order(pipeline)
        self._store = store
        self._recorded = {stage: self._executions(stage, limit=_LOOK_BACK) for stage in self.order}

    @cached_property
    def taken_from(self) -> dict[str, tuple[str, ...]]:
        """From which stages above each stage takes variables: by its code, and by what it took when it ran."""
        static = {stage.name: stage.upstream for stage in self.pipeline.stages}
        recorded = {
            stage: [pull.stage for execution in self._same_code(stage) for pull in execution.pulls.values()]
            for stage in self.order
        }
        return planner.joined(self.order, static, recorded)

    @cached_property
    def edges(self) -> dict[str, tuple[str, ...]]:
        """Which stages each stage waits for: those that it takes from, and those that its files cross with."""
        files = file_use.edges(self.notebook, self.pipeline, self.order, self.params)
        return planner.joined(self.order, self.taken_from, files)

    @cached_property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """Which stages a stage asked for alone brings with it."""
        return self.taken_from

    def plan(self, stage: str, more: Iterable[str] = ()) -> Plan:
        """Return a stage's plan; ``more`` are stages that it took from besides those that were known."""
        source = cache_key.source_of(
            self.notebook, self.pipeline, self.pipeline.stage(stage), self._all_above(stage, more)
        )
        modules = local_modules(source.own, self.folder)
        parts = cache_key.parts(
            source,
            params=self.params,
            environment=environment.snapshot().digest,
            modules={path: digest for path, (digest, _) in modules.items()},
            place=digest_of(self._words.place(self.pipeline.stage(stage))),
        )
        seen = {name: self.params[name] for name in cache_key.visible_params(source, self.params)}
        texts = (*source.own, *source.definitions, *(text for _, text in modules.values()))
        code = (*source.code, *source.setup_definitions, *source.definitions)
        words = frozenset(re.findall(r"\w+", "\n".join(code)))
        given = self._texts_of(stage, frozenset(re.findall(r"\w+", "\n".join(source.code))))
        return Plan(
            parts=parts,
            key=cache_key.key_of(parts),
            paths=cache_key.named_paths(texts, seen, given),
            meant=cache_key.named_paths(source.code, {}, given),
            words=words,
            given=self._given & words,
            modules=tuple(modules),
        )

    def same_key(self, stage: str, key: str) -> list[StageExecution]:
        """Return the stage's executions under a key, newest first."""
        return self._executions(stage, key=key)

    def last(self, stage: str) -> StageExecution | None:
        """Return the stage's newest execution before this run."""
        return next(iter(self._recorded[stage]), None)

    def made_by(self, stages: Iterable[str]) -> frozenset[str]:
        """Return the files that some stages ever made, as far back as is known."""
        return frozenset(path for stage in stages for one in self._recorded[stage] for path in one.writes)

    def above(self, stage: str) -> tuple[str, ...]:
        """Return the stages above a stage, in page order."""
        return self.order[: self.order.index(stage)]

    def unwanted(self, stage: str) -> frozenset[str]:
        """Return the names, and the state, that no stage below can mention, so that they needn't be kept."""
        return frozenset((*self._words.unwanted(self.pipeline.stage(stage)), *self._words.unsaid()))

    def makes(self, stage: str, name: str) -> bool:
        """Say whether a stage's code, or its newest execution, binds a name."""
        if name in self._bound[stage]:
            return True
        last = self.last(stage)
        return last is not None and name in last.outputs

    @cached_property
    def logs_a_model(self) -> bool:
        """Whether the notebook's code says that it logs a model; a module that it calls may do so unseen."""
        return any(keeping.LOGS_A_MODEL in cell.source for cell in self.notebook.cells)

    @cached_property
    def _words(self) -> Words:
        return Words(self.notebook, self.pipeline)

    @cached_property
    def _bound(self) -> Mapping[str, frozenset[str]]:
        cells = self.notebook.cells
        return {
            stage.name: frozenset(name for index in stage.cells for name in top_level_names(cells[index]))
            for stage in self.pipeline.stages
        }

    @cached_property
    def _given(self) -> frozenset[str]:
        """The names that every stage has without taking them: parameters, and what setup cells bind."""
        cells = self.notebook.cells
        bound = (name for index in self.pipeline.setup for name in top_level_names(cells[index]))
        return frozenset((*self.params, *bound))

    @cached_property
    def _texts(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """The names that each stage's cells, and the setup cells as a stage of no name, give texts to."""
        cells = self.notebook.cells
        params = [cell.index for cell in cells if cell.tag and cell.tag.kind == "params"]
        places = {
            "": (*params, *self.pipeline.setup),
            **{one.name: one.cells for one in self.pipeline.stages},
        }
        return {
            name: tuple(each for index in indexes for each in cache_key.given_texts(cells[index].source))
            for name, indexes in places.items()
        }

    def _texts_of(self, stage: str, words: frozenset[str]) -> tuple[str, ...]:
        """Return what the names that a stage mentions may stand for, where that is a text."""
        return tuple(
            text for above in ("", *self.above(stage)) for name, text in self._texts[above] if name in words
        )

    def _all_above(self, stage: str, more: Iterable[str]) -> tuple[str, ...]:
        found: set[str] = set()
        pending = [*self.taken_from[stage], *more]
        while pending:
            name = pending.pop()
            if name in self.taken_from and name not in found:
                found.add(name)
                pending += self.taken_from[name]
        return tuple(name for name in self.order if name in found)

    def _same_code(self, stage: str) -> list[StageExecution]:
        plain = cache_key.source_of(self.notebook, self.pipeline, self.pipeline.stage(stage), ())
        code = cache_key.code_digest(plain)
        return [one for one in self._recorded[stage] if one.parts.get(cache_key.CODE) == code]

    def _executions(
        self, stage: str, key: str | None = None, limit: int | None = None
    ) -> list[StageExecution]:
        found = self._store.ledger.find("stage", name=f"{self.name}.{stage}", lookup=key, limit=limit)
        return [record for record in found if isinstance(record, StageExecution)]
