from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import pytest

from jupyter_mlops.serving import body
from jupyter_mlops.serving.problems import RequestError, TooLargeError, UnsupportedTypeError


def read(*parts: bytes, encoding: str = "", limit: int = 100) -> bytes:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    messages.append({"type": "http.disconnect"})
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    return asyncio.run(body.read(receive, encoding, limit))


def test_parts_are_joined() -> None:
    assert read(b"ab", b"cd", b"") == b"abcd"


@pytest.mark.parametrize("parts", [(b"x" * 101,), (b"x" * 60, b"x" * 60), (b"x" * 60,) * 20])
def test_too_much_is_413(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(TooLargeError):
        read(*parts)


def test_packed_bodies_are_unpacked() -> None:
    assert read(gzip.compress(b"hello"), encoding="gzip") == b"hello"
    assert read(zlib.compress(b"hello"), encoding="deflate") == b"hello"
    assert read(b"hello", encoding="identity") == b"hello"


def test_a_small_body_that_unpacks_too_large_is_413() -> None:
    with pytest.raises(TooLargeError):
        read(gzip.compress(b"x" * 10_000), encoding="gzip")


@pytest.mark.parametrize(
    "packed", [b"no gzip", gzip.compress(b"hello")[:-9], b""], ids=["no gzip", "cut off", "empty"]
)
def test_what_cannot_be_unpacked_is_refused(packed: bytes) -> None:
    with pytest.raises(RequestError):
        read(packed, encoding="gzip")


def test_unknown_encodings_are_415() -> None:
    with pytest.raises(UnsupportedTypeError):
        read(b"x", encoding="br")


def test_a_client_that_leaves_is_told_apart() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(body.DisconnectedError):
        asyncio.run(body.read(gone))
