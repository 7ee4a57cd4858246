"""Stands before a service that checks nothing itself: who calls, and what they may."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from local.http.client import UnavailableError, Upstream
from local.http.server import Request, Response
from local.iam.request_authorizer import RequestCheck

# What the local DynamoDB tells about itself, to whoever measures: no request of AWS's API.
STATISTICS_PATH = "/_requests"
# More than a BatchWriteItem may have, so that what is too large is answered by the service.
MAX_BODY_BYTES = 32 * 1024 * 1024


class ServiceProxy:
    """Forwards what `check` admits; `unavailable` is the answer when the service gives none."""

    def __init__(
        self, check: RequestCheck, upstream: Upstream, unavailable: Callable[[], Response]
    ) -> None:
        self._check = check
        self._upstream = upstream
        self._unavailable = unavailable

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request."""
        if (request.method, request.target) != ("GET", STATISTICS_PATH):
            error = self._check(request)
            if error is not None:
                return error
        return self._forward(request)

    def close(self) -> None:
        """Drop the connections to the service."""
        self._upstream.close()

    async def _forward(self, request: Request) -> Response:
        try:
            return await self._upstream.forward(request)
        except UnavailableError:
            return self._unavailable()
