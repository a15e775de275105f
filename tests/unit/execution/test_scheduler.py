from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlops.execution.scheduler import run_graph

if TYPE_CHECKING:
    from collections.abc import Callable

DIAMOND: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


def run(
    graph: dict[str, tuple[str, ...]], work: Callable[[str], bool], jobs: int = 2
) -> tuple[dict[str, str], int]:
    skipped: dict[str, str] = {}
    interrupts: list[int] = []
    run_graph(
        graph, work, jobs=jobs, on_skipped=skipped.__setitem__, on_interrupt=lambda: interrupts.append(1)
    )
    return skipped, len(interrupts)


def noting(names: list[str], failing: str = "") -> Callable[[str], bool]:
    def work(name: str) -> bool:
        names.append(name)
        return name != failing

    return work


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    names = [f"s{number}" for number in range(draw(st.integers(0, 8)))]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:place]), unique=True))) if place else ()
        for place, name in enumerate(names)
    }


@given(graphs(), st.integers(1, 4), st.sets(st.integers(0, 7)))
def test_everything_runs_after_what_it_needs_or_is_skipped(
    graph: dict[str, tuple[str, ...]], jobs: int, failing: set[int]
) -> None:
    order: list[str] = []
    failed = {f"s{number}" for number in failing}
    lock = threading.Lock()

    def work(name: str) -> bool:
        with lock:
            assert all(other in order and other not in failed for other in graph[name])
            order.append(name)
        return name not in failed

    skipped, _ = run(graph, work, jobs)
    assert sorted([*order, *skipped]) == sorted(graph)
    for name, cause in skipped.items():
        assert cause in failed
        assert any(other in failed or other in skipped for other in graph[name])


def test_independent_stages_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def work(name: str) -> bool:
        if name in ("b", "c"):
            meeting.wait()
        return True

    assert run(DIAMOND, work) == ({}, 0)


def test_one_job_means_one_at_a_time_in_page_order() -> None:
    order: list[str] = []
    run(DIAMOND, noting(order), jobs=1)
    assert order == ["a", "b", "c", "d", "e"]


def test_others_go_on_when_one_fails() -> None:
    done: list[str] = []
    skipped, _ = run(DIAMOND, noting(done, "b"))
    assert sorted(done) == ["a", "b", "c", "e"]
    assert skipped == {"d": "b"}


def test_an_error_of_ours_interrupts_the_rest() -> None:
    started = threading.Event()
    stop = threading.Event()
    skipped: list[str] = []

    def work(name: str) -> bool:
        if name == "a":
            started.wait(20)
            raise ZeroDivisionError
        started.set()
        return stop.wait(20)

    with pytest.raises(ZeroDivisionError):
        run_graph(
            DIAMOND, work, jobs=2, on_skipped=lambda name, _: skipped.append(name), on_interrupt=stop.set
        )
    assert stop.is_set()
    assert skipped == []


def test_names_outside_the_graph_count_as_done() -> None:
    assert run({"b": ("a",)}, lambda _: True) == ({}, 0)
