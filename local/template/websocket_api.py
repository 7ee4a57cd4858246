"""Reads the WebSocket API of a template: routes, integrations, authorizer, stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.apis import ApiResources
from local.template.model import IdentitySource, Route, WebSocketApi
from local.template.resources import Resource, Resources
from shared.utils.token_bucket import Budget

_IDENTITY_SOURCE = re.compile(r"route\.request\.(header|querystring)\.([A-Za-z0-9._-]+)")
_BODY_FIELD = re.compile(r"\$request\.body\.(\w+)")


class WebSocketApiReader:
    """Reads a WebSocket API of a template."""

    def __init__(self, resources: Resources, api: Resource, children: ApiResources) -> None:
        self._resources = resources
        self._api = api
        self._children = children

    def read(self) -> WebSocketApi:
        """Read the API. Raises TemplateError for unsupported properties."""
        selection = _BODY_FIELD.fullmatch(self._api.text("RouteSelectionExpression"))
        if selection is None:
            raise self._api.error(
                "RouteSelectionExpression: only $request.body.<field> is supported"
            )
        stage = self._children.stage()
        stage_name = self._children.stage_name()
        routes = {item.key: item for item in self._routes(stage_name)}
        authorizer, function = self._authorizer(), None
        sources: tuple[IdentitySource, ...] = ()
        if authorizer is not None:
            path = f"authorizers/{self._resources.ref(authorizer)}"
            function = self._children.invoked_function(authorizer, "AuthorizerUri", path)
            sources = _identity_sources(authorizer)
        return WebSocketApi(
            self._children.api_id,
            stage_name,
            selection[1],
            routes,
            function,
            sources,
            throttles={
                key: budget
                for key, settings in stage.get("RouteSettings", {}).items()
                if (budget := _throttle(stage, settings)) is not None
            },
            default_throttle=_throttle(stage, stage.get("DefaultRouteSettings", {})),
        )

    def _routes(self, stage: str) -> Iterator[Route]:
        responses = set()
        for response in self._children.all("RouteResponse"):
            response.expect("RouteResponseKey", "$default")
            responses.add(response.text("RouteId"))
        for route in self._children.all("Route"):
            integration = self._children.integration_of(route)
            route.expect("RouteResponseSelectionExpression", "$default", "", default="")
            replies = route.text("RouteResponseSelectionExpression", "") == "$default"
            if replies != (self._resources.ref(route) in responses):
                # In AWS, either one alone has no effect.
                raise route.error(
                    "a route that replies needs a RouteResponse and "
                    "RouteResponseSelectionExpression $default"
                )
            key = route.text("RouteKey")
            path = f"{stage}/{key}"
            function = self._children.invoked_function(integration, "IntegrationUri", path)
            yield Route(key, function, replies)

    def _authorizer(self) -> Resource | None:
        authorizers = self._children.authorizers()
        chosen = None
        for route in self._children.all("Route"):
            route.expect("AuthorizationType", "NONE", "CUSTOM", default="NONE")
            if route.text("AuthorizationType", "NONE") == "NONE":
                continue
            chosen = authorizers.get(route.text("AuthorizerId"))
            if chosen is None or route.text("RouteKey") != "$connect":
                raise route.error("only $connect can have an authorizer, which must be this API's")
        if chosen is not None:
            chosen.expect("AuthorizerType", "REQUEST")
        return chosen


def _throttle(stage: Resource, settings: Mapping[str, object]) -> Budget | None:
    """Rate and burst limits in a route's settings, or None. Raises TemplateError."""
    rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return None
    if not isinstance(rate, (int, float)) or not isinstance(burst, int):
        raise stage.error("ThrottlingRateLimit and ThrottlingBurstLimit must both be numbers")
    return Budget(rate, burst)


def _identity_sources(authorizer: Resource) -> tuple[IdentitySource, ...]:
    sources = []
    for expression in authorizer.get("IdentitySource", []):
        source = _IDENTITY_SOURCE.fullmatch(str(expression))
        if source is None:
            raise authorizer.error(
                f"IdentitySource {expression}: only route.request.header.<name> and "
                "route.request.querystring.<name> are supported"
            )
        sources.append(IdentitySource(source[1], source[2]))
    return tuple(sources)
