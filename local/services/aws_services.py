"""What the functions of a stack call, each service behind its guard, on ports of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

from local.base.loopback import HOST
from local.gateway import management
from local.gateway.connections import Connections
from local.gateway.throttles import Throttles
from local.http.server import Handler, HttpServer
from local.iam.request_authorizer import authorized
from local.identity import cognito_issuer
from local.identity.jwt_authorizer import JwtVerifier
from local.runtime.functions import Functions
from local.services import invoke, proxy, secrets, sqs
from local.services.access import Access
from local.services.addresses import Addresses
from local.services.queues import MessageQueue
from local.template.model import Stack
from shared.utils.clock import Clock


class AwsServices:
    """Opens the services; `close` ends them all."""

    def __init__(
        self,
        stack: Stack,
        access: Access,
        clock: Clock,
        *,
        token_seconds: int,
        throttles: Throttles,
    ) -> None:
        self._stack = stack
        self._access = access
        self._clock = clock
        self._token_seconds = token_seconds
        self._throttles = throttles
        self._cleanup = ExitStack()
        #: Verifies tokens; None without a user pool, or before `open`.
        self.verifier: JwtVerifier | None = None

    async def open(
        self,
        connections: Connections,
        functions: Functions,
        queues: Mapping[str, MessageQueue],
        *,
        dynamodb_port: int,
        token_port: int,
        websocket_port: int,
    ) -> Addresses:
        """Open everything; the environment of functions names its ports.

        `token_port` is where tokens are to be had, 0 for any. At `websocket_port` functions connect
        as clients do. Raises PortTakenError.
        """
        return Addresses(
            management_port=await self._manage(connections),
            lambda_port=await self._invoke(functions),
            dynamodb_port=await self._store(dynamodb_port),
            token_port=await self._issue(token_port),
            sqs_port=await self._queue(queues),
            secrets_port=await self._tell(),
            websocket_port=websocket_port,
        )

    async def guard(self, endpoints: Mapping[str, str]) -> dict[str, str]:
        """`endpoints` of services that the stack has not, with a guard before those on this
        machine that sign their requests' headers; the others as they are.
        """
        guarded_by = {
            "AWS_ENDPOINT_URL_POLLY": self._access.polly,
            "AWS_ENDPOINT_URL_TRANSLATE": self._access.translate,
        }
        found = {}
        for name, url in endpoints.items():
            port = _port_here(url)
            if name in guarded_by and port is not None:
                service = guarded_by[name](port)
                self._cleanup.callback(service.close)
                serving = await self._serve(service.handle, proxy.MAX_BODY_BYTES)
                url = f"http://{HOST}:{serving}"  # noqa: PLW2901 - that is where it is now
            found[name] = url
        return found

    def close(self) -> None:
        """Stop listening and drop all connections."""
        self._cleanup.close()

    async def _manage(self, connections: Connections) -> int:
        api = management.ManagementApi(
            self._stack.websocket.stage,
            connections,
            self._access.connections(),
            self._throttles,
        )
        return await self._serve(api.handle, management.MAX_BODY_BYTES)

    async def _invoke(self, functions: Functions) -> int:
        api = invoke.LambdaApi(functions, self._access.invocations())
        return await self._serve(api.handle, invoke.MAX_BODY_BYTES)

    async def _store(self, port: int) -> int:
        database = self._access.database(port)
        self._cleanup.callback(database.close)
        return await self._serve(database.handle, proxy.MAX_BODY_BYTES)

    async def _issue(self, wanted_port: int) -> int:
        identity = self._stack.user_pool
        if identity is None:
            return 0
        issuer = cognito_issuer.TokenIssuer(
            identity.pool_id, identity.client_id, self._clock, self._token_seconds
        )
        port = await self._serve(
            issuer.handle, cognito_issuer.MAX_BODY_BYTES, wanted_port, ipv6=True
        )
        issuer.url = f"http://{HOST}:{port}/{identity.pool_id}"
        deployed = self._stack.aws.issuer_url(identity.pool_id)
        self.verifier = JwtVerifier(issuer, deployed)
        return port

    async def _queue(self, queues: Mapping[str, MessageQueue]) -> int:
        if not queues:
            return 0
        api = sqs.SqsApi(queues, self._stack.aws.queue_url(""))
        return await self._serve(authorized(self._access.queues(), api.handle), sqs.MAX_BODY_BYTES)

    async def _tell(self) -> int:
        if not self._stack.secrets:
            return 0
        api = secrets.SecretsApi(self._stack.secrets, self._clock)
        return await self._serve(
            authorized(self._access.secrets(), api.handle), secrets.MAX_BODY_BYTES
        )

    async def _serve(
        self, handler: Handler, max_body_bytes: int, port: int = 0, *, ipv6: bool = False
    ) -> int:
        server = await HttpServer.listen(
            handler, port=port, max_body_bytes=max_body_bytes, ipv6=ipv6
        )
        self._cleanup.callback(server.close)
        return server.port


def _port_here(url: str) -> int | None:
    """The port of an address on this machine, else None."""
    parts = urlsplit(url)
    return parts.port if parts.scheme == "http" and parts.hostname == HOST else None
