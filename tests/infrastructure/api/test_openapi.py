"""docs/http/openapi.json is generated from the table of routes."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
import schemathesis

from infrastructure.api import openapi
from infrastructure.catalogue.function_table import CONTROL, SESSION_STATUS
from infrastructure.catalogue.http_routes import HTTP_ROUTES, HttpRouteSpec
from shared.models.errors import CATALOGUE, ErrorCode

COMMON = {"429", "500", "503"}


class Note(msgspec.Struct):
    """A text to store."""

    text: Annotated[str, msgspec.Meta(max_length=9, examples=["milk"])]
    note_kind: Literal["info", "alert"] = "info"
    more: dict[str, str] | None = None


class Kept(msgspec.Struct):
    """Confirms that the text is stored."""

    note: Note
    number: int


ROUTES = (
    HttpRouteSpec(
        "POST",
        "/notes",
        CONTROL,
        request=Note,
        response=Kept,
        summary="Remember something.",
        errors=(ErrorCode.FORBIDDEN, ErrorCode.INVALID_LANGUAGE),
    ),
    HttpRouteSpec("GET", "/notes", CONTROL, response=Note),
    HttpRouteSpec(
        "POST",
        "/hook",
        SESSION_STATUS,
        authorized=False,
        request=Note,
        response=Kept,
        headers=(("X-Signature", "hex"),),
    ),
)


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(openapi.render(ROUTES))


def test_the_committed_document_is_up_to_date() -> None:
    assert openapi.DOCUMENT.read_text() == openapi.render(), "run make openapi"


def test_every_route_of_the_table_is_documented() -> None:
    paths = json.loads(openapi.DOCUMENT.read_text())["paths"]
    documented = {(method.upper(), path) for path, found in paths.items() for method in found}

    assert documented == {(spec.method, spec.path) for spec in HTTP_ROUTES}
    for spec in HTTP_ROUTES:
        assert spec.summary, spec.key
        assert spec.response, spec.key


def test_the_document_is_valid_openapi(document: Any) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()

    found = {f"{method.upper()} {path}" for path in schema for method in schema[path]}
    assert found == {spec.key for spec in ROUTES}


def test_an_operation_has_its_bodies_with_examples(document: Any) -> None:
    operation = document["paths"]["/notes"]["post"]
    asked = operation["requestBody"]["content"]["application/json"]
    answered = operation["responses"]["200"]["content"]["application/json"]

    assert operation["summary"] == "Remember something."
    assert operation["requestBody"]["required"] is True
    assert asked["schema"] == {"$ref": "#/components/schemas/Note"}
    assert asked["example"] == {"text": "milk", "note_kind": "info", "more": None}
    assert msgspec.convert(asked["example"], Note) == Note("milk")
    # A number without an example has none.
    assert answered == {"schema": {"$ref": "#/components/schemas/Kept"}}
    assert document["components"]["schemas"]["Note"]["properties"]["text"]["maxLength"] == 9


def test_operations_list_their_errors(document: Any) -> None:
    responses = document["paths"]["/notes"]["post"]["responses"]

    assert responses.keys() == {"200", "400", "401", "403", "413", *COMMON}
    for code in (ErrorCode.INVALID_MESSAGE, ErrorCode.INVALID_LANGUAGE):
        assert f"`{code.value}`: {CATALOGUE[code].when}." in responses["400"]["description"]
    error, gateway = (
        {"$ref": f"#/components/schemas/{name}"} for name in ("HttpError", "GatewayError")
    )

    def schema(status: str) -> Any:
        return responses[status]["content"]["application/json"]["schema"]

    assert schema("403") == error
    assert schema("429") == gateway
    assert schema("401") == schema("500") == {"anyOf": [error, gateway]}


def test_operations_say_whether_they_need_a_token(document: Any) -> None:
    assert document["paths"]["/notes"]["get"]["security"] == [{"accessToken": []}]
    hook = document["paths"]["/hook"]["post"]

    assert hook["security"] == []
    assert "401" not in hook["responses"]
    (header,) = hook["parameters"]
    assert (header["name"], header["in"], header["required"]) == ("X-Signature", "header", True)
