"""Natural batching: idle, a request goes at once; busy, everything that queued joins the next batch. No timer."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")
MOST_ROWS = 4096


class Batcher(Generic[Item, Result]):
    """Hand items to ``work`` in batches, one batch at a time, in a thread of its own.

    A batch takes items in the order they came until their ``size`` adds up to ``most``; at least one.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        size: Callable[[Item], int],
        *,
        most: int = MOST_ROWS,
        observe: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._work = work
        self._size = size
        self._most = most
        self._observe = observe
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def submit(self, item: Item) -> Result:
        """Return what ``work`` gives for ``item``.

        Raises:
            Exception: what ``work`` raised for the batch.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if not self._busy:
            self._busy = True
            # Not right now: requests that arrived in the same turn of the loop are about to join.
            loop.call_soon(self._start, loop)
        return await future

    async def run(self, work: Callable[[], Other]) -> Other:
        """Return what ``work`` gives, called between two batches: never while another call is under way."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Wait for the batch in work and let the thread go."""
        self._thread.shutdown(wait=True)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._take()
        self._observe(sum(self._size(item) for item, _ in batch))
        running = self._thread.submit(self._work, [item for item, _ in batch])
        running.add_done_callback(lambda done: loop.call_soon_threadsafe(self._finish, loop, batch, done))

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        total, count = 0, 0
        for item, _ in self._waiting:
            total += self._size(item)
            if count and total > self._most:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Item, asyncio.Future[Result]]],
        done: Future[Sequence[Result]],
    ) -> None:
        if self._waiting:
            self._start(loop)
        else:
            self._busy = False
        error = done.exception()
        results = () if error else done.result()
        for index, (_, future) in enumerate(batch):
            if future.done():  # its client went away
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(results[index])
