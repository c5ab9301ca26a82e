"""The OpenAPI document, and a page to try the API: everything from this server, under a strict policy."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.api.wire import FileScanBody, ScanAnswer, ScanBody, UploadBody

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"  # noqa: E501 (one header)
REF = "#/components/schemas/{model}"
STATIC = {"": ("index.html", "text/html"), "try.js": ("try.js", "text/javascript"), "try.css": ("try.css", "text/css")}

BINARY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

HEADERS = {
    "X-Rate-Limit-Remaining": {"schema": {"type": "integer"}, "description": "requests that could follow at once"},
    "X-Quota-Remaining": {"schema": {"type": "integer"}, "description": "bytes left in this month"},
    "X-Quota-Period-End": {"schema": {"type": "string", "format": "date-time"}},
}


def json_body(model: str) -> dict[str, Any]:
    """Describe a JSON body that an endpoint reads by itself."""
    content = {"application/json": {"schema": {"$ref": REF.format(model=model)}}}
    return {"requestBody": {"required": True, "content": content}}


def add(app: FastAPI) -> None:
    """Add the document and the page to an application."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = described(app)
        return app.openapi_schema

    async def openapi(_request: Request) -> Response:
        return Response(to_json(document()), media_type="application/json")

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to write the document
    app.router.routes.append(Route("/openapi.json", openapi))
    for name in STATIC:
        app.router.routes.append(Route(f"/api/docs/{name}".rstrip("/"), _static(name)))


SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}


def described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with what FastAPI does not know of."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        servers=[{"url": "/"}],
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (ScanBody, "validation"), (UploadBody, "validation"), (FileScanBody, "validation"),
        (ScanAnswer, "serialization"),
    ]  # fmt: skip
    _, found = models_json_schema(wanted, ref_template=REF)
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["paths"]["/v3/scan"] = {"post": _scan_operation(document)}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["security"] = [] if path.startswith("/v3/findings/") else [{"key": []}]
    return document


def _scan_operation(document: dict[str, Any]) -> dict[str, Any]:
    refusals = {
        status: answer
        for status, answer in document["paths"]["/v3/upload"]["post"]["responses"].items()
        if status not in {"200", "404", "409"}
    }
    answer = {
        "description": "Findings of each item, and the redacted texts",
        "headers": HEADERS,
        "content": {"application/json": {"schema": {"$ref": REF.format(model="ScanAnswer")}}},
    }
    return {
        "tags": ["scan"],
        "summary": "Scan texts",
        "operationId": "scan_v3_scan_post",
        **json_body("ScanBody"),
        "responses": {"200": answer, **refusals},
    }


def _static(name: str) -> Any:
    async def serve(_request: Request) -> Response:
        file, media_type = STATIC[name]
        return Response(_file(file), headers={"Content-Security-Policy": POLICY, **SAFE}, media_type=media_type)

    return serve


@lru_cache(maxsize=8)
def _file(name: str) -> bytes:
    return resources.files("connectors.api").joinpath("static", name).read_bytes()
