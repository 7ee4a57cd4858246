"""Client for Lambda's Invoke: parallel invocations in one thread, under a deadline.

boto3 would need a thread for each, and its retry rules do not suit live audio. Invoke:
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlsplit

from shared.fanout.curl_multi import CurlMulti, OutgoingRequest
from shared.fanout.fanout_plan import FanoutPlan
from shared.fanout.sharded_sender import InvocationResult
from shared.models.delivery import Outcome
from shared.utils.ca_bundle import default_ca_bundle
from shared.utils.clock import Clock
from shared.utils.sigv4 import Credentials, SignerSource, host_of

_logger = logging.getLogger(__name__)


class LambdaInvoker:
    """Invokes one function and waits for its answers. Not thread-safe; starts no threads.

    With `asynchronous` it does not wait: SENT means that Lambda has accepted the event and will try
    it up to three times.

    Outcomes:

    * SENT: answered; the payload may be the function's error;
    * FAILED: refused, or throttled or faulty after two retries;
    * DROPPED: cut off by the deadline; the function may have run nevertheless.

    A request on a dead connection is repeated once on a new one, not counted as a retry. Payloads
    and credentials are not logged. `endpoint` is the address of the Lambda API.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        function: str,
        *,
        clock: Clock,
        asynchronous: bool = False,
        concurrency: int = 100,
        ca_bundle: str | None = None,
        connect_timeout_ms: int = 2_000,
        request_timeout_ms: int = 10_000,
    ) -> None:
        self._clock = clock
        self._type = "Event" if asynchronous else "RequestResponse"
        self._concurrency = concurrency
        self._signers = SignerSource(credentials, region, "lambda")
        # Rebuild the URL from the host, so that the Host header is the one that was signed.
        self._host = host_of(endpoint)
        self._path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        self._url = f"{urlsplit(endpoint).scheme}://{self._host}{self._path}"
        self._curl = CurlMulti(
            clock=clock,
            ca_bundle=ca_bundle or default_ca_bundle(),
            max_connections=concurrency,
            connect_timeout_ms=connect_timeout_ms,
            request_timeout_ms=request_timeout_ms,
        )

    def invoke_many(self, payloads: Sequence[bytes], deadline_at: int) -> list[InvocationResult]:
        """See `shared.fanout.sharded_sender.FunctionInvoker`.

        Exceptions of the credentials' source propagate.
        """
        signer = self._signers.current()
        answers: dict[int, bytes] = {}

        def request_of(number: int) -> OutgoingRequest:
            body = payloads[number]
            prepared = signer.prepare("POST", self._host, body, self._clock.now_ms())
            headers = [
                f"Authorization: {prepared.authorization(self._path)}",
                *prepared.headers,
                "Content-Type: application/json",
                f"X-Amz-Invocation-Type: {self._type}",
                # Keep libcurl from waiting for 100 Continue before it sends the body.
                "Expect:",
            ]
            return OutgoingRequest("POST", self._url, headers, body)

        remaining = (deadline_at - self._clock.now_ms()) / 1000
        plan = FanoutPlan(len(payloads), self._concurrency, self._clock.monotonic() + remaining)
        errors = self._curl.run(plan, request_of, answers.__setitem__)
        if errors:
            _logger.warning("invocations failed or were retried", extra={"errors": dict(errors)})
        return [
            # Functions throttle, but no function reads slowly.
            InvocationResult(
                Outcome.THROTTLED if outcome is Outcome.SLOW else outcome,
                answers.get(number, b""),
            )
            for number, outcome in enumerate(plan.outcomes())
        ]

    def close(self) -> None:
        """Close all connections. The invoker cannot be used afterwards."""
        self._curl.close()
