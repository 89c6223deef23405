"""What browsers get: the page, its script and style, and the studies' reports; each under a policy of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response

from lightune.hosting import Hosted
from lightune.server.refusals import NOT_FOUND, Refused

# Scripts and styles from the package's files and from nowhere else; nothing frames the page, no form leaves it.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# A report holds texts of strangers: its own styles and pictures show, and no script runs.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups"
)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"


def page_routes(models: Iterable[Hosted]) -> APIRouter:
    """Routes of the package's files, read once, and of the reports that the models' studies have."""
    router = APIRouter(include_in_schema=False)
    for file in sorted(files("lightune.server").joinpath("page").iterdir(), key=lambda file: file.name):
        if kind := KINDS.get(Path(file.name).suffix):
            path = "/" if file.name == INDEX else f"/static/{file.name}"
            router.add_api_route(path, _fixed(file.read_bytes(), kind), methods=["GET"], name=file.name)
    reports = {one.study: one.report for one in models if one.report is not None}

    async def report(study: str) -> Response:
        """A study's report as it is now."""
        path = reports.get(study)
        content = None if path is None else await asyncio.to_thread(_read, path)
        if content is None:
            raise Refused(NOT_FOUND)
        return _response(content, "text/html; charset=utf-8", REPORT_POLICY)

    router.add_api_route("/reports/{study}", report, methods=["GET"], name="report")
    return router


def report_path(model: Hosted) -> str | None:
    """Where the report of a model's study is served."""
    return None if model.report is None else f"/reports/{quote(model.study, safe='')}"


def _fixed(content: bytes, kind: str):  # type: ignore[no-untyped-def]
    async def fixed() -> Response:
        return _response(content, kind, PAGE_POLICY)

    return fixed


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _response(content: bytes, kind: str, policy: str) -> Response:
    headers = {"content-security-policy": policy, "cache-control": "no-cache"}
    return Response(content, media_type=None, headers={"content-type": kind, **headers})
