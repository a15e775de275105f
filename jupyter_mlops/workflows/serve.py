"""Put a model version before clients: record the deployment, and say how its process is started."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from typing import TYPE_CHECKING

from jupyter_mlops.errors import NotFoundError, UsageError
from jupyter_mlops.records.base import Value
from jupyter_mlops.records.serving import Deployment
from jupyter_mlops.serving.guard import TOKEN_VARIABLE, check_binding
from jupyter_mlops.store import access, stamp
from jupyter_mlops.store.opened import open_store
from jupyter_mlops.workflows.acting import acting

if TYPE_CHECKING:
    from jupyter_mlops.records.model import ModelVersion
    from jupyter_mlops.settings import Settings

PREDICTIONS = "predictions.db"
# Requests are small and many: a team of threads for each costs more in waking and waiting than it computes.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


class Launch(Value, frozen=True, kw_only=True):
    """Say how to start a serving process: its arguments and its whole environment."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    deployment: Deployment


def prepare(settings: Settings, target: str, port: int, host: str = "127.0.0.1") -> Launch:
    """Record a deployment of ``target`` and return how to start its process.

    Args:
        settings: the project.
        target: ``churn`` (its champion), ``churn@challenger`` or ``churn/3``.
        port: the port to serve on; 0 takes a free one.
        host: the address to serve on; beyond this machine the environment must hold a token, or roles be granted.

    Raises:
        NotFoundError: when there is no such version, or no champion.
        UsageError: when the port is taken or the address needs a token.
        DeniedError: when the user may not serve it.
    """
    from jupyter_mlops.workflows import background

    store = open_store(settings)
    check_binding(host, os.environ.get(TOKEN_VARIABLE, ""), shared=not access.policy(store.ledger).open)
    model = _version(settings, target)
    with acting(settings, "serve", str(model.ref), host=host) as act:
        bundle = store.bundles.path(model.bundle)
        known = background.path_of(store, model)
        port = _free_port(host, port)
        deployment = Deployment(
            deployment_id=f"{model.name}-{model.version}-{uuid.uuid4().hex[:8]}",
            model=model.name,
            version=model.version,
            bundle=model.bundle,
            address=f"http://{f'[{host}]' if ':' in host else host}:{port}",
            parents=(str(model.ref),),
            created_at=stamp.now(),
            author=stamp.author(),
        )
        store.ledger.append(deployment)
        act.note(deployment=deployment.deployment_id, address=deployment.address)
    argv = [sys.executable, "-m", "jupyter_mlops.serving", "--bundle", str(bundle)]
    argv += ["--keys", str(store.keys.folder), "--project", str(settings.root)]
    argv += ["--deployment", deployment.deployment_id, "--model", model.name, "--version", str(model.version)]
    argv += ["--log", str(settings.state / PREDICTIONS), "--port", str(port), "--host", host]
    argv += ["--background", str(known)] if known else []
    environment = {**ONE_THREAD, **os.environ}
    environment.pop(stamp.TOKEN_VARIABLE, None)  # whoever starts it lends it no name
    return Launch(argv=tuple(argv), environment=environment, deployment=deployment)


def _version(settings: Settings, target: str) -> ModelVersion:
    from jupyter_mlops.workflows.models import resolve

    if "/" in target or "@" in target:
        return resolve(settings, target)
    newest = resolve(settings, target)
    try:
        return resolve(settings, f"{target}@champion")
    except NotFoundError:
        named = f"{target}/{newest.version}"
        raise NotFoundError(
            f"{target} has no champion to serve",
            hint=f"make it one with `jupyter mlops models promote {named}`, or serve {named} as it is",
        ) from None


def _free_port(host: str, port: int) -> int:
    """Return ``port`` if it can be listened on (for 0 one that can), so that no deployment is recorded in vain."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't serve on {host}:{port}: {reason}", hint="choose another --port") from None
