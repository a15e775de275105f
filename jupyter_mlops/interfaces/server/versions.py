"""The project's model versions over REST: show them all and one from near, promote, approve, roll back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.auth.decorator import authorized

from jupyter_mlops import settings as project
from jupyter_mlops.errors import UsageError
from jupyter_mlops.interfaces.server.handlers import Handler, answering
from jupyter_mlops.records.base import to_builtins

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_mlops.settings import Settings


class InProject(Handler):
    """What these handlers need: the project that a notebook lies in, and texts of the body."""

    def project(self, notebook: object) -> Settings:
        """Return the settings of the notebook's project."""
        return project.load(self.notebook(notebook).parent)

    def texts(self, body: dict[str, Any], *names: str) -> list[str]:
        """Return texts of the request's body; what isn't there is empty.

        Raises:
            UsageError: when one isn't a text.
        """
        found = [body.get(name) or "" for name in names]
        for name, value in zip(names, found, strict=True):
            if not isinstance(value, str):
                raise UsageError(f"{name} is not a text", hint=f'send {{"{name}": "..."}}')
            try:
                value.encode()
            except UnicodeEncodeError:
                raise UsageError(
                    f"{name} is no text that can be written", hint="send valid Unicode"
                ) from None
        return found

    async def changed(self, change: Callable[..., Any], *names: str) -> tuple[int, Any]:
        """Call ``change`` in a thread with the project and the texts of those names; answer with its record."""
        body = self.body()
        settings = self.project(body.get("path"))
        record = await asyncio.to_thread(change, settings, *self.texts(body, *names))
        return 201, to_builtins(record)


class ProjectHandler(InProject):
    """``GET project?path=``: model versions, drift, and the end of the audit log."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def get(self) -> tuple[int, Any]:
        """Show the project."""
        from jupyter_mlops.workflows.overview import overview

        settings = self.project(self.get_query_argument("path", ""))
        return 200, await asyncio.to_thread(overview, settings)


class VersionHandler(InProject):
    """``GET version?path=&model=``: a version from near."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def get(self) -> tuple[int, Any]:
        """Show its gates, what it decides by, and the data behind it."""
        from jupyter_mlops.workflows.closeup import closeup

        settings = self.project(self.get_query_argument("path", ""))
        return 200, await asyncio.to_thread(closeup, settings, self.get_query_argument("model", ""))


class PromotionsHandler(InProject):
    """``POST promotions {path, model, alias?, override?}``: point an alias at a version."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Promote, if the gates, the approvals and the rules allow it."""
        return await self.changed(_promote, "model", "alias", "override")


class RollbacksHandler(InProject):
    """``POST rollbacks {path, name, alias?, reason?}``: point an alias back."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Roll back to the version that held the alias before."""
        return await self.changed(_roll_back, "name", "alias", "reason")


class ApprovalsHandler(InProject):
    """``POST approvals {path, model, verdict, reason?}``: say yes or no to a version."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Approve or reject, as anybody but the version's author."""
        return await self.changed(_judge, "model", "verdict", "reason")


def _promote(settings: Settings, model: str, alias: str, override: str) -> Any:
    from jupyter_mlops.workflows import models

    return models.promote(settings, model, alias or "champion", override or None)


def _roll_back(settings: Settings, name: str, alias: str, reason: str) -> Any:
    from jupyter_mlops.workflows import models

    return models.rollback(settings, name, alias or "champion", reason)


def _judge(settings: Settings, model: str, verdict: str, reason: str) -> Any:
    from jupyter_mlops.workflows import approvals

    if verdict not in ("approved", "rejected"):
        raise UsageError(f"{verdict!r} is no verdict", hint="send approved or rejected")
    say = approvals.approve if verdict == "approved" else approvals.reject
    return say(settings, model, reason)
