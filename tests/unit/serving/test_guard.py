from __future__ import annotations

import pytest

from jupyter_mlops.errors import UsageError
from jupyter_mlops.serving.guard import Guard, check_binding, is_local


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.8.8", "::1"])
def test_names_of_this_machine_are_local(host: str) -> None:
    assert is_local(host)
    check_binding(host, "")


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "example.org", "localhost.example.org", "10.0.0.1"])  # noqa: S104 - tested to be refused
def test_all_others_need_a_token(host: str) -> None:
    assert not is_local(host)
    with pytest.raises(UsageError, match="JUPYTER_MLOPS_TOKEN"):
        check_binding(host, "")
    check_binding(host, "t")


@pytest.mark.parametrize("host", [b"localhost", b"localhost:8080", b"127.0.0.1:1", b"[::1]:8080"])
def test_local_hosts_are_answered(host: bytes) -> None:
    assert Guard("").refuses("/v2", [(b"host", host)]) is None


@pytest.mark.parametrize(
    "host", [b"evil.example", b"evil.example:8080", b"127.0.0.1.evil.example", b"[", b"\xff"]
)
def test_a_name_that_was_bent_to_this_machine_is_refused(host: bytes) -> None:
    assert Guard("").refuses("/v2", [(b"host", host)]) == (
        403,
        "this server answers to localhost only; ask for it by that name",
    )


def test_a_web_page_from_elsewhere_is_refused() -> None:
    headers = [(b"host", b"localhost:8080"), (b"origin", b"https://evil.example")]
    refused = Guard("").refuses("/invocations", headers)
    assert refused is not None
    assert refused[0] == 403
    assert Guard("").refuses("/v2", [(b"host", b"localhost"), (b"origin", b"http://localhost:8888")]) is None


@pytest.mark.parametrize(
    "given, status",
    [
        (b"", 401),
        (b"Bearer", 401),
        (b"Basic t0", 401),
        (b"Bearer t", 401),
        (b"Bearer t0", None),
        (b"bearer  t0", None),
    ],
)
def test_the_token_must_be_the_token(given: bytes, status: int | None) -> None:
    refused = Guard("t0").refuses("/metrics", [(b"host", b"anything"), (b"authorization", given)])
    assert (refused[0] if refused else None) == status


def test_health_needs_no_token() -> None:
    assert Guard("t0").refuses("/v2/health/ready", []) is None
