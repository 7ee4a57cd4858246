"""A local HTTP API in this process with a scripted function and a token issuer."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt

from local.gateway.http import HttpGateway, HttpLimits
from local.http.messages import Request
from local.http.server import HttpServer
from local.identity.cognito_issuer import TokenIssuer
from local.identity.jwt_authorizer import JwtVerifier
from local.template.model import AwsEnvironment, HttpApi, HttpRoute, JwtAuthorizer
from tests.helpers.doubles import ManualClock
from tests.integration.local.support import Answer, Event, Script, ScriptedInvoker, call

_AWS = AwsEnvironment()
_DEPLOYED_ISSUER = _AWS.issuer_url("pool")
_AUTHORIZER = JwtAuthorizer(_DEPLOYED_ISSUER, ("client",))
# Routes by method and path, by path alone, and with an authorizer.
KEYS = ("GET /notes", "ANY /notes", "POST /private")
_ISSUER_URL = "http://127.0.0.1:1/pool"


class LocalHttpApi:
    """An HTTP API whose routes all invoke the function `web`."""

    def __init__(self, *, keys: tuple[str, ...] = KEYS, stage: str = "$default") -> None:
        # PyJWT compares a token's times with the system clock.
        self.clock = ManualClock(time.time_ns() // 1_000_000)
        self.invoker = ScriptedInvoker()
        self.issuer = TokenIssuer("pool", "client", self.clock)
        self.issuer.url = _ISSUER_URL
        routes = {
            key: HttpRoute(key, "web", _AUTHORIZER if "private" in key else None) for key in keys
        }
        self.gateway = HttpGateway(
            HttpApi("web", stage, routes),
            _AWS,
            self.invoker,
            JwtVerifier(self.issuer, _DEPLOYED_ISSUER),
            self.clock,
            limits=HttpLimits(integration=0.2),
        )
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Start listening."""
        self._server = await self.gateway.listen()

    def stop(self) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.close()

    async def request(
        self, method: str = "GET", target: str = "/notes", body: bytes = b"", **headers: str
    ) -> Answer:
        """Send a request."""
        assert self._server is not None
        return await call(self._server.port, method, target, body, **headers)

    def set_script(self, script: Script) -> None:
        """Set the script of the function."""
        self.invoker.scripts["web"] = script

    async def event(
        self, method: str = "GET", target: str = "/notes", body: bytes = b"", **headers: str
    ) -> Event:
        """Send a request that must invoke the function; returns the event."""
        before = len(self.invoker.seen("web"))
        answer = await self.request(method, target, body, **headers)
        events = self.invoker.seen("web")
        assert len(events) == before + 1, answer
        return events[-1]

    def token(self, **claims: object) -> str:
        """A token of the issuer with changed claims; None removes a claim."""
        changed = jwt.decode(self._issue(), options={"verify_signature": False}) | claims
        return self.sign({name: value for name, value in changed.items() if value is not None})

    def sign(self, claims: object, *, algorithm: str = "RS256", key_id: str | None = None) -> str:
        """Sign claims with the issuer's key."""
        (known,) = self.issuer.keys
        key: Any = self.issuer._key if algorithm.startswith("RS") else "x" * 32
        payload = json.dumps(claims).encode()
        headers = {"kid": key_id or known}
        return jwt.PyJWS().encode(payload, key, algorithm=algorithm, headers=headers)

    def _issue(self) -> str:
        body = json.dumps({"sub": "alice", "groups": ["speakers", "operators"]}).encode()
        response = self.issuer.handle(Request("POST", "/token", (), body))
        token: str = json.loads(response.body)["token"]
        return token
