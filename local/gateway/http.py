"""API Gateway's HTTP side: routes, tokens, limits; over real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from local.base.errors import LocalError
from local.gateway.http_events import HttpEventFactory, decoded_path
from local.gateway.http_results import TIMED_OUT, message, response_of
from local.gateway.websocket_events import encode, new_id
from local.http.server import HttpServer, Request, Response
from local.identity.jwt_authorizer import Claims, JwtVerifier, RefusedTokenError
from local.runtime.invocation import MAX_PAYLOAD_BYTES, Invoker, Outcome
from local.template.model import AwsEnvironment, HttpApi, HttpRoute
from shared.utils.clock import Clock

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_HEAD_BYTES = 10_240
_DEFAULT = "$default"
_TOO_LARGE = "Request Entity Too Large"


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long an integration may take (s); see the quotas above."""

    integration: float = 30.0


class HttpGateway:
    """Serves a stack's HTTP API; without a verifier nobody's token is good."""

    def __init__(
        self,
        api: HttpApi,
        aws: AwsEnvironment,
        invoker: Invoker,
        verifier: JwtVerifier | None,
        clock: Clock,
        *,
        limits: HttpLimits | None = None,
    ) -> None:
        self._api = api
        self._events = HttpEventFactory(api, aws)
        self._invoker = invoker
        self._verifier = verifier
        self._clock = clock
        self._limits = limits or HttpLimits()
        #: What stands before a route's path: the stage, unless it is $default.
        self.base_path = "" if api.stage == _DEFAULT else f"/{api.stage}"

    async def listen(self, port: int = 0) -> HttpServer:
        """Open the API on both loopback addresses; port 0 is a free one. Raises PortTakenError."""
        return await HttpServer.listen(
            self.handle,
            port=port,
            max_body_bytes=MAX_BODY_BYTES,
            too_large=message(413, _TOO_LARGE, new_id()),
            ipv6=True,
        )

    async def handle(self, request: Request) -> Response:
        """One request: its route, its token, its function, its answer."""
        request_id = new_id()
        if _head_bytes(request) > _MAX_HEAD_BYTES:
            return message(431, "Request Header Fields Too Large", request_id)
        route = self._route_of(request)
        if route is None:
            return message(404, "Not Found", request_id)
        try:
            claims = self._authorized(route, request)
        except RefusedTokenError as error:
            challenge = ("www-authenticate", error.challenge)
            return message(401, "Unauthorized", request_id, challenge)
        now_ms = self._clock.now_ms()
        event = encode(
            self._events.of(request, route, claims, request_id=request_id, now_ms=now_ms)
        )
        if len(event) > MAX_PAYLOAD_BYTES:
            return message(413, _TOO_LARGE, request_id)
        return response_of(await self._invoke(route.function, event), request_id)

    def _route_of(self, request: Request) -> HttpRoute | None:
        """By method and path, then by the path alone, then $default:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        """
        path = decoded_path(request)
        if not path.startswith(f"{self.base_path}/"):
            return None
        path = path.removeprefix(self.base_path)
        routes = self._api.routes
        for key in (f"{request.method} {path}", f"ANY {path}", _DEFAULT):
            if key in routes:
                return routes[key]
        return None

    def _authorized(self, route: HttpRoute, request: Request) -> Claims | None:
        """The claims of the token; None where none is asked for. Raises RefusedTokenError."""
        if route.authorizer is None:
            return None
        if self._verifier is None:
            raise RefusedTokenError
        return self._verifier.claims(route.authorizer, request.headers.get("authorization"))

    async def _invoke(self, function: str, event: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._limits.integration):
                return await self._invoker.invoke(function, event)
        except TimeoutError:
            return Outcome.failure(TIMED_OUT, "the integration took too long")
        except LocalError as error:
            return Outcome.failure(type(error).__name__, str(error))


def _head_bytes(request: Request) -> int:
    """Request line and values of headers, as the quota counts them."""
    values = sum(len(value) for _, value in request.raw_headers)
    return len(request.method) + len(request.target) + values
