"""Thin handlers: read the request, ask, answer in JSON; errors too are JSON."""

from __future__ import annotations

import asyncio
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import tornado.web
from jupyter_server.auth.decorator import authorized
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider
from jupyter_server.base.handlers import APIHandler

from jupyter_mlops import settings as project
from jupyter_mlops.errors import BlockedError, DeniedError, MlopsError, NotFoundError, UsageError
from jupyter_mlops.interfaces.server.documents import graph_document
from jupyter_mlops.interfaces.server.paths import notebook_path
from jupyter_mlops.store import stamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_mlops.interfaces.server.runs import Runner


def answering(method: Callable[..., Awaitable[tuple[int, Any]]]) -> Callable[..., Awaitable[None]]:
    """Send what ``method`` returns (status and document), or the error it raises."""

    @functools.wraps(method)
    async def handle(self: Handler, *arguments: str) -> None:
        try:
            with stamp.speaking_for(self.user):
                status, document = await method(self, *arguments)
        except MlopsError as error:
            status = _status(error)
            document = {"message": error.message, "hint": error.hint, "code": error.code}
        self.set_status(status)
        # msgspec writes a NaN as null; what json.dumps makes of it no browser reads.
        await self.finish(msgspec.json.encode(document))

    return handle


def _status(error: MlopsError) -> int:
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, DeniedError):
        return 403
    return 409 if isinstance(error, BlockedError) else 400


class Handler(APIHandler):
    """What all handlers need: the body, the notebook it names, the runner."""

    auth_resource = "jupyter-mlops"

    @property
    def user(self) -> str:
        """Who asks, where they logged in by name; empty where all that is known is that they may use this server."""
        # These make a name up for whoever knows the token or the password.
        unnamed = type(self.identity_provider) in (IdentityProvider, PasswordIdentityProvider)
        return "" if unnamed else str(self.current_user.username)

    @property
    def runner(self) -> Runner:
        """The runner that this server's runs share."""
        runner: Runner = self.settings["jupyter_mlops_runner"]
        return runner

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object.

        Raises:
            UsageError: when the body isn't one.
        """
        try:
            document = json.loads(self.request.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UsageError(
                "the request's body is not a JSON object", hint='send {"path": "notebook.ipynb"}'
            )
        return document

    def notebook(self, name: object, *, must_exist: bool = True) -> Path:
        """Return the notebook of that name in the server's folder."""
        root = Path(self.settings["server_root_dir"]).expanduser()
        return notebook_path(root, name, must_exist=must_exist)


class GraphHandler(Handler):
    """``POST graph {path, content?}``: the graph of the saved notebook, or of the content sent."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Analyse the notebook in a thread, for that takes a while."""
        body = self.body()
        content = body.get("content")
        path = self.notebook(body.get("path"), must_exist=content is None)
        text = await asyncio.to_thread(path.read_bytes) if content is None else _text(content)
        return 200, await asyncio.to_thread(graph_document, text, path.name)


class RunsHandler(Handler):
    """``POST runs {path, params?}`` starts one, ``GET runs?path=`` lists them."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Start a run and answer at once."""
        body = self.body()
        params = body.get("params") or {}
        if not isinstance(params, dict):
            raise UsageError("params is not a JSON object", hint='send {"name": value}')
        notebook = self.notebook(body.get("path"))
        await asyncio.to_thread(_allow, notebook, "run")
        return 202, {"run_id": await self.runner.start(notebook, params)}

    @tornado.web.authenticated
    @authorized
    @answering
    async def get(self) -> tuple[int, Any]:
        """List the notebook's runs, newest first."""
        notebook = self.notebook(self.get_query_argument("path", ""))
        await asyncio.to_thread(_allow, notebook, "read")
        return 200, {"runs": await asyncio.to_thread(self.runner.recent, notebook)}


class RunHandler(Handler):
    """``GET runs/ID?path=`` shows a run, ``DELETE`` stops it."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def get(self, run_id: str) -> tuple[int, Any]:
        """Show how far the run is."""
        notebook = self.notebook(self.get_query_argument("path", ""))
        await asyncio.to_thread(_allow, notebook, "read")
        return 200, await asyncio.to_thread(self.runner.show, notebook, run_id)

    @tornado.web.authenticated
    @authorized
    @answering
    async def delete(self, run_id: str) -> tuple[int, Any]:
        """Interrupt the run; it says itself when it has ended."""
        notebook = self.notebook(self.get_query_argument("path", ""))
        await asyncio.to_thread(_allow, notebook, "run")
        self.runner.stop(notebook, run_id)
        return 202, {"run_id": run_id}


def _allow(notebook: Path, action: str) -> None:
    from jupyter_mlops.workflows.acting import allow

    settings = project.load(notebook.parent)
    inside = notebook.is_relative_to(settings.root)
    allow(settings, action, notebook.relative_to(settings.root).as_posix() if inside else str(notebook))


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
