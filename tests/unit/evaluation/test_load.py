from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jupyter_mlops.evaluation import load
from jupyter_mlops.evaluation.rows import NotMeasurableError

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
Answering = Callable[[bytes], list[bytes]]


@contextmanager
def server(answer: Answering) -> Iterator[load.Address]:
    """Serve what ``answer`` gives for a request's body, in pieces; nothing closes the connection."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                length = 0
                while line.strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                    line = self.rfile.readline()
                pieces = answer(self.rfile.read(length))
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
                if not pieces:
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield ("127.0.0.1", running.server_address[1])
        finally:
            running.shutdown()


def asked(
    address: load.Address,
    *bodies: bytes,
    clients: int = 1,
    seconds: float = 60.0,
    most: int = 6,
    fewest: int = 0,
):
    requests = [load.post(address, "/x", body) for body in bodies or (b"{}",)]
    return load.drive(address, requests, clients=clients, seconds=seconds, most=most, fewest=fewest)


def test_requests_in_turn_until_there_are_enough() -> None:
    seen: list[bytes] = []

    def answer(body: bytes) -> list[bytes]:
        seen.append(body)
        return [OK]

    with server(answer) as address:
        calls = asked(address, b"a", b"bb", most=5)
    assert seen == [b"a", b"bb", b"a", b"bb", b"a"]
    assert calls.shape == (5, 2)
    assert (calls[:, 1] > calls[:, 0]).all()


def test_several_at_a_time() -> None:
    together = threading.Barrier(3, timeout=20)

    def answer(_body: bytes) -> list[bytes]:
        together.wait()
        return [OK]

    with server(answer) as address:
        assert len(asked(address, clients=3, most=6)) == 6


def test_time_is_up_but_not_before_the_fewest() -> None:
    with server(lambda _: [OK]) as address:
        assert len(asked(address, seconds=0.0, most=100)) == 1
        assert len(asked(address, seconds=0.0, most=100, fewest=7)) == 7


def test_an_answer_may_come_in_pieces() -> None:
    with server(lambda _: [OK[:9], OK[9:30], OK[30:-1], OK[-1:]]) as address:
        assert len(asked(address)) == 6


@pytest.mark.parametrize(
    "answer, why",
    [
        (
            b'HTTP/1.1 400 Bad Request\r\ncontent-length: 24\r\n\r\n{"error": "no such input"}'[:-2],
            "refuses the test rows: ",
        ),
        (b'HTTP/1.1 422 X\r\ncontent-length: 17\r\n\r\n{"error": "told"}', "refuses the test rows: told"),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", "doesn't say how long it is"),
        (b"", "closed the connection"),
    ],
)
def test_what_can_not_be_answered_says_why(answer: bytes, why: str) -> None:
    with (
        server(lambda _: [answer] if answer else []) as address,
        pytest.raises(NotMeasurableError, match=why),
    ):
        asked(address)


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PATIENCE", 0.1)
    hold = threading.Event()

    def answer(_body: bytes) -> list[bytes]:
        hold.wait(20)
        return [OK]

    with server(answer) as address:
        with pytest.raises(NotMeasurableError, match="no answer in 0 seconds"):
            asked(address)
        hold.set()


def test_nobody_there() -> None:
    with server(lambda _: [OK]) as address:
        pass
    with pytest.raises(NotMeasurableError, match="can't be reached"):
        asked(address)
