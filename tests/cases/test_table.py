"""The table of cases: each small notebook shows the same both ways, or is refused as the table says."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.cases.both_ways import BothWays, Outcome
from tests.cases.reading import Case, Expectation, table
from tests.cases.shells import HEAVY, LIGHT, TORCH, Shells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet

CASES = table()
EVERY = 12
_heavy = re.compile("|".join({name.partition(".")[0] for name in HEAVY}))


def named(case: Case) -> ParameterSet:
    marks = [pytest.mark.xfail(reason=case.xfail, strict=True)] if case.xfail else []
    return pytest.param(case, id=f"{case.topic}: {case.title}", marks=marks)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[tuple[str, ...]], Shells]]:
    with ExitStack() as stack:
        yield cache(lambda preloaded: stack.enter_context(Shells(preloaded)))


@pytest.fixture
def shells(servers: Callable[[tuple[str, ...]], Shells], case: Case) -> Shells:
    """Fork from the smallest process that will do: it takes half the time."""
    if "torch" in case.notebook:
        return servers(LIGHT + TORCH)
    return servers(LIGHT + HEAVY if _heavy.search(case.notebook) else LIGHT)


def fits(outcome: Outcome, expectations: tuple[Expectation, ...]) -> bool:
    for wanted in expectations:
        if wanted.cell is None:
            if outcome.kind == wanted.outcome or wanted.outcome in outcome.kind.split():
                return True
        elif any(f.rule == wanted.outcome and f.cell == wanted.cell for f in outcome.findings):
            return True
    return False


@pytest.mark.parametrize("case", [named(case) for case in CASES])
def test_both_ways_show_the_same(case: Case, shells: Shells, tmp_path: Path) -> None:
    both = BothWays(shells, tmp_path, case.notebook, files=case.files, params=case.params)
    outcome = both.compare("engine")
    assert fits(outcome, case.expect), f"{outcome.kind}: {outcome.detail}"
    if case.mend:
        assert any(case.mend in finding.mend for finding in outcome.findings), outcome.detail
    for wanted in case.warns:
        found = [(finding.rule, finding.cell) for finding in both.warnings()]
        assert (wanted.outcome, wanted.cell) in found


# Stock tools go in page order as well, so some of the cases are enough.
@pytest.mark.parametrize("case", [named(case) for case in CASES[::EVERY]])
def test_stock_tools_show_the_same(case: Case, shells: Shells, tmp_path: Path) -> None:
    both = BothWays(shells, tmp_path, case.notebook, files=case.files, params=case.params)
    outcome = both.compare("stock")
    assert fits(outcome, case.expect), f"{outcome.kind}: {outcome.detail}"


def test_the_table_is_as_large_as_it_must_be_and_no_case_comes_twice() -> None:
    names = Counter((case.topic, case.title) for case in CASES)
    assert not [name for name, count in names.items() if count > 1]
    contents = Counter(case.notebook + repr(case.params) for case in CASES)
    assert not [text for text, count in contents.items() if count > 1]
    assert sum(bool(case.params) for case in CASES) >= 40
    assert len(CASES) >= 190
