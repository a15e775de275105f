"""A request's body, read up to a limit and unpacked."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from jupyter_mlops.serving.problems import RequestError, TooLargeError, UnsupportedTypeError

if TYPE_CHECKING:
    from starlette.types import Receive

LIMIT = 64 * 1024 * 1024
_DRAIN = 4
_WINDOW = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class DisconnectedError(Exception):
    """The client went away before its request was complete."""


async def read(receive: Receive, encoding: str = "", limit: int = LIMIT) -> bytes:
    """Return the body, unpacked where ``encoding`` says that it is packed.

    Raises:
        TooLargeError: when it is larger than ``limit`` bytes, packed or unpacked.
        UnsupportedTypeError: for an unknown encoding.
        RequestError: when it can't be unpacked.
        DisconnectedError: when the client went away.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body = await _rest(receive, body, limit)
    if len(body) > limit:
        raise _too_large(limit)
    return _unpacked(body, encoding, limit) if encoding and encoding != "identity" else body


async def _rest(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, size, more = [first], len(first), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        part = message.get("body", b"")
        size += len(part)
        # What is too large is read on for a while, and dropped: a client that still sends would miss the answer.
        if size <= limit:
            parts.append(part)
        elif size > _DRAIN * limit:
            break
        more = message.get("more_body", False)
    if size > limit:
        raise _too_large(limit)
    return b"".join(parts)


def _unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding not in _WINDOW:
        raise UnsupportedTypeError(
            f"content encoding {encoding[:40]!r} is not read", hint="send gzip, deflate or plain"
        )
    unpacker = zlib.decompressobj(_WINDOW[encoding])
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise RequestError(f"the body is not {encoding}: {error}", hint="send it plain") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise RequestError(f"the {encoding} body is cut off", hint="send all of it")
    return plain


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is larger than {limit >> 20} MiB", hint="send fewer rows a request")
