"""The WebSocket API in a template: routes, integrations, authorizer, stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.apis import ApiParts
from local.template.model import IdentitySource, Route, WebSocketApi
from local.template.resources import Resource, Resources
from shared.utils.token_bucket import Budget

_IDENTITY_SOURCE = re.compile(r"route\.request\.(header|querystring)\.([A-Za-z0-9._-]+)")
_BODY_FIELD = re.compile(r"\$request\.body\.(\w+)")


class WebSocketReader:
    """Reads a WebSocket API of a template."""

    def __init__(self, resources: Resources, api: Resource, parts: ApiParts) -> None:
        self._resources = resources
        self._api = api
        self._parts = parts

    def read(self) -> WebSocketApi:
        """The API. Raises TemplateError for what this package does not run."""
        selection = _BODY_FIELD.fullmatch(self._api.text("RouteSelectionExpression"))
        if selection is None:
            raise self._api.error("RouteSelectionExpression: only $request.body.<field> works here")
        stage = self._parts.stage()
        routes = {item.key: item for item in self._routes(stage)}
        authorizer, function = self._authorizer(), None
        sources: tuple[IdentitySource, ...] = ()
        if authorizer is not None:
            path = f"authorizers/{self._resources.ref(authorizer)}"
            function = self._parts.invoked(authorizer, "AuthorizerUri", path)
            sources = _identity_sources(authorizer)
        limits = self._parts.only_stage()
        return WebSocketApi(
            self._parts.api_id,
            stage,
            selection[1],
            routes,
            function,
            sources,
            throttles={
                key: budget
                for key, settings in limits.get("RouteSettings", {}).items()
                if (budget := _throttle(limits, settings)) is not None
            },
            default_throttle=_throttle(limits, limits.get("DefaultRouteSettings", {})),
        )

    def _routes(self, stage: str) -> Iterator[Route]:
        responses = set()
        for response in self._parts.all("RouteResponse"):
            response.expect("RouteResponseKey", "$default")
            responses.add(response.text("RouteId"))
        for route in self._parts.all("Route"):
            integration = self._parts.integration_of(route)
            route.expect("RouteResponseSelectionExpression", "$default", "", default="")
            selects = route.text("RouteResponseSelectionExpression", "") == "$default"
            if selects != (self._resources.ref(route) in responses):
                # Either alone has no effect in AWS, which nobody wants.
                raise route.error("a reply needs a RouteResponse and its selection expression")
            key = route.text("RouteKey")
            function = self._parts.invoked(integration, "IntegrationUri", f"{stage}/{key}")
            yield Route(key, function, selects)

    def _authorizer(self) -> Resource | None:
        authorizers = self._parts.authorizers()
        chosen = None
        for route in self._parts.all("Route"):
            route.expect("AuthorizationType", "NONE", "CUSTOM", default="NONE")
            if route.text("AuthorizationType", "NONE") == "NONE":
                continue
            chosen = authorizers.get(route.text("AuthorizerId"))
            if chosen is None or route.text("RouteKey") != "$connect":
                raise route.error("only $connect can have an authorizer, one of this API")
        if chosen is not None:
            chosen.expect("AuthorizerType", "REQUEST")
        return chosen


def _throttle(stage: Resource, settings: Mapping[str, object]) -> Budget | None:
    """The limits of a route, None if it has none of its own. Raises TemplateError."""
    rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return None
    if not isinstance(rate, (int, float)) or not isinstance(burst, int):
        raise stage.error("a route's ThrottlingRateLimit and ThrottlingBurstLimit: two numbers")
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
