"""Work through a graph in parallel: a stage starts when all above it are done, and not at all when one failed."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def run_graph(
    upstream: Mapping[str, Sequence[str]],
    work: Callable[[str], bool],
    *,
    jobs: int,
    on_skipped: Callable[[str, str], None],
    on_interrupt: Callable[[], None],
) -> None:
    """Call ``work`` for every name once all its upstream names are done, ``jobs`` at a time.

    Args:
        upstream: the graph, in the order in which names are preferred; upstream names outside it count as done.
        work: does one name in a thread; returns whether it succeeded.
        jobs: how many at a time.
        on_skipped: is told a name that can't be done, and the failed name that it waited for.
        on_interrupt: is called before this returns because of Ctrl-C or an error of ``work``; makes ``work`` end.

    Raises:
        BaseException: what ``work`` raised, or KeyboardInterrupt; nothing runs any more then.
    """
    waiting = list(upstream)
    done: set[str] = set()
    broken: dict[str, str] = {}
    running: dict[Future[bool], str] = {}
    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="stage") as pool:
        try:
            while waiting or running:
                _skip_broken(waiting, upstream, broken, on_skipped)
                for name in _ready(waiting, upstream, done, jobs - len(running)):
                    waiting.remove(name)
                    running[pool.submit(work, name)] = name
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    if future.result():
                        done.add(name)
                    else:
                        broken[name] = name
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            on_interrupt()
            raise


def _ready(
    waiting: Sequence[str], upstream: Mapping[str, Sequence[str]], done: set[str], places: int
) -> list[str]:
    ready = [
        name for name in waiting if all(other in done or other not in upstream for other in upstream[name])
    ]
    return ready[:places]


def _skip_broken(
    waiting: list[str],
    upstream: Mapping[str, Sequence[str]],
    broken: dict[str, str],
    on_skipped: Callable[[str, str], None],
) -> None:
    """Take out what waits for a failed name; ``broken`` maps each such name to the one that failed."""
    found = True
    while found:
        found = False
        for name in list(waiting):
            cause = next((broken[other] for other in upstream[name] if other in broken), None)
            if cause is not None:
                waiting.remove(name)
                broken[name] = cause
                on_skipped(name, cause)
                found = True
