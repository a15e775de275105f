"""Clients of an HTTP server in one thread: so many at a time, each with one request under way on a connection kept open."""

from __future__ import annotations

import selectors
import socket
from contextlib import ExitStack
from itertools import cycle
from time import perf_counter_ns
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from jupyter_mlops.evaluation.rows import NotMeasurableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Address = tuple[str, int]
# A server that says nothing for so long hangs, in seconds.
PATIENCE = 120.0
_OK = 200
_CHUNK = 1 << 18


def post(address: Address, path: str, body: bytes) -> bytes:
    """Return a request with a JSON body, as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def drive(
    address: Address,
    requests: Sequence[bytes],
    *,
    clients: int,
    seconds: float,
    most: int,
    fewest: int = 0,
    clock: Callable[[], int] = perf_counter_ns,
) -> NDArray[np.int64]:
    """Send requests in turn, again from the first where they run out, until time or number is up.

    Args:
        address: the server's.
        requests: what ``post`` makes.
        clients: how many requests are under way at a time.
        seconds: after which no more are sent, ...
        most: ... or this many, ...
        fewest: ... but at least this many.
        clock: nanoseconds.

    Returns:
        Calls x 2: when each request was sent and when its answer was there, in nanoseconds, by the answers' order.

    Raises:
        NotMeasurableError: when a request is refused, or the server goes away or hangs.
    """
    calls: list[tuple[int, int]] = []
    upcoming = cycle(requests)
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        started = clock()
        ends = started + round(seconds * 1e9)
        for _ in range(min(clients, most)):
            client = stack.enter_context(_Client(address))
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(next(upcoming), clock)
        sent = under_way = min(clients, most)
        while under_way:
            ready = selector.select(PATIENCE)
            if not ready:
                raise NotMeasurableError(f"the server gave no answer in {PATIENCE:.0f} seconds")
            for key, _ in ready:
                client = key.data
                if not client.receive():
                    continue
                now = clock()
                calls.append((client.started, now))
                if sent < most and (now < ends or sent < fewest):
                    client.send(next(upcoming), clock)
                    sent += 1
                else:
                    under_way -= 1
    return np.array(calls, dtype=np.int64)


class _Client:
    """Hold one connection and what has come of its answer."""

    def __init__(self, address: Address) -> None:
        try:
            self.socket = socket.create_connection(address, timeout=PATIENCE)
        except OSError as error:
            raise NotMeasurableError(f"the server can't be reached: {error}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = 0
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: bytes, clock: Callable[[], int]) -> None:
        self.started = clock()
        try:
            self.socket.sendall(request)
        except OSError as error:
            raise NotMeasurableError(f"the server went away: {error}") from None

    def receive(self) -> bool:
        """Read on, and say whether the answer is whole now.

        Raises:
            NotMeasurableError: when it is a refusal, or will never be whole.
        """
        try:
            chunk = self.socket.recv(_CHUNK)
        except OSError as error:
            raise NotMeasurableError(f"the server went away: {error}") from None
        if not chunk:
            raise NotMeasurableError("the server closed the connection")
        self._received += chunk
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(bytes(head)):
            return False
        self._received.clear()
        status = int(head.split(b" ", 2)[1])
        if status != _OK:
            raise NotMeasurableError(f"the server refuses the test rows: {_said(bytes(body))}")
        return True


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise NotMeasurableError("the server's answer doesn't say how long it is")


def _said(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, str])["error"])[:300]
    except (msgspec.DecodeError, KeyError):
        return body[:300].decode(errors="replace")
