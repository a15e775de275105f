"""``jupyter mlops serve``: a model version over HTTP."""

from __future__ import annotations

import click


@click.command("serve")
@click.argument("target", metavar="MODEL[@ALIAS|/VERSION]")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond this machine it needs a token.")
def command(target: str, port: int, host: str) -> None:
    """Serve a model version until Ctrl-C; without alias or version its champion.

    It speaks the Open Inference Protocol (/v2/models/NAME/infer), MLflow's scoring protocol (/invocations) and
    Prometheus (/metrics). Every answer carries the id that `jupyter mlops lineage` resolves. To listen beyond this
    machine set JUPYTER_MLOPS_TOKEN; clients then send it as `Authorization: Bearer TOKEN`.
    """
    import os

    from jupyter_mlops import settings
    from jupyter_mlops.workflows import serve

    launch = serve.prepare(settings.load(), target, port, host)
    # In place of this process, so that the signals a supervisor sends reach the server itself.
    os.execve(launch.argv[0], launch.argv, launch.environment)  # noqa: S606 - no shell is wanted
