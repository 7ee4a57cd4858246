"""Reads the HTTP API of a template: routes, integrations, JWT authorizers, stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.apis import ApiResources
from local.template.model import HttpApi, HttpRoute, JwtAuthorizer
from local.template.resources import Resource

# Path parameters are not supported.
_ROUTE_KEY = re.compile(
    r"\$default|(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) (/[A-Za-z0-9\-._~/]*)"
)
_IDENTITY_SOURCE = "$request.header.Authorization"


class HttpApiReader:
    """Reads an HTTP API; `issuers` are the token issuers that the local stack can verify."""

    def __init__(self, api: Resource, children: ApiResources, issuers: tuple[str, ...]) -> None:
        self._api = api
        self._children = children
        self._issuers = issuers

    def read(self) -> HttpApi:
        """Read the API. Raises TemplateError for unsupported properties."""
        if self._api.get("RouteSelectionExpression") is not None:
            raise self._api.error("RouteSelectionExpression is not supported for an HTTP API")
        stage = self._children.stage_name()
        authorizers = {key: self._jwt(item) for key, item in self._children.authorizers().items()}
        routes = {route.key: route for route in self._routes(stage, authorizers)}
        if not routes:
            raise self._api.error("the API has no routes")
        return HttpApi(self._children.api_id, stage, routes)

    def _routes(self, stage: str, authorizers: Mapping[str, JwtAuthorizer]) -> Iterator[HttpRoute]:
        for route in self._children.all("Route"):
            key = route.text("RouteKey")
            match = _ROUTE_KEY.fullmatch(key)
            if match is None:
                raise route.error(
                    f"RouteKey {key!r}: only METHOD /plain/path and $default are supported"
                )
            integration = self._children.integration_of(route)
            # CloudFormation requires the version; the events of 1.0 have another format:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
            integration.expect("PayloadFormatVersion", "2.0")
            # The caller's ARN contains the request's method, which for ANY can be any method.
            method = "*" if match[1] == "ANY" else match[1]
            path = f"{stage}/{method}{match[2]}" if method else f"{stage}/{key}"
            function = self._children.invoked_function(integration, "IntegrationUri", path)
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
            raise route.error("AuthorizerId is not an authorizer of this API")
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
            raise resource.error(
                f"JwtConfiguration.Issuer {issuer} is not a user pool of this stack"
            )
        if not audiences:
            raise resource.error("JwtConfiguration.Audience is empty")
        return JwtAuthorizer(issuer, tuple(map(str, audiences)))
