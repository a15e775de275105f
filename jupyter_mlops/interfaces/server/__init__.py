"""The Jupyter server extension behind the sidebar: graphs and runs over REST, under ``/jupyter-mlops/``."""

from __future__ import annotations

from typing import Any


def extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server where the extension is; tornado is imported only when a server asks."""
    from jupyter_mlops.interfaces.server.extension import MlopsExtension

    return [{"module": "jupyter_mlops.interfaces.server", "app": MlopsExtension}]


# The name that Jupyter Server looks for.
_jupyter_server_extension_points = extension_points
