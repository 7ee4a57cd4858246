"""Local API Gateway for HTTP APIs: routes, JWT authorizers and quotas over real sockets."""

from __future__ import annotations

from dataclasses import dataclass

from local.gateway.http_events import HttpEventFactory, decoded_path
from local.gateway.http_results import gateway_response, to_response
from local.gateway.integration import invoke_integration
from local.gateway.websocket_events import encode, new_id
from local.http.messages import Request, Response
from local.http.server import HttpServer
from local.identity.jwt_authorizer import Claims, JwtVerifier, RefusedTokenError
from local.runtime.invocation import MAX_PAYLOAD_BYTES, Invoker
from local.template.model import AwsEnvironment, HttpApi, HttpRoute
from shared.utils.clock import Clock

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES = 10 * 1024 * 1024
_MAX_HEAD_BYTES = 10_240
_DEFAULT = "$default"
_TOO_LARGE = "Request Entity Too Large"


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """API Gateway's quotas for HTTP APIs: the integration timeout in seconds."""

    integration: float = 30.0


class HttpGateway:
    """Serves a stack's HTTP API; without a verifier it accepts no token."""

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
        #: Prefix of all paths: `/<stage>`, or empty for the stage $default.
        self.base_path = "" if api.stage == _DEFAULT else f"/{api.stage}"

    async def listen(self, port: int = 0) -> HttpServer:
        """Serve on both loopback addresses; port 0 chooses a free one. Raises PortTakenError."""
        return await HttpServer.listen(
            self.handle,
            port=port,
            max_body_bytes=MAX_BODY_BYTES,
            too_large=gateway_response(413, _TOO_LARGE, new_id()),
            ipv6=True,
        )

    async def handle(self, request: Request) -> Response:
        """Serve a request: find its route, verify its token, invoke its function."""
        request_id = new_id()
        if _head_bytes(request) > _MAX_HEAD_BYTES:
            return gateway_response(431, "Request Header Fields Too Large", request_id)
        route = self._find_route(request)
        if route is None:
            return gateway_response(404, "Not Found", request_id)
        try:
            claims = self._authorize(route, request)
        except RefusedTokenError as error:
            challenge = ("www-authenticate", error.challenge)
            return gateway_response(401, "Unauthorized", request_id, challenge)
        now_ms = self._clock.now_ms()
        event = encode(
            self._events.build(request, route, claims, request_id=request_id, now_ms=now_ms)
        )
        if len(event) > MAX_PAYLOAD_BYTES:
            return gateway_response(413, _TOO_LARGE, request_id)
        outcome = await invoke_integration(
            self._invoker, route.function, event, self._limits.integration
        )
        return to_response(outcome, request_id)

    def _find_route(self, request: Request) -> HttpRoute | None:
        """Match method and path, then the path alone, then $default.

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

    def _authorize(self, route: HttpRoute, request: Request) -> Claims | None:
        """Return the token's claims, or None without an authorizer. Raises RefusedTokenError."""
        if route.authorizer is None:
            return None
        if self._verifier is None:
            raise RefusedTokenError
        return self._verifier.claims(route.authorizer, request.headers.get("authorization"))


def _head_bytes(request: Request) -> int:
    """Size of request line and header values, as the quota counts them."""
    values = sum(len(value) for _, value in request.raw_headers)
    return len(request.method) + len(request.target) + values
