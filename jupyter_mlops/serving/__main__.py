"""``python -m jupyter_mlops.serving``: one model version behind one port, until it is told to stop."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jupyter_mlops.errors import MlopsError, UsageError
from jupyter_mlops.serving.guard import TOKEN_VARIABLE, Guard, check_binding

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.serving.app import ServingApp
    from jupyter_mlops.serving.callers import Callers

GRACE_SECONDS = 30
KEEP_ALIVE_SECONDS = 75


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; exit 0 then, 2 when it can't start as told."""
    signal.signal(signal.SIGTERM, _stop)
    options = _options(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        token = os.environ.get(TOKEN_VARIABLE, "")
        callers = _callers(options)
        check_binding(options.host, token, shared=callers is not None and not callers.open)
        listener = _bind(options.host, options.port)
        app, close = _open(options, Guard(token, callers), _address(options.host, listener))
        try:
            _serve(app, listener, f"serving {options.model}/{options.version} at {app.deployment.address}")
        finally:
            close()
    except MlopsError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())} [{error.code}]\n")
        sys.exit(error.exit_code)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jupyter_mlops.serving", description=main.__doc__)
    parser.add_argument(
        "--bundle", type=Path, required=True, help="the folder with model.pkl and manifest.json"
    )
    parser.add_argument(
        "--keys", type=Path, help="the folder of the public keys that bundles may be signed with"
    )
    parser.add_argument("--project", type=Path, help="the project whose roles and access tokens count")
    parser.add_argument("--deployment", required=True, help="the id that predictions are logged under")
    parser.add_argument("--model", required=True, help="the model's name")
    parser.add_argument("--version", type=int, required=True, help="the version's number")
    parser.add_argument("--log", type=Path, required=True, help="the prediction log")
    parser.add_argument("--background", type=Path, help="the rows that explanations compare with")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args(arguments)


def _callers(options: argparse.Namespace) -> Callers | None:
    if options.project is None:
        return None
    from jupyter_mlops import settings
    from jupyter_mlops.serving.callers import Callers
    from jupyter_mlops.store.opened import open_store

    return Callers(open_store(settings.load(options.project)), options.model)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening from here on makes the port ours; who comes early waits until the model is loaded.
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't serve on {host}:{port}: {reason}", hint="choose another --port") from None
    return listener


def _address(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _open(options: argparse.Namespace, guard: Guard, address: str) -> tuple[ServingApp, Callable[[], None]]:
    from jupyter_mlops.records.serving import Deployment
    from jupyter_mlops.serving.app import ServingApp
    from jupyter_mlops.serving.explaining import read_background
    from jupyter_mlops.serving.loader import load
    from jupyter_mlops.store.keys import Keys
    from jupyter_mlops.store.predictions import PredictionLog

    deployment = Deployment(
        deployment_id=options.deployment,
        model=options.model,
        version=options.version,
        bundle=options.bundle.name,
        address=address,
    )
    model = load(options.bundle, Keys(options.keys) if options.keys else None)
    background = read_background(options.background)
    log = PredictionLog(options.log)
    app = ServingApp(model, log, deployment, guard, background=background)

    def close() -> None:
        app.close()
        log.close()

    return app, close


def _serve(app: ServingApp, listener: socket.socket, line: str) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # uvicorn takes the signals while it runs, lets the requests in work finish, and raises the signal again at the
    # end: SIGTERM then comes to `_stop`, SIGINT comes as KeyboardInterrupt.
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run([listener])


def _stop(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
