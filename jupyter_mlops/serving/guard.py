"""Who may ask: a token beyond this machine; on it, no web page that reaches for a local port."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

TOKEN_VARIABLE = "JUPYTER_MLOPS_TOKEN"  # noqa: S105 - the variable's name, not a token
OPEN_PATHS = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready"})


class Guard:
    """Decide whether a request may go on; without a token only local names are answered."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def refuses(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        """Return status and reason when the request may not go on, else None."""
        host = origin = authorization = b""
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
        if self._token:
            return self._by_token(path, authorization)
        # A page whose host name resolves to this machine sends that name; any other page sends its origin.
        if host and not is_local(_host_name("//" + host.decode("latin-1"))):
            return 403, "this server answers to localhost only; ask for it by that name"
        if origin and not is_local(_host_name(origin.decode("latin-1"))):
            return 403, "this server answers no other web site's pages"
        return None

    def _by_token(self, path: str, authorization: bytes) -> tuple[int, str] | None:
        if path in OPEN_PATHS:
            return None
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token):
            return None
        return 401, "a token is needed; send the header Authorization: Bearer TOKEN"


def check_binding(host: str, token: str) -> None:
    """Refuse to listen beyond this machine without a token.

    Raises:
        UsageError: saying which variable to set.
    """
    if not token and not is_local(host):
        raise UsageError(
            f"serving on {host!r} reaches beyond this machine, which needs a token",
            hint=f"set {TOKEN_VARIABLE}, or serve on 127.0.0.1",
        )


def is_local(host: str) -> bool:
    """Say whether a host name or address can only mean this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
