"""The AWS services that functions call, each with its access check and port."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

from local.base.loopback import HOST
from local.faults.database import FaultyDatabase
from local.faults.functions import FunctionFaults
from local.faults.injector import FaultInjector
from local.faults.posts import FaultyPosts
from local.faults.sockets import SocketFaults
from local.gateway import management
from local.gateway.connections import Connections
from local.gateway.throttles import Throttles
from local.http.messages import Handler
from local.http.server import HttpServer
from local.iam.request_authorizer import authorized
from local.identity import cognito_issuer
from local.identity.jwt_authorizer import JwtVerifier
from local.runtime.functions import Functions
from local.services import invoke, proxy, secrets, sqs
from local.services.access_control import AccessControl
from local.services.addresses import Addresses
from local.services.queues import MessageQueue
from local.template.model import Stack
from shared.utils.clock import Clock


class AwsServices:
    """Starts the services; `close` stops them all."""

    def __init__(
        self,
        stack: Stack,
        access: AccessControl,
        clock: Clock,
        *,
        token_seconds: int,
        throttles: Throttles,
        faults: FaultInjector | None = None,
    ) -> None:
        self._stack = stack
        self._access = access
        self._clock = clock
        self._token_seconds = token_seconds
        self._throttles = throttles
        self._faults = faults
        self._cleanup = ExitStack()
        #: Verifies tokens; None without a user pool and before `start`.
        self.verifier: JwtVerifier | None = None

    async def start(
        self,
        connections: Connections,
        functions: Functions,
        queues: Mapping[str, MessageQueue],
        *,
        dynamodb_port: int,
        token_port: int,
        websocket_port: int,
    ) -> Addresses:
        """Start all services and return their addresses.

        `token_port` serves tokens; 0 takes a free port. Functions connect as clients to
        `websocket_port`. Raises PortTakenError.
        """
        return Addresses(
            management_port=await self._start_management(connections, functions),
            lambda_port=await self._start_lambda(functions),
            dynamodb_port=await self._start_dynamodb(dynamodb_port, functions),
            token_port=await self._start_token_issuer(token_port),
            sqs_port=await self._start_sqs(queues),
            secrets_port=await self._start_secrets(),
            websocket_port=websocket_port,
        )

    async def start_proxies(self, endpoints: Mapping[str, str]) -> dict[str, str]:
        """Put checking proxies before substitutes of Polly and Translate on this machine.

        `endpoints` are URLs by the names of boto3's variables. Returns all of them, with the URLs
        of the proxies. Requests of other services do not carry signed headers.
        """
        proxies = {
            "AWS_ENDPOINT_URL_POLLY": self._access.polly,
            "AWS_ENDPOINT_URL_TRANSLATE": self._access.translate,
        }
        urls = dict(endpoints)
        for name, create in proxies.items():
            port = _local_port(endpoints.get(name, ""))
            if port is not None:
                service = create(port)
                self._cleanup.callback(service.close)
                serving = await self._serve(service.handle, proxy.MAX_BODY_BYTES)
                urls[name] = f"http://{HOST}:{serving}"
        return urls

    def close(self) -> None:
        """Stop listening and close all connections."""
        self._cleanup.close()

    async def _start_management(self, connections: Connections, functions: Functions) -> int:
        api = management.ManagementApi(
            self._stack.websocket.stage,
            connections,
            self._access.connections(),
            self._throttles,
        )
        handler: Handler = api.handle
        if self._faults is not None:
            handler = FaultyPosts(
                api.handle,
                self._faults,
                SocketFaults(connections),
                FunctionFaults(functions, self._stack.functions),
            ).handle
        return await self._serve(handler, management.MAX_BODY_BYTES)

    async def _start_lambda(self, functions: Functions) -> int:
        api = invoke.LambdaApi(functions, self._access.invocations())
        return await self._serve(api.handle, invoke.MAX_BODY_BYTES)

    async def _start_dynamodb(self, port: int, functions: Functions) -> int:
        if not self._access.verifies and self._faults is None:
            return port  # a proxy would only forward
        database = self._access.database(port)
        self._cleanup.callback(database.close)
        handler: Handler = database.handle
        if self._faults is not None:
            killer = FunctionFaults(functions, self._stack.functions)
            handler = FaultyDatabase(handler, self._faults, killer).handle
        return await self._serve(handler, proxy.MAX_BODY_BYTES)

    async def _start_token_issuer(self, wanted_port: int) -> int:
        pool = self._stack.user_pool
        if pool is None:
            return 0
        issuer = cognito_issuer.TokenIssuer(
            pool.pool_id, pool.client_id, self._clock, self._token_seconds
        )
        port = await self._serve(
            issuer.handle, cognito_issuer.MAX_BODY_BYTES, wanted_port, ipv6=True
        )
        issuer.url = f"http://{HOST}:{port}/{pool.pool_id}"
        deployed = self._stack.aws.issuer_url(pool.pool_id)
        self.verifier = JwtVerifier(issuer, deployed)
        return port

    async def _start_sqs(self, queues: Mapping[str, MessageQueue]) -> int:
        if not queues:
            return 0
        api = sqs.SqsApi(queues, self._stack.aws.queue_url(""))
        return await self._serve(authorized(self._access.queues(), api.handle), sqs.MAX_BODY_BYTES)

    async def _start_secrets(self) -> int:
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


def _local_port(url: str) -> int | None:
    """The port of a URL on this machine, else None."""
    parts = urlsplit(url)
    return parts.port if parts.scheme == "http" and parts.hostname == HOST else None
