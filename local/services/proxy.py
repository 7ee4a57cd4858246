"""A proxy that checks signatures and permissions for a service that does not."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from local.http.client import UnavailableError, Upstream
from local.http.messages import Request, Response
from local.iam.request_authorizer import RequestCheck

# Request counts of the local DynamoDB, for benchmarks; not part of AWS's API and not checked.
STATISTICS_PATH = "/_requests"
# Above the limit of BatchWriteItem, so that the service itself refuses larger requests.
MAX_BODY_BYTES = 32 * 1024 * 1024


class ServiceProxy:
    """Forwards requests that pass `check`; answers `unavailable` if the service does not."""

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
        """Close the connections to the service."""
        self._upstream.close()

    async def _forward(self, request: Request) -> Response:
        try:
            return await self._upstream.forward(request)
        except UnavailableError:
            return self._unavailable()
