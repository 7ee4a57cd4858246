"""The HTTP API in a template: routes, integrations, JWT authorizers, stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.apis import ApiParts
from local.template.model import HttpApi, HttpRoute, JwtAuthorizer
from local.template.resources import Resource

# Path variables are not imitated: a route that has one stops the start.
_KEY = re.compile(r"\$default|(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) (/[A-Za-z0-9\-._~/]*)")
_IDENTITY_SOURCE = "$request.header.Authorization"


class HttpReader:
    """Reads an HTTP API of a template; `issuers` are those whose tokens can be verified here."""

    def __init__(self, api: Resource, parts: ApiParts, issuers: tuple[str, ...]) -> None:
        self._api = api
        self._parts = parts
        self._issuers = issuers

    def read(self) -> HttpApi:
        """The API. Raises TemplateError for what this package does not run."""
        if self._api.get("RouteSelectionExpression") is not None:
            raise self._api.error("RouteSelectionExpression: an HTTP API has its own")
        stage = self._parts.stage()
        authorizers = {key: self._jwt(item) for key, item in self._parts.authorizers().items()}
        routes = {route.key: route for route in self._routes(stage, authorizers)}
        if not routes:
            raise self._api.error("it has no routes")
        return HttpApi(self._parts.api_id, stage, routes)

    def _routes(self, stage: str, authorizers: Mapping[str, JwtAuthorizer]) -> Iterator[HttpRoute]:
        for route in self._parts.all("Route"):
            key = route.text("RouteKey")
            parts = _KEY.fullmatch(key)
            if parts is None:
                raise route.error(f"RouteKey {key!r}: only METHOD /plain/path and $default")
            integration = self._parts.integration_of(route)
            # CloudFormation requires it; 1.0 has events of another shape:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
            integration.expect("PayloadFormatVersion", "2.0")
            # In the ARN of the caller the method is the request's, which of ANY may be any.
            method = "*" if parts[1] == "ANY" else parts[1]
            path = f"{stage}/{method}{parts[2]}" if method else f"{stage}/{key}"
            function = self._parts.invoked(integration, "IntegrationUri", path)
            yield HttpRoute(key, function, self._authorizer_of(route, authorizers))

    @staticmethod
    def _authorizer_of(
        route: Resource, authorizers: Mapping[str, JwtAuthorizer]
    ) -> JwtAuthorizer | None:
        route.expect("AuthorizationType", "NONE", "JWT", default="NONE")
        if route.text("AuthorizationType", "NONE") == "NONE":
            return None
        authorizer = authorizers.get(route.text("AuthorizerId"))
        if authorizer is None:
            raise route.error("AuthorizerId names no authorizer of this API")
        return authorizer

    def _jwt(self, resource: Resource) -> JwtAuthorizer:
        resource.expect("AuthorizerType", "JWT")
        sources = resource.get("IdentitySource", [])
        if sources != [_IDENTITY_SOURCE]:
            raise resource.error(f"IdentitySource: only {_IDENTITY_SOURCE} is supported")
        configuration = resource.get("JwtConfiguration", {})
        if unknown := configuration.keys() - {"Issuer", "Audience"}:
            raise resource.error(f"JwtConfiguration.{min(unknown)} is not supported")
        issuer, audiences = configuration.get("Issuer"), configuration.get("Audience")
        if issuer not in self._issuers:
            raise resource.error(f"JwtConfiguration.Issuer {issuer} is no user pool of this stack")
        if not audiences:
            raise resource.error("JwtConfiguration.Audience: names nobody")
        return JwtAuthorizer(issuer, tuple(map(str, audiences)))
