"""The serving process's HTTP side: predictions straight on ASGI, everything else through Starlette."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlops.errors import MlopsError
from jupyter_mlops.serving import body, endpoints, explaining, open_inference, scoring
from jupyter_mlops.serving.answering import Answerer, refused_gap
from jupyter_mlops.serving.batching import Batcher
from jupyter_mlops.serving.exchange import Answer, Question
from jupyter_mlops.serving.guard import action, token_of
from jupyter_mlops.serving.metrics import Metrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from jupyter_mlops.records.serving import Deployment
    from jupyter_mlops.serving.guard import Guard
    from jupyter_mlops.serving.loader import ServedModel
    from jupyter_mlops.serving.problems import Problem
    from jupyter_mlops.store.predictions import PredictionLog

logger = logging.getLogger(__name__)
Headers = tuple[tuple[bytes, bytes], ...]
# Larger bodies are decoded in a thread, so that one of them doesn't keep everybody waiting.
SMALL = 128 * 1024


class ServingApp:
    """Answer for one model version; an ASGI application."""

    def __init__(
        self,
        model: ServedModel,
        log: PredictionLog,
        deployment: Deployment,
        guard: Guard,
        *,
        limit: int = body.LIMIT,
        background: bytes = b"",
    ) -> None:
        self.model = model
        self.deployment = deployment
        self._guard = guard
        self._log = log
        self._explaining = explaining.Explaining(model, background)
        self._limit = limit
        self.metrics = Metrics(deployment.model, deployment.version, deployment.deployment_id)
        self._batcher: Batcher[Question, Answer | Problem] = Batcher(
            Answerer(model, log, deployment).answer,
            lambda question: question.rows,
            observe=self.metrics.batch,
        )
        self._infer_paths = frozenset(f"{base}/infer" for base in self._bases())
        self._explain_paths = frozenset(f"{base}/explain" for base in self._bases())
        self._others: ASGIApp = endpoints.build(
            deployment, model.manifest.signature, self.metrics, log, guard.callers
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        path = scope["path"]
        callers = self._guard.callers
        if callers is not None and callers.stale:
            await asyncio.to_thread(callers.read)
        if refused := self._guard.refuses(path, scope["headers"], scope["method"]):
            await self._refuse(scope, send, *refused)
        elif scope["method"] == "POST" and path in self._infer_paths:
            await self._predict(scope, receive, send, "open-inference")
        elif scope["method"] == "POST" and path == "/invocations":
            await self._predict(scope, receive, send, "mlflow")
        elif scope["method"] == "POST" and path in self._explain_paths:
            await self._explain(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    def close(self) -> None:
        """Wait for the batch in work."""
        self._batcher.close()

    def _bases(self) -> tuple[str, str]:
        base = f"/v2/models/{self.deployment.model}"
        return base, f"{base}/versions/{self.deployment.version}"

    async def _refuse(self, scope: Scope, send: Send, status: int, reason: str) -> None:
        callers = self._guard.callers
        if callers is not None and not callers.open:
            said = (token_of(scope["headers"]), action(scope["method"]), status, reason)
            try:
                await asyncio.to_thread(callers.record, *said)
            except MlopsError:
                logger.exception("a refusal could not be put on record")
        await _send_error(send, status, reason)

    async def _predict(self, scope: Scope, receive: Receive, send: Send, protocol: str) -> None:
        started = time.perf_counter()
        rows = 0
        try:
            status, content, headers, rows = await self._answer(scope, receive, protocol)
        except MlopsError as error:
            status = getattr(error, "status", 500)
            content, headers = _error_body(str(error))
        except body.DisconnectedError:
            return
        self.metrics.request(protocol, status, time.perf_counter() - started, rows)
        await _send(send, status, content, headers)

    async def _answer(self, scope: Scope, receive: Receive, protocol: str) -> tuple[int, bytes, Headers, int]:
        content, given = await self._received(scope, receive)
        if len(content) <= SMALL:
            question, raw = self._decode(content, given, protocol)
        else:
            question, raw = await asyncio.to_thread(self._decode, content, given, protocol)
        result = await self._batcher.submit(question)
        if not isinstance(result, Answer):
            raise result
        if protocol == "mlflow":
            document, headers = scoring.encode(result)
        else:
            document, headers = open_inference.encode(
                result, self.deployment.model, self.deployment.version, raw
            )
        named = (b"x-prediction-id", result.prediction_id.encode())
        return 200, document, (*headers, named), result.rows

    async def _explain(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            content, given = await self._received(scope, receive)
            length = given.get(b"inference-header-content-length")
            columns = await asyncio.to_thread(
                explaining.read,
                content,
                length.decode("latin-1") if length else None,
                self.model,
                self._log,
                self.deployment,
            )
            await asyncio.to_thread(self._explaining.load)
            found = [await self._explained(part) for part in explaining.parts(columns)]
            status, content = 200, explaining.encode(found, self.deployment)
        except MlopsError as error:
            status, (content, _) = getattr(error, "status", 500), _error_body(str(error))
        except body.DisconnectedError:
            return
        except Exception as error:  # the model's code may raise anything; the server must outlive it
            logger.exception("an explanation failed")
            status, (content, _) = 500, _error_body(f"the model raised {type(error).__name__}: {error}"[:500])
        self.metrics.explanation(status)
        await _send(send, status, content, ((b"content-type", b"application/json"),))

    async def _explained(self, columns: explaining.Columns) -> explaining.Explained:
        try:
            return await self._batcher.run(partial(self._explaining.explain, columns))
        except ValueError as error:
            raise refused_gap(columns, error) or error from None

    async def _received(self, scope: Scope, receive: Receive) -> tuple[bytes, dict[bytes, bytes]]:
        given = dict(scope["headers"])
        encoding = given.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        return await body.read(receive, encoding, self._limit), given

    def _decode(
        self, content: bytes, given: dict[bytes, bytes], protocol: str
    ) -> tuple[Question, frozenset[str]]:
        schema = self.model.schema
        if protocol == "mlflow":
            kind = given.get(b"content-type", b"").decode("latin-1")
            return scoring.decode(content, kind, schema), frozenset()
        length = given.get(b"inference-header-content-length")
        return open_inference.decode(content, length.decode("latin-1") if length else None, schema)


def _error_body(message: str) -> tuple[bytes, Headers]:
    return msgspec.json.encode({"error": message}), ((b"content-type", b"application/json"),)


async def _send_error(send: Send, status: int, message: str) -> None:
    content, headers = _error_body(message)
    if status == 401:  # noqa: PLR2004 - the status of HTTP
        headers = (*headers, (b"www-authenticate", b"Bearer"))
    await _send(send, status, content, headers)


async def _send(send: Send, status: int, content: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": content})
