"""Drift reports over REST: show one, and hold a model's live traffic against what it was judged on."""

from __future__ import annotations

import asyncio
from typing import Any

import tornado.web
from jupyter_server.auth.decorator import authorized

from jupyter_mlops.interfaces.server.commands import answer_of
from jupyter_mlops.interfaces.server.handlers import answering
from jupyter_mlops.interfaces.server.versions import InProject


class DriftReportsHandler(InProject):
    """``POST drift-reports {path, model}``: compare a model's live traffic."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def post(self) -> tuple[int, Any]:
        """Compare, and answer when the report is on record."""
        from jupyter_mlops.workflows import drift_reports

        body = self.body()
        settings = self.project(body.get("path"))
        (model,) = self.texts(body, "model")
        sides = await asyncio.to_thread(drift_reports.sides, settings, model)
        report = await answer_of(settings, "drift", "--json", "--", *sides)
        return 201, {name: report[name] for name in ("report_id", "drifted", "summary")}


class DriftReportHandler(InProject):
    """``GET drift-reports/ID?path=``: a report's page."""

    @tornado.web.authenticated
    @authorized
    @answering
    async def get(self, report_id: str) -> tuple[int, Any]:
        """Send the page as text: whoever shows it keeps it apart from its own."""
        from jupyter_mlops.workflows import drift_reports

        settings = self.project(self.get_query_argument("path", ""))
        return 200, {"html": await asyncio.to_thread(drift_reports.page, settings, report_id)}
