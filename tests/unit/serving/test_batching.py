from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from jupyter_mlops.serving.batching import Batcher


def one(_item: int) -> int:
    return 1


def test_what_queues_while_busy_is_one_batch() -> None:
    batches: list[list[int]] = []
    started, go_on = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        started.set()
        assert go_on.wait(10)
        return [item * 10 for item in items]

    async def scenario() -> list[int]:
        batcher: Batcher[int, int] = Batcher(work, one)
        first = asyncio.create_task(batcher.submit(0))
        await asyncio.to_thread(started.wait, 10)
        others = [asyncio.create_task(batcher.submit(number)) for number in range(1, 6)]
        await asyncio.sleep(0)
        go_on.set()
        results = [await task for task in (first, *others)]
        batcher.close()
        return results

    assert asyncio.run(scenario()) == [0, 10, 20, 30, 40, 50]
    assert batches == [[0], [1, 2, 3, 4, 5]]


def test_a_batch_ends_before_it_is_too_large_but_takes_one_at_least() -> None:
    batches: list[list[int]] = []

    def work(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        return items

    async def scenario() -> None:
        batcher: Batcher[int, int] = Batcher(work, lambda item: item, most=10)
        await asyncio.gather(*(batcher.submit(item) for item in (4, 6, 1, 50, 3)))
        batcher.close()

    asyncio.run(scenario())
    assert batches == [[4, 6], [1], [50], [3]]


def test_an_error_reaches_all_of_its_batch_and_the_next_goes_on() -> None:
    sizes: list[int] = []

    def work(items: Sequence[int]) -> Sequence[int]:
        if 0 in items:
            raise RuntimeError("broken")
        return items

    async def scenario() -> None:
        batcher: Batcher[int, int] = Batcher(work, one, observe=sizes.append)
        failed = await asyncio.gather(batcher.submit(0), batcher.submit(1), return_exceptions=True)
        assert [str(error) for error in failed] == ["broken", "broken"]
        assert await batcher.submit(2) == 2
        batcher.close()

    asyncio.run(scenario())
    assert sizes == [2, 1]


def test_a_client_that_went_away_is_no_trouble() -> None:
    async def scenario() -> int:
        batcher: Batcher[int, int] = Batcher(lambda items: items, one)
        gone = asyncio.create_task(batcher.submit(1))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        answer = await batcher.submit(2)
        batcher.close()
        return answer

    assert asyncio.run(scenario()) == 2
