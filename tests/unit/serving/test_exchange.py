from __future__ import annotations

import time
import uuid

import pytest

from jupyter_mlops.serving.exchange import check_id, new_id
from jupyter_mlops.serving.problems import RequestError


def test_new_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    ids = []
    for _ in range(3):
        ids.append(new_id())
        time.sleep(0.002)
    assert ids == sorted(ids)
    for text in ids:
        parsed = uuid.UUID(text)
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        assert abs((parsed.int >> 80) / 1000 - time.time()) < 60
    assert check_id(ids[0]) == ids[0]


def test_new_ids_differ() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("text", ["", " a", "a b", "../x", "a\n", "ä", "-a", "x" * 129, "a/b"])
def test_ids_that_cannot_travel_are_refused(text: str) -> None:
    with pytest.raises(RequestError):
        check_id(text)
