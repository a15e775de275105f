"""Everything a server says besides predictions: health, metadata, metrics; and what it is told came true."""

from __future__ import annotations

import asyncio
from importlib import metadata
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import body, feedback
from jupyter_mlops.serving.guard import token_of
from jupyter_mlops.serving.metrics import CONTENT_TYPE, Metrics
from jupyter_mlops.serving.problems import UnknownModelError

if TYPE_CHECKING:
    from starlette.requests import Request

    from jupyter_mlops.records.model import Signature, Tensor
    from jupyter_mlops.records.serving import Deployment
    from jupyter_mlops.serving.callers import Callers
    from jupyter_mlops.store.predictions import PredictionLog


def build(
    deployment: Deployment,
    signature: Signature,
    metrics: Metrics,
    log: PredictionLog,
    callers: Callers | None,
) -> Starlette:
    """Return the application for what isn't a prediction."""
    endpoints = _Endpoints(deployment, signature, metrics, log, callers)
    routes = [
        Route("/v2", _server),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
        Route("/ping", _ping),
        Route("/health", _ping),
        Route("/version", _version),
        Route("/metrics", endpoints.metrics),
    ]
    for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        routes += [
            Route(base, endpoints.metadata),
            Route(f"{base}/ready", endpoints.ready),
            Route(f"{base}/infer", endpoints.infer, methods=["POST"]),
            Route(f"{base}/explain", endpoints.infer, methods=["POST"]),
            Route(f"{base}/feedback", endpoints.feedback, methods=["POST"]),
        ]
    handlers: dict[Any, Any] = {HTTPException: _on_http_error, MlopsError: _on_error}
    handlers[body.DisconnectedError] = _gone
    return Starlette(routes=routes, exception_handlers=handlers)


class _Endpoints:
    def __init__(
        self,
        deployment: Deployment,
        signature: Signature,
        metrics: Metrics,
        log: PredictionLog,
        callers: Callers | None,
    ) -> None:
        self._deployment = deployment
        self._log = log
        self._callers = callers
        self._metrics = metrics
        self._metadata = {
            "name": deployment.model,
            "versions": [str(deployment.version)],
            "platform": "jupyter-mlops",
            "inputs": [_described(tensor) for tensor in signature.inputs],
            "outputs": [_described(tensor) for tensor in signature.outputs],
        }

    async def metadata(self, request: Request) -> Response:
        self._check(request)
        return JSONResponse(self._metadata)

    async def ready(self, request: Request) -> Response:
        self._check(request)
        return JSONResponse({"name": self._deployment.model, "ready": True})

    async def infer(self, request: Request) -> Response:
        # Questions to the model that is here never come this way.
        self._check(request)
        raise HTTPException(404)

    async def feedback(self, request: Request) -> Response:
        self._check(request)
        encoding = request.headers.get("content-encoding", "").strip().lower()
        content = await body.read(request.receive, encoding)
        author = self._callers.user(token_of(request.scope["headers"])) if self._callers else ""
        taken = await asyncio.to_thread(feedback.take, content, self._deployment.model, author, self._log)
        self._metrics.told(taken["new"])
        return JSONResponse(taken)

    async def metrics(self, _request: Request) -> Response:
        return Response(self._metrics.render(), headers={"content-type": CONTENT_TYPE})

    def _check(self, request: Request) -> None:
        name, version = request.path_params["name"], request.path_params.get("version")
        here = self._deployment
        if name != here.model or version not in (None, str(here.version)):
            asked = f"{name}/{version}" if version else name
            raise UnknownModelError(
                f"no model {asked!r} here", hint=f"this server has {here.model}/{here.version}"
            )


async def _server(_request: Request) -> Response:
    about = {"name": "jupyter-mlops", "version": _own_version(), "extensions": ["binary_tensor_data"]}
    return JSONResponse(about)


async def _live(_request: Request) -> Response:
    return JSONResponse({"live": True})


async def _ready(_request: Request) -> Response:
    return JSONResponse({"ready": True})


async def _ping(_request: Request) -> Response:
    return Response("\n", media_type="application/json")


async def _version(_request: Request) -> Response:
    return PlainTextResponse(_own_version())


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    said = {404: "there is nothing at", 405: f"{request.method} is not allowed at"}
    text = f"{said.get(status, 'the request failed at')} {request.url.path}"
    return JSONResponse({"error": text}, status, headers=getattr(error, "headers", None))


async def _on_error(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, getattr(error, "status", 500))


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # to nobody: the client left before it had said all


def _own_version() -> str:
    # Asked of the installation: the package itself stands above this one.
    try:
        return metadata.version("jupyter-mlops")
    except metadata.PackageNotFoundError:
        return "unknown"


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
