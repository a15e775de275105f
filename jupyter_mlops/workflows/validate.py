"""Whether what stages did side by side is what the notebook run top to bottom does: pure decisions.

A stage may start before all stages above it are done. What it took then is compared with what they have left in the
end: where it would find something else now, it runs again.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_mlops.execution.planner import header_of
from jupyter_mlops.pipeline.product import Header, Tombstone, latest
from jupyter_mlops.pipeline.spoken import is_pseudo, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from jupyter_mlops.records.run import StageError, StageExecution

# What code raises that looks for something which isn't there.
_MISSED = frozenset(
    {"NameError", "UnboundLocalError", "KeyError", "AttributeError", "FileNotFoundError", "ImportError",
     "ModuleNotFoundError", "HandoffError"}
)  # fmt: skip
# What running the same code again doesn't mend.
_FINAL = frozenset({"KernelDied", "Timeout", "Interrupted", "NoSuchKernel"})
_name_in_message = re.compile(r"'([^']+)'")


@dataclass(frozen=True)
class Again:
    """Say why a stage must run again, and which stages above it must be done before.

    ``files`` says that it must run for the files that it writes, whatever is on record.
    """

    reason: str
    after: tuple[str, ...] = ()
    files: bool = False


@dataclass(frozen=True)
class Failure:
    """Hold how a stage failed: which products it could see, and which words and paths stand in its code."""

    error: StageError
    seen: Mapping[str, str]
    words: frozenset[str]
    paths: frozenset[str]


def other_inputs(execution: StageExecution, above: Sequence[Header]) -> Again | None:
    """Say what a stage would take otherwise from what the stages above have left now; None where nothing.

    Args:
        execution: what the stage took.
        above: the products of all stages above that are done, in page order.
    """
    for name in (*sorted(execution.pulls), *execution.absent):
        now = latest(name, above)
        pull = execution.pulls.get(name)
        if now is None:
            if pull is not None:
                return Again(f"a stage above takes {spoken(name)} away before it", _named(above))
        elif isinstance(now, Tombstone):
            return Again(f"{spoken(name)} of a stage above can't be passed on to it", _named(above))
        elif pull is None or now.digest != pull.digest:
            verb = "changed" if pull is not None or is_pseudo(name) else "makes"
            return Again(f"stage {now.stage} {verb} {spoken(name)} before it", (now.stage,))
    return None


def review(
    order: Sequence[str],
    done: Mapping[str, StageExecution],
    fresh: Collection[str],
    named: Mapping[str, Collection[str]],
    digest: Callable[[str], str | None],
) -> dict[str, Again]:
    """Return which finished stages must run again, in page order.

    Args:
        order: all stages in page order.
        done: the execution that made each finished stage's outputs.
        fresh: the stages that ran in this run; the others were cached.
        named: the files that each stage's code names.
        digest: gives a file's digest as it is now, None where there is no such file.
    """
    found: dict[str, Again] = {}
    above: list[Header] = []
    writers: dict[str, tuple[str, str]] = {}
    for name in (name for name in order if name in done):
        execution = done[name]
        again = other_inputs(execution, above)
        if again is None:
            again = _other_files(execution, named.get(name, ()), writers, digest, found)
        if again is not None:
            found[name] = again
        above.append(header_of(execution))
        writers.update({_plain(path): (name, left) for path, left in execution.left.items()})
    for path, (name, left) in writers.items():
        # Another stage wrote over it: in this run, or in an earlier one and doesn't any more.
        if name not in fresh and digest(path) != left:
            found.setdefault(name, Again(f"file {path} is not as it left it", files=True))
    return found


def review_failures(
    order: Sequence[str], done: Mapping[str, StageExecution], failed: Mapping[str, Failure]
) -> dict[str, Again]:
    """Return which failed stages may succeed now, for they failed without seeing all that is above them."""
    found: dict[str, Again] = {}
    for name, failure in failed.items():
        if failure.error.type in _FINAL:
            continue
        above = [other for other in order[: order.index(name)] if other in done]
        unseen = [other for other in above if failure.seen.get(other) != done[other].product]
        if failure.error.type not in _MISSED:
            unseen = [other for other in unseen if _may_matter(done[other], failure)]
        if unseen:
            found[name] = Again(f"stage {unseen[0]} was not done when it failed", tuple(unseen))
    return found


def joining(
    order: Sequence[str],
    chosen: Collection[str],
    missed: Mapping[str, Iterable[str]],
    makes: Callable[[str, str], bool],
) -> dict[str, tuple[str, str]]:
    """Return stages that were not asked for and are needed: for each, the stage that needs it and for what.

    Args:
        order: all stages in page order.
        chosen: the stages of this run.
        missed: the names that each stage looked for in vain.
        makes: says whether a stage's code binds a name.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, looked_for in missed.items():
        above = [other for other in reversed(order[: order.index(name)]) if other not in chosen]
        for variable in looked_for:
            maker = next((other for other in above if makes(other, variable)), None)
            if maker is not None:
                found.setdefault(maker, (name, variable))
    return found


def missed_name(error: StageError) -> str:
    """Return the name that an error says isn't defined; empty where it says none."""
    match = _name_in_message.search(error.message) if error.type in ("NameError", "KeyError") else None
    return match[1] if match else ""


def _other_files(
    execution: StageExecution,
    named: Collection[str],
    writers: Mapping[str, tuple[str, str]],
    digest: Callable[[str], str | None],
    found: dict[str, Again],
) -> Again | None:
    """Say which file a stage above has left otherwise than this one met it."""
    met = {_plain(path): each for path, each in {**execution.reads, **execution.found}.items()}
    touched = {*map(_plain, named), *met, *map(_plain, execution.left)}
    for path in sorted(touched & writers.keys()):
        writer, left = writers[path]
        if met.get(path) == left:
            continue
        if digest(path) != left:
            # What the writer left is gone: without it this stage can't meet it.
            why = f"file {path} was written over before {execution.stage} met it"
            found.setdefault(writer, Again(why, files=True))
        return Again(f"stage {writer} wrote file {path} before it", (writer,))
    return None


def _may_matter(execution: StageExecution, failure: Failure) -> bool:
    """Say whether what a stage left can be the reason for a failure below it."""
    names = {*execution.outputs, *execution.deleted, *execution.lost}
    if any(is_pseudo(name) or name in failure.words for name in names):
        return True
    return bool({_plain(path) for path in execution.writes} & {_plain(path) for path in failure.paths})


def _named(above: Sequence[Header]) -> tuple[str, ...]:
    return tuple(header.stage for header in above)


def _plain(path: str) -> str:
    return posixpath.normpath(path)
