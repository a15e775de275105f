"""The extension's life in the server: its table of URLs, and the runs it started."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp

from jupyter_mlops.interfaces.server.drift import DriftReportHandler, DriftReportsHandler
from jupyter_mlops.interfaces.server.handlers import GraphHandler, RunHandler, RunsHandler
from jupyter_mlops.interfaces.server.runs import Runner
from jupyter_mlops.interfaces.server.versions import (
    ApprovalsHandler,
    ProjectHandler,
    PromotionsHandler,
    RollbacksHandler,
    VersionHandler,
)


class MlopsExtension(ExtensionApp):
    """Answer the sidebar; runs that are under way end with the server."""

    name = "jupyter_mlops"
    extension_url = "/jupyter-mlops"

    def initialize_settings(self) -> None:
        """Give the handlers the runner they share."""
        self.settings["jupyter_mlops_runner"] = Runner()

    def initialize_handlers(self) -> None:
        """List the URLs; the server puts its base URL in front."""
        self.handlers.extend(
            [
                (r"/jupyter-mlops/graph", GraphHandler),
                (r"/jupyter-mlops/runs", RunsHandler),
                (r"/jupyter-mlops/runs/([0-9A-Za-z-]+)", RunHandler),
                (r"/jupyter-mlops/project", ProjectHandler),
                (r"/jupyter-mlops/version", VersionHandler),
                (r"/jupyter-mlops/drift-reports", DriftReportsHandler),
                (r"/jupyter-mlops/drift-reports/([0-9A-Za-z-]+)", DriftReportHandler),
                (r"/jupyter-mlops/promotions", PromotionsHandler),
                (r"/jupyter-mlops/rollbacks", RollbacksHandler),
                (r"/jupyter-mlops/approvals", ApprovalsHandler),
            ]
        )

    async def stop_extension(self) -> None:
        """End every run that is still under way."""
        runner: Runner = self.settings["jupyter_mlops_runner"]
        await runner.close()
