"""Generates docs/http/openapi.json from the table of HTTP routes.

    python -m infrastructure.api.openapi

OpenAPI 3.1 uses JSON Schema, which msgspec generates. Fields carry their own examples
(`msgspec.Meta(examples=[...])`), from which examples of whole bodies are composed.
https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from infrastructure.catalogue.http_routes import HTTP_ROUTES, HttpRouteSpec
from shared.models.errors import CATALOGUE, ErrorCode
from shared.protocol.http_messages import HttpError
from shared.protocol.message_base import PROTOCOL_VERSION

DOCUMENT = Path(__file__).parents[2] / "docs" / "http" / "openapi.json"
Schema = Mapping[str, Any]
Content = dict[str, Any]

_REF = "#/components/schemas/{name}"
_TOKEN = "accessToken"
# Errors that API Gateway returns itself, in its own format.
_OF_GATEWAY = {429: "too many requests", 500: "", 503: ""}
_UNKNOWN = object()


class GatewayError(msgspec.Struct, frozen=True):
    """An error from API Gateway itself: no token, unknown route, too many requests."""

    message: Annotated[str, msgspec.Meta(examples=["Unauthorized"])]


def document(routes: Collection[HttpRouteSpec]) -> Content:
    """The OpenAPI document of an HTTP API with these routes."""
    known: list[type[msgspec.Struct]] = [HttpError, GatewayError]
    for spec in routes:
        known += (kind for kind in (spec.request, spec.response) if kind and kind not in known)
    refs, components = msgspec.json.schema_components(known, ref_template=_REF)
    schemas = _Schemas(dict(zip(known, refs, strict=True)), components)
    paths: dict[str, Content] = {}
    for spec in routes:
        paths.setdefault(spec.path, {})[spec.method.lower()] = _operation(spec, schemas)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Lingocast HTTP API",
            "version": str(PROTOCOL_VERSION),
            "description": "For tools and scripts; clients speak the WebSocket protocol.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "{httpUrl}",
                "variables": {
                    "httpUrl": {
                        "default": "http://127.0.0.1:8767",
                        "description": "The output HttpUrl of a deployed stage; here a laptop's.",
                    }
                },
            }
        ],
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(components[name]) for name in sorted(components)},
            "securitySchemes": {
                _TOKEN: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the stage's user pool (`make token`).",
                }
            },
        },
    }


class _Schemas:
    """References to the schemas of types, and examples composed from them."""

    def __init__(
        self, refs: Mapping[type[msgspec.Struct], Schema], components: Mapping[str, Schema]
    ) -> None:
        self._refs = refs
        self._components = components

    def content(self, kind: type[msgspec.Struct]) -> Content:
        """A JSON body of this type, with an example if one can be composed."""
        body: Content = {"schema": self._refs[kind]}
        example = self._example(self._refs[kind])
        if example is not _UNKNOWN:
            body["example"] = example
        return {"application/json": body}

    def any_of(self, *kinds: type[msgspec.Struct]) -> Content:
        """A JSON body of one of these types."""
        schemas = [self._refs[kind] for kind in kinds]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return {"application/json": {"schema": schema}}

    def _example(self, schema: Schema) -> object:
        """A value that the schema names, or _UNKNOWN."""
        if "$ref" in schema:
            return self._example(self._components[schema["$ref"].rpartition("/")[2]])
        if schema.get("examples"):
            return schema["examples"][0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if "anyOf" in schema:
            found = (self._example(part) for part in schema["anyOf"])
            return next((example for example in found if example is not _UNKNOWN), _UNKNOWN)
        return self._object(schema) if "properties" in schema else _UNKNOWN

    def _object(self, schema: Schema) -> object:
        examples = {name: self._example(part) for name, part in schema["properties"].items()}
        if any(examples[name] is _UNKNOWN for name in schema.get("required", ())):
            return _UNKNOWN
        return {name: example for name, example in examples.items() if example is not _UNKNOWN}


def _tidy(schema: Schema) -> Content:
    """The schema with the lines of its docstring in one."""
    about = schema.get("description")
    return {**schema, **({"description": " ".join(about.split())} if about else {})}


def _operation(spec: HttpRouteSpec, schemas: _Schemas) -> Content:
    words = re.findall(r"[A-Za-z0-9]+", spec.path)
    operation: Content = {
        "operationId": spec.method.lower() + "".join(word[0].upper() + word[1:] for word in words),
        "summary": spec.summary,
        "tags": [spec.function.name],
        # An empty list means no token: the webhook authenticates by signature.
        "security": [{_TOKEN: []}] if spec.authorized else [],
    }
    if spec.headers:
        operation["parameters"] = [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": about,
                "schema": {"type": "string"},
            }
            for name, about in spec.headers
        ]
    if spec.request:
        operation["requestBody"] = {"required": True, "content": schemas.content(spec.request)}
    answer = {"content": schemas.content(spec.response)} if spec.response else {}
    operation["responses"] = {"200": {"description": "Done.", **answer}}
    for status, codes in _errors(spec).items():
        operation["responses"][str(status)] = _failure(spec, status, codes, schemas)
    return operation


def _errors(spec: HttpRouteSpec) -> dict[int, list[ErrorCode]]:
    """Catalogue codes by HTTP status, plus the statuses that the gateway itself returns."""
    found: dict[int, list[ErrorCode]] = {status: [] for status in _OF_GATEWAY}
    for code in dict.fromkeys(_codes(spec)):
        found.setdefault(CATALOGUE[code].status, []).append(code)
    return dict(sorted(found.items()))


def _codes(spec: HttpRouteSpec) -> Iterator[ErrorCode]:
    if spec.request:
        yield ErrorCode.INVALID_MESSAGE
        yield ErrorCode.MESSAGE_TOO_LARGE
    if spec.authorized:
        yield ErrorCode.AUTHENTICATION_REQUIRED
    yield from spec.errors
    yield ErrorCode.INTERNAL
    yield ErrorCode.UNAVAILABLE


def _failure(
    spec: HttpRouteSpec, status: int, codes: list[ErrorCode], schemas: _Schemas
) -> Content:
    lines = [f"`{code.value}`: {CATALOGUE[code].when}." for code in codes]
    by_gateway = status in _OF_GATEWAY or (status == 401 and spec.authorized)
    if by_gateway:
        lines.append(f"API Gateway itself: {_OF_GATEWAY.get(status) or 'see `message`'}.")
    kinds = ([HttpError] if codes else []) + ([GatewayError] if by_gateway else [])
    return {"description": "\n\n".join(lines), "content": schemas.any_of(*kinds)}


def render(routes: Collection[HttpRouteSpec] = HTTP_ROUTES) -> str:
    """The document as committed."""
    return json.dumps(document(routes), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(render())
    print(DOCUMENT)
