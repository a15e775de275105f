"""The table of cases: each small notebook shows the same both ways, or is refused as the table says."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.cases.both_ways import BothWays, Outcome
from tests.cases.reading import Case, Expectation, table
from tests.cases.shells import HEAVY, LIGHT, Shells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _pytest.mark.structures import ParameterSet

CASES = table()
CHAINS = 12
_heavy = re.compile("|".join({name.partition(".")[0] for name in HEAVY}))


def named(case: Case, unsolved: str) -> ParameterSet:
    marks = [pytest.mark.xfail(reason=unsolved, strict=True)] if unsolved else []
    return pytest.param(case, id=f"{case.topic}: {case.title}", marks=marks)


def is_tried_with_stock_tools(case: Case, both: BothWays) -> bool:
    """In page order they do what our engine does, so some of those cases are enough."""
    return bool(case.xfail_stock) or (not case.xfail and (both.is_free or CASES.index(case) % CHAINS == 0))


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[bool, Shells]]:
    with Shells(LIGHT) as light, Shells() as heavy:
        yield {False: light, True: heavy}


@pytest.fixture
def shells(servers: dict[bool, Shells], case: Case) -> Shells:
    """Fork from the smaller process where that will do: it takes half the time."""
    return servers[_heavy.search(case.notebook) is not None]


def fits(outcome: Outcome, expectations: tuple[Expectation, ...]) -> bool:
    for wanted in expectations:
        if wanted.cell is None:
            if outcome.kind == wanted.outcome or wanted.outcome in outcome.kind.split():
                return True
        elif any(f.rule == wanted.outcome and f.cell == wanted.cell for f in outcome.findings):
            return True
    return False


@pytest.mark.parametrize("case", [named(case, case.xfail) for case in CASES])
def test_both_ways_show_the_same(case: Case, shells: Shells, tmp_path: Path) -> None:
    both = BothWays(shells, tmp_path, case.notebook, files=case.files, params=case.params)
    outcome = both.compare("engine")
    assert fits(outcome, case.expect), f"{outcome.kind}: {outcome.detail}"
    if case.mend:
        assert any(case.mend in finding.mend for finding in outcome.findings), outcome.detail
    for wanted in case.warns:
        found = [(finding.rule, finding.cell) for finding in both.warnings()]
        assert (wanted.outcome, wanted.cell) in found


# What the compiled folder declares is enough for the same, or for a refusal, in whatever order it allows.
@pytest.mark.parametrize("case", [named(case, case.xfail_stock) for case in CASES])
def test_stock_tools_never_show_another_thing(case: Case, shells: Shells, tmp_path: Path) -> None:
    both = BothWays(shells, tmp_path, case.notebook, files=case.files, params=case.params)
    if is_tried_with_stock_tools(case, both):
        outcome = both.compare("stock")
        assert fits(outcome, (*case.expect, Expectation("loud"))), f"{outcome.kind}: {outcome.detail}"


def test_the_table_is_as_large_as_it_must_be_and_no_case_comes_twice() -> None:
    names = Counter((case.topic, case.title) for case in CASES)
    assert not [name for name, count in names.items() if count > 1]
    contents = Counter(case.notebook + repr(case.params) for case in CASES)
    assert not [text for text, count in contents.items() if count > 1]
    assert sum(bool(case.params) for case in CASES) >= 40
    assert len(CASES) >= 190
