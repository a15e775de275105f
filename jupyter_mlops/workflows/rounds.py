"""The rounds of a run: all stages side by side, then what would have gone otherwise on the page runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlops.execution import planner
from jupyter_mlops.execution.scheduler import run_graph
from jupyter_mlops.workflows import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_mlops.workflows.stages import Stages
    from jupyter_mlops.workflows.validate import Again


def run_rounds(work: Stages, chosen: set[str], *, jobs: int) -> None:
    """Do the chosen stages until each has taken what the notebook run top to bottom would have given it.

    A round settles at least the first stage of the page that isn't settled yet, so there are at most as many rounds
    as stages. Stages that turn out to be needed join ``chosen``.

    Raises:
        BaseException: what a stage's work raised, or KeyboardInterrupt; nothing runs any more then.
    """
    order = work.plans.order
    known: Mapping[str, tuple[str, ...]] = work.plans.edges
    for _ in range(len(order) + 1):
        _one_round(work, [name for name in order if name in chosen], known, jobs)
        again = _review(work)
        joined = _join(work, chosen, again)
        if not again and not joined:
            return
        for name in again:
            # Out of sight for the others until it is done again.
            work.done.pop(name, None)
        work.again = again
        taken = {
            name: [pull.stage for pull in execution.pulls.values()] for name, execution in work.done.items()
        }
        after = {name: each.after for name, each in again.items()}
        known = planner.joined(order, known, taken, after)


def _one_round(work: Stages, names: list[str], edges: Mapping[str, tuple[str, ...]], jobs: int) -> None:
    run_graph(
        {name: edges[name] for name in names},
        work.do,
        jobs=jobs,
        on_skipped=lambda name, cause: work.live.update_stage(
            name, status="skipped", reason=f"stage {cause} failed", error=None
        ),
        on_interrupt=work.stop,
    )


def _review(work: Stages) -> dict[str, Again]:
    order = work.plans.order
    done = validate.review(order, work.done, work.fresh, work.paths, work.files.digest)
    failed = validate.review_failures(
        order, {n: e for n, e in work.done.items() if n not in done}, work.failed
    )
    return {**done, **failed}


def _join(work: Stages, chosen: set[str], again: dict[str, Again]) -> bool:
    """Take stages into the run that weren't asked for and make what a stage looked for in vain."""
    missed = {name: set(execution.absent) for name, execution in work.done.items() if name in work.fresh}
    for name, failure in work.failed.items():
        missed[name] = {validate.missed_name(failure.error)} - {""}
    joining = validate.joining(work.plans.order, chosen, missed, work.plans.makes)
    for maker, (name, variable) in joining.items():
        needs = planner.selection(work.plans.pipeline, [maker], work.plans.needs)
        for other in set(needs) - chosen:
            work.live.update_stage(other, status="pending", reason="")
        chosen.update(needs)
        again.setdefault(
            name, validate.Again(f"stage {maker} makes {variable}, which it looked for", (maker,))
        )
    return bool(joining)
