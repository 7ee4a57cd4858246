"""Client for API Gateway's @connections: posts to, inspects and closes connections.

An audio chunk goes to hundreds of connections several times a second, so all requests of a call
share one thread, one payload hash and kept-alive connections. `fanout_plan` schedules requests
and `curl_multi` transfers them. This module adds addresses and signatures, and implements
`shared.models.delivery.ConnectionSender`. Nothing else calls @connections.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from urllib.parse import quote, urlsplit

import msgspec

from shared.fanout.curl_multi import CurlMulti, OutgoingRequest
from shared.fanout.fanout_plan import FanoutPlan
from shared.fanout.slow_recipients import SlowRecipients
from shared.models.delivery import Batch, Outcome
from shared.utils.ca_bundle import default_ca_bundle
from shared.utils.clock import Clock
from shared.utils.rate_limited_log import RateLimitedLog
from shared.utils.sigv4 import Credentials, Signer, SignerSource, host_of

_logger = logging.getLogger(__name__)

#: Maximum age of a signature (ms). AWS accepts it for five minutes.
_SIGNATURE_AGE_MS = 60_000


class ConnectionInfo(msgspec.Struct, frozen=True):
    """Result of `get`: SENT with details, or GONE, FAILED or DROPPED without."""

    outcome: Outcome
    #: `connectedAt`, `lastActiveAt` (ISO 8601) and `identity` (`sourceIp`, `userAgent`).
    details: Mapping[str, object] = msgspec.field(default_factory=dict)


class ConnectionGateway:
    """Sends to connections of one API. Not thread-safe; starts no threads.

    Outcomes of a request:

    * SENT: 2xx;
    * GONE: 410;
    * SLOW: 429 for a few recipients: after two retries, or at once for live audio, which skips a
      slow recipient for a second;
    * THROTTLED: 429 for so many recipients that the account must be throttled, until the deadline;
    * FAILED: 5xx after two retries, any other status, any network error;
    * DROPPED: cut off by the deadline; the message may have arrived nevertheless.

    A recipient can get a message twice if its connection was reset.

    `credentials` is called once per call, so temporary credentials may rotate (botocore's
    `get_frozen_credentials`). Its exceptions propagate; network and recipient errors are outcomes,
    never exceptions. Payloads and credentials are not logged.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        clock: Clock,
        concurrency: int = 100,
        ca_bundle: str | None = None,
        connect_timeout_ms: int = 2_000,
        request_timeout_ms: int = 5_000,
    ) -> None:
        """Create a gateway for an endpoint.

        `endpoint` is the API's management address with its stage, `https://…/prod`. `ca_bundle` is
        a file of trusted certificate authorities, by default the system's.
        """
        self._address = _Address(endpoint)
        self._signers = SignerSource(credentials, region, "execute-api")
        self._clock = clock
        self._concurrency = concurrency
        # A connection that stops reading fails every post, so warnings are rate-limited.
        self._warnings = RateLimitedLog(clock.monotonic)
        self._slow = SlowRecipients()
        self._curl = CurlMulti(
            clock=clock,
            ca_bundle=ca_bundle or default_ca_bundle(),
            max_connections=concurrency,
            connect_timeout_ms=connect_timeout_ms,
            request_timeout_ms=request_timeout_ms,
        )

    def post_many(
        self, connection_ids: Sequence[str], data: bytes, deadline_at: int, *, live: bool = False
    ) -> dict[str, Outcome]:
        """See `ConnectionSender.post_many`. Duplicate ids are sent to once."""
        return self.post_batches([Batch(connection_ids, data)], deadline_at, live=live)[0]

    def post_batches(
        self, batches: Sequence[Batch], deadline_at: int, *, live: bool = False
    ) -> list[dict[str, Outcome]]:
        """See `ConnectionSender.post_batches`. Duplicate ids within a batch are sent to once.

        Batches take turns, so an early deadline affects all of them equally.
        """
        signer = self._signers.current()
        messages = [self._message(signer, "POST", batch.data) for batch in batches]
        skipped = self._slow.skipped(self._clock.monotonic()) if live else set()
        results = [dict.fromkeys(batch.connection_ids, Outcome.SLOW) for batch in batches]
        targets = [
            (index, connection_id)
            for turn in zip_longest(*results)
            for index, connection_id in enumerate(turn)
            if connection_id is not None and connection_id not in skipped
        ]
        requests = [(messages[index], connection_id) for index, connection_id in targets]
        outcomes = self._run(requests, deadline_at, live=live)
        for (index, connection_id), outcome in zip(targets, outcomes, strict=True):
            results[index][connection_id] = outcome
        if live:
            posts = zip((connection_id for _, connection_id in targets), outcomes, strict=True)
            self._slow.note(posts, self._clock.monotonic())
        return results

    def post(self, connection_id: str, data: bytes, deadline_at: int) -> Outcome:
        """See `ConnectionSender.post`."""
        return self.post_many([connection_id], data, deadline_at)[connection_id]

    def delete(self, connection_id: str, deadline_at: int) -> Outcome:
        """See `ConnectionSender.delete`."""
        return self.delete_many([connection_id], deadline_at)[connection_id]

    def delete_many(self, connection_ids: Sequence[str], deadline_at: int) -> dict[str, Outcome]:
        """See `ConnectionSender.delete_many`. Duplicate ids are closed once."""
        message = self._message(self._signers.current(), "DELETE")
        ids = list(dict.fromkeys(connection_ids))
        outcomes = self._run([(message, connection_id) for connection_id in ids], deadline_at)
        return dict(zip(ids, outcomes, strict=True))

    def get(self, connection_id: str, deadline_at: int) -> ConnectionInfo:
        """Get details of one connection. `deadline_at` is in ms since the epoch."""
        bodies: list[bytes] = []
        message = self._message(self._signers.current(), "GET")
        outcome = self._run(
            [(message, connection_id)], deadline_at, lambda _, body: bodies.append(body)
        )[0]
        if outcome is not Outcome.SENT:
            return ConnectionInfo(outcome)
        try:
            return ConnectionInfo(outcome, json.loads(bodies[0]))
        except ValueError:
            return ConnectionInfo(Outcome.FAILED)

    def close(self) -> None:
        """Close all connections to the API. The gateway cannot be used afterwards."""
        self._curl.close()

    def _run(
        self,
        requests: Sequence[tuple[_Message, str]],
        deadline_at: int,
        on_accepted: Callable[[int, bytes], None] | None = None,
        *,
        live: bool = False,
    ) -> list[Outcome]:
        remaining = (deadline_at - self._clock.now_ms()) / 1000
        slow = self._slow.slow() if live else set()
        plan = FanoutPlan(
            len(requests),
            self._concurrency,
            self._clock.monotonic() + remaining,
            live=live,
            known_slow={number for number, (_, target) in enumerate(requests) if target in slow},
        )

        def request_of(number: int) -> OutgoingRequest:
            message, connection_id = requests[number]
            return message.to(connection_id)

        errors = self._curl.run(plan, request_of, on_accepted)
        outcomes = plan.outcomes()
        failed = sum(map(outcomes.count, (Outcome.FAILED, Outcome.SLOW, Outcome.THROTTLED)))
        if failed and (left_out := self._warnings.due("failed")) is not None:
            _logger.warning(
                "%d of %d requests to connections failed",
                failed,
                len(outcomes),
                extra={"errors": dict(errors), "leftOut": left_out},
            )
        return outcomes

    def _message(self, signer: Signer, method: str, body: bytes = b"") -> _Message:
        return _Message(signer, self._clock, self._address, method, body)


class _Address:
    """Host, URLs and paths of an API's connections."""

    def __init__(self, endpoint: str) -> None:
        # Rebuild the origin from the host, so that the Host header is the one that was signed.
        parts, self.host = urlsplit(endpoint), host_of(endpoint)
        self._origin = f"{parts.scheme}://{self.host}"
        self._folder = f"{parts.path.rstrip('/')}/{quote('@connections', safe='')}/"
        #: Path and URL of a connection; cached, since each chunk goes to the same connections.
        self.of = lru_cache(maxsize=16_384)(self._of)

    def _of(self, connection_id: str) -> tuple[str, str]:
        path = self._folder + quote(connection_id, safe="")
        return path, self._origin + path


class _Message:
    """One method and body for any connection, signed again when the signature ages."""

    def __init__(
        self, signer: Signer, clock: Clock, address: _Address, method: str, body: bytes
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._address = address
        self._method = method
        self._body = body
        self._prepare(clock.now_ms())

    def to(self, connection_id: str) -> OutgoingRequest:
        """Return the signed request to one connection."""
        now_ms = self._clock.now_ms()
        if now_ms - self._prepared_at > _SIGNATURE_AGE_MS:
            self._prepare(now_ms)
        path, url = self._address.of(connection_id)
        authorization = f"Authorization: {self._prepared.authorization(path)}"
        return OutgoingRequest(self._method, url, [authorization, *self._headers], self._body)

    def _prepare(self, now_ms: int) -> None:
        self._prepared = self._signer.prepare(self._method, self._address.host, self._body, now_ms)
        self._prepared_at = now_ms
        self._headers = (*self._prepared.headers, "Content-Type: application/octet-stream")
