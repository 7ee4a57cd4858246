"""Fan-out: sends messages to audiences and counts the outcomes.

Failures are isolated per recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.fanout.audience import Audience, LanguageAudience
from shared.fanout.rosters import RosterSource
from shared.fanout.rotation import Rotation
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Time limit for removing gone connections after one fan-out (s): less than a chunk, so that this
# instance is free for the next one.
_REMOVAL_SECONDS = 0.1


class BroadcastResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Counts for one fan-out to one audience.

    `failure_count` covers posts that were refused or failed after all retries, `slow_count`
    recipients that read too slowly, `throttled_count` posts refused because the account is
    throttled, `dropped_count` posts cut off by the deadline. `error` is set if the audience could
    not be looked up.
    """

    session_id: str
    language: str
    success_count: int = 0
    failure_count: int = 0
    slow_count: int = 0
    throttled_count: int = 0
    dropped_count: int = 0
    stale_removed: int = 0
    duration_ms: float = 0.0
    error: str | None = None

    @property
    def refused_count(self) -> int:
        """Posts that were refused, for any reason."""
        return self.failure_count + self.slow_count + self.throttled_count

    @property
    def recipient_count(self) -> int:
        """Recipients of the message."""
        return self.success_count + self.missed_count + self.stale_removed

    @property
    def missed_count(self) -> int:
        """Recipients that are connected but were not reached."""
        return self.refused_count + self.dropped_count


class Delivery(NamedTuple):
    """The result for one audience, with the outcome of each recipient by connection id."""

    result: BroadcastResult
    outcomes: Mapping[str, Outcome]


Measure = Callable[[Telemetry, BroadcastResult], None]


class BroadcastHandler:
    """Sends messages to audiences.

    Never raises for a recipient or a failed lookup; the result reports both.
    `remove_gone(session_id, connection_id)` removes a connection that answered 410 Gone.
    `measure` records the metrics of each result; by default those of audio.
    """

    def __init__(
        self,
        sender: ConnectionSender,
        rosters: RosterSource,
        *,
        remove_gone: Callable[[str, str], None],
        clock: Clock,
        telemetry: Telemetry,
        measure: Measure | None = None,
    ) -> None:
        self._sender = sender
        self._rosters = rosters
        self._remove_gone = remove_gone
        self._clock = clock
        self._telemetry = telemetry
        self._measure = measure or measure_fanout
        self._rotation = Rotation()

    def broadcast_to_language(
        self, session: Session, language: str, data: bytes, deadline_at: int
    ) -> BroadcastResult:
        """Send one chunk to the audience of a language in the session.

        `data` is the encoded message. Posts that have not been sent by `deadline_at` (ms since
        the epoch) are dropped.
        """
        audience = LanguageAudience(session, language, self._rosters)
        return self.broadcast([(audience, data)], deadline_at, live=True)[0].result

    def broadcast(
        self, messages: Sequence[tuple[Audience, bytes]], deadline_at: int, *, live: bool = False
    ) -> list[Delivery]:
        """Send each message to its audience, all in parallel under one concurrency limit.

        Messages that are not `live` are retried for slow recipients. Returns one delivery per
        message, in order.
        """
        started_at = self._clock.monotonic()
        lookups = [self._look_up(audience) for audience, _ in messages]
        outcomes = self._sender.post_batches(
            [
                Batch(ids if isinstance(ids, list) else [], data)
                for ids, (_, data) in zip(lookups, messages, strict=True)
            ],
            deadline_at,
            live=live,
        )
        return [
            Delivery(self._conclude(audience, found, lookup, started_at), found)
            for (audience, _), lookup, found in zip(messages, lookups, outcomes, strict=True)
        ]

    def _look_up(self, audience: Audience) -> list[str] | str:
        """Return the recipients, or an error message if the lookup failed."""
        try:
            return self._rotation.rotated(list(audience.connection_ids()))
        except StoreUnavailableError as error:
            return f"listener query failed: {error.cause}"

    def _conclude(
        self,
        audience: Audience,
        outcomes: Mapping[str, Outcome],
        lookup: list[str] | str,
        started_at: float,
    ) -> BroadcastResult:
        found = list(outcomes.values())
        tally = {outcome: found.count(outcome) for outcome in Outcome}
        duration_ms = (self._clock.monotonic() - started_at) * 1000
        if tally[Outcome.GONE]:
            self._remove(audience, outcomes)
        result = BroadcastResult(
            session_id=audience.session_id,
            language=audience.label,
            success_count=tally[Outcome.SENT],
            failure_count=tally[Outcome.FAILED],
            slow_count=tally[Outcome.SLOW],
            throttled_count=tally[Outcome.THROTTLED],
            dropped_count=tally[Outcome.DROPPED],
            stale_removed=tally[Outcome.GONE],
            duration_ms=duration_ms,
            error=lookup if isinstance(lookup, str) else None,
        )
        self._report(result)
        return result

    def _remove(self, audience: Audience, outcomes: Mapping[str, Outcome]) -> None:
        # A whole audience can be gone at once. The next fan-out finds the ones left over.
        give_up_at = self._clock.monotonic() + _REMOVAL_SECONDS
        for connection_id, outcome in outcomes.items():
            if outcome is not Outcome.GONE:
                continue
            if self._clock.monotonic() >= give_up_at:
                return
            try:
                self._remove_gone(audience.session_id, connection_id)
            except StoreUnavailableError as error:
                # The sweep or the next fan-out will find it again.
                self._telemetry.warn("gone connection not removed", cause=error.cause)

    def _report(self, result: BroadcastResult) -> None:
        self._measure(self._telemetry, result)
        if result.error:
            context = {"sessionId": result.session_id, "language": result.language}
            self._telemetry.count("FanoutLookupFailed")
            self._telemetry.warn("audience lookup failed", cause=result.error, **context)


def measure_fanout(telemetry: Telemetry, result: BroadcastResult) -> None:
    """Record the metrics of an audio fan-out."""
    context = {"sessionId": result.session_id, "language": result.language}
    telemetry.count("FanoutDelivered", result.success_count, **context)
    for name, value in (
        ("FanoutFailed", result.failure_count),
        ("FanoutSlow", result.slow_count),
        ("FanoutThrottled", result.throttled_count),
        ("FanoutDropped", result.dropped_count),
        ("FanoutStale", result.stale_removed),
    ):
        if value:
            telemetry.count(name, value)
    telemetry.duration("FanoutDuration", result.duration_ms)


def measure_captions(telemetry: Telemetry, result: BroadcastResult) -> None:
    """Record the metrics of a caption fan-out, kept apart from those of audio."""
    for name, value in (
        ("CaptionsDelivered", result.success_count),
        ("CaptionsFailed", result.refused_count),
        ("CaptionsDropped", result.dropped_count),
    ):
        if value:
            telemetry.count(name, value)
    if result.stale_removed:
        telemetry.count("FanoutStale", result.stale_removed)
    telemetry.duration("CaptionDuration", result.duration_ms)
