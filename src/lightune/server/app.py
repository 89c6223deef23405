"""The application: its routes, what each is documented to answer, and the gate around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from lightune.server.access import Access
from lightune.server.answering import Answering, written
from lightune.server.engine import Engine, Hosting
from lightune.server.gate import Gate
from lightune.server.limits import Limits
from lightune.server.metrics import Metrics
from lightune.server.pages import page_routes, report_path
from lightune.server.reading import Bodies, ClientGone
from lightune.server.refusals import BAD_REQUEST, FAULT, NO_MODEL, NOT_FOUND, WRONG_METHOD, Refusal, Refused, stopping
from lightune.server.schema import (
    ErrorResponse,
    ExplainRequest,
    ExplainResponse,
    ModelsResponse,
    PredictRequest,
    PredictResponse,
    State,
    explain_request,
    predict_request,
)
from lightune.server.strict_json import parse
from lightune.version import VERSION

JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
ANY, COMPUTED = (400, 401, 408, 413, 421, 431, 500), (415, 422, 429, 503)


class Service:
    """Everything of one server but its sockets: `gate` is the ASGI application, `app` the one within it."""

    def __init__(
        self,
        host: Hosting,
        access: Access | None = None,
        limits: Limits | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.engine = Engine(host, self.limits, self.metrics, batch_tokens)
        self._models = dict(host.models)
        self._defaults = list(host.defaults)
        self._bodies = Bodies(self.limits)
        self._answering = Answering(self.engine, self._models)
        self.app = self._application()
        routes = {route.path for route in self.app.routes if hasattr(route, "path")}
        self.gate = Gate(self.app, self.engine, access or Access(), self.limits, self.metrics, routes)

    async def start(self) -> None:
        """Begin to compute. Raises RunError for a model that does not answer."""
        await self.engine.start()

    async def stop(self) -> bool:
        """Refuse who still waits, and end the thread that computes; whether it ended in time."""
        self.engine.abandon()
        return await self.engine.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Compute while within."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    def _application(self) -> FastAPI:
        app = FastAPI(
            title="lightune",
            version=VERSION,
            summary="Labels for texts, by the models of one or several studies.",
            docs_url=None,  # both load scripts from elsewhere
            redoc_url=None,
            openapi_url=None,  # its route would write the document anew each time
            redirect_slashes=False,
        )
        app.add_exception_handler(Refused, _refused)
        app.add_exception_handler(ClientGone, _gone)
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _invalid)
        app.add_exception_handler(Exception, _fault)
        self._add_answers(app)
        self._add_facts(app)
        app.include_router(page_routes(self._models.values()))
        document = written(self._documented(app))

        @app.get("/openapi.json", include_in_schema=False)
        async def openapi() -> Response:
            """All of this, for programs."""
            return Response(document, media_type=JSON)

        return app

    def _add_answers(self, app: FastAPI) -> None:
        @app.post("/v1/predict", response_model=PredictResponse, responses=_errors(*ANY, *COMPUTED))
        async def predict(request: Request) -> Response:
            """Label texts: each by each model, so that before and after is one request."""
            asked = predict_request(parse(await self._bodies.read(request)), self._models, self._defaults)
            return Response(await self._answering.predict(asked, request), media_type=JSON)

        @app.post("/v1/explain", response_model=ExplainResponse, responses=_errors(*ANY, *COMPUTED))
        async def explain(request: Request) -> Response:
            """Which parts of a text speak for a label: each is left out once, and the answer looked at again."""
            asked = explain_request(parse(await self._bodies.read(request)), self._models, self._defaults)
            return Response(await self._answering.explain(asked, request), media_type=JSON)

    def _add_facts(self, app: FastAPI) -> None:
        facts = written(self._facts())

        @app.get("/v1/models", response_model=ModelsResponse, responses=_errors(*ANY))
        async def models() -> Response:
            """What can be asked."""
            return Response(facts, media_type=JSON)

        @app.get("/health", response_model=State, responses=_errors(*ANY))
        async def health() -> Response:
            """Whether the process lives; never waits for a model, and asks for no key."""
            return Response(b'{"status":"ok"}', media_type=JSON)

        @app.get("/ready", response_model=State, responses=_errors(*ANY, 503))
        async def ready() -> Response:
            """Whether requests are taken: the models answer, and the server is not stopping."""
            if self.gate.stopping:
                raise Refused(stopping())
            if not self.engine.able:
                raise Refused(NO_MODEL)
            return Response(b'{"status":"ready"}', media_type=JSON)

        @app.get("/metrics", response_class=PlainTextResponse, responses=_errors(*ANY))
        async def metrics() -> Response:
            """For Prometheus."""
            return Response(self.metrics.text(), headers={"content-type": METRICS})

    def _facts(self) -> dict[str, Any]:
        models = [
            {
                **{name: getattr(one, name) for name in ("name", "study", "arm", "kind", "base")},
                "labels": list(one.labels),
                "verified": one.verified,
                "calibrated": one.temperature is not None,
                "max_length": one.max_length,
                "report": report_path(one),
            }
            for one in self._models.values()
        ]
        most = self.limits
        limits = {"texts": most.texts, "characters": most.characters, "models": most.models, "bytes": most.body_bytes}
        return {"models": models, "defaults": self._defaults, "limits": limits}

    def _documented(self, app: FastAPI) -> dict[str, Any]:
        """OpenAPI: FastAPI's, with the bodies, which the endpoints read themselves, and the models' names."""
        document = app.openapi()
        names = list(self._models)
        predicting, explaining = PredictRequest.model_json_schema(), ExplainRequest.model_json_schema()
        predicting["properties"]["models"]["items"] = {"type": "string", "enum": names}
        explaining["properties"]["model"]["enum"] = names
        for path, schema in (("/v1/predict", predicting), ("/v1/explain", explaining)):
            for field in schema["properties"].values():
                field.pop("default", None)  # stands for "not given", which is not the same as giving it
            body = {"required": True, "content": {JSON: {"schema": schema}}}
            document["paths"][path]["post"]["requestBody"] = body
        return document


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, Refused)
    return _response(error.refusal)


class _Nothing(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send nothing: nobody is there."""


async def _gone(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _Nothing()


async def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    known = {404: NOT_FOUND, 405: WRONG_METHOD}
    return _response(known.get(error.status_code, BAD_REQUEST), dict(error.headers or {}))


async def _fault(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _response(FAULT)  # and it goes on to the gate, which logs it


async def _invalid(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _response(BAD_REQUEST)


def _response(refusal: Refusal, more: dict[str, str] | None = None) -> Response:
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in refusal.all_headers}
    return Response(refusal.body, refusal.status, {**headers, **(more or {})})


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorResponse, "description": "Not answered."} for status in statuses}
