"""Who may ask: by roles where they are granted, else by a token beyond this machine; no web page for a local port."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyter_mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_mlops.serving.callers import Callers

TOKEN_VARIABLE = "JUPYTER_MLOPS_TOKEN"  # noqa: S105 - the variable's name, not a token
OPEN_PATHS = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready"})


class Guard:
    """Decide whether a request may go on; without a token only local names are answered.

    Args:
        token: what all clients share; empty for none.
        callers: who may do what, once roles are granted in the project; then the shared token counts no longer.
    """

    def __init__(self, token: str, callers: Callers | None = None) -> None:
        self._token = token.encode()
        self.callers = callers

    def refuses(
        self, path: str, headers: Iterable[tuple[bytes, bytes]], method: str = "GET"
    ) -> tuple[int, str] | None:
        """Return status and reason when the request may not go on, else None."""
        host = origin = authorization = b""
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
        if self.callers is not None and not self.callers.open:
            return (
                None if path in OPEN_PATHS else self.callers.refuses(_bearer(authorization), action(method))
            )
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
        if hmac.compare_digest(_bearer(authorization).encode("latin-1"), self._token):
            return None
        return 401, "a token is needed; send the header Authorization: Bearer TOKEN"


def action(method: str) -> str:
    """Return what a request is in the words of the roles."""
    return "predict" if method == "POST" else "read"


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the bearer token that came with a request, empty where none did."""
    return next((_bearer(value) for name, value in headers if name == b"authorization"), "")


def _bearer(authorization: bytes) -> str:
    scheme, _, given = authorization.partition(b" ")
    return given.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def check_binding(host: str, token: str, *, shared: bool = False) -> None:
    """Refuse to listen beyond this machine without a token, unless roles are granted (``shared``).

    Raises:
        UsageError: saying which variable to set.
    """
    if not token and not shared and not is_local(host):
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
