"""The fan-out: one message to an audience, every recipient on its own, the result counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from shared.data_access.errors import StoreUnavailableError
from shared.fanout.audience import Audience, LanguageAudience
from shared.fanout.rosters import RosterSource
from shared.models.delivery import Batch, ConnectionSender, Outcome
from shared.models.session import Session
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# How long the clean-up after one fan-out may take (s).
_REMOVAL_SECONDS = 1.0


class BroadcastResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How a fan-out went. `failure_count` holds the refused and those that retries did not help,
    `dropped_count` what the deadline cut off; `error` says why nobody could be looked up.
    """

    session_id: str
    language: str
    success_count: int = 0
    failure_count: int = 0
    dropped_count: int = 0
    stale_removed: int = 0
    duration_ms: float = 0.0
    error: str | None = None


Measure = Callable[[Telemetry, BroadcastResult], None]


class BroadcastHandler:
    """Sends to any audience. Never raises for a recipient or a failed lookup: the result says so.

    `remove_gone(session_id, connection_id)` gives up a connection that turned out to be over;
    `measure` counts what became of each audience, as a fan-out of audio if it is not given.
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

    def broadcast_to_language(
        self, session: Session, language: str, data: bytes, deadline_at: int
    ) -> BroadcastResult:
        """Send to whoever hears `language` in the session.

        `data` is the finished message; `deadline_at` (ms since the epoch) is when what is not yet
        sent gets dropped.
        """
        return self.broadcast_to_languages(session, {language: data}, deadline_at)[0]

    def broadcast_to_languages(
        self, session: Session, messages: Mapping[str, bytes], deadline_at: int
    ) -> list[BroadcastResult]:
        """Several languages of a session in parallel, one result each, in the given order."""
        return self.broadcast(
            [
                (LanguageAudience(session, language, self._rosters), data)
                for language, data in messages.items()
            ],
            deadline_at,
        )

    def broadcast(
        self, messages: Sequence[tuple[Audience, bytes]], deadline_at: int
    ) -> list[BroadcastResult]:
        """Send to any audiences in parallel under one bound of concurrency; one result each."""
        return [result for result, _ in self.broadcast_to_each(messages, deadline_at)]

    def broadcast_to_each(
        self, messages: Sequence[tuple[Audience, bytes]], deadline_at: int
    ) -> list[tuple[BroadcastResult, Mapping[str, Outcome]]]:
        """As `broadcast`, with what became of each recipient."""
        started_at = self._clock.monotonic()
        lookups = [self._look_up(audience) for audience, _ in messages]
        outcomes = self._sender.post_batches(
            [
                Batch(ids if isinstance(ids, list) else [], data)
                for ids, (_, data) in zip(lookups, messages, strict=True)
            ],
            deadline_at,
        )
        return [
            (self._conclude(audience, found, lookup, started_at), found)
            for (audience, _), lookup, found in zip(messages, lookups, outcomes, strict=True)
        ]

    def _look_up(self, audience: Audience) -> list[str] | str:
        """The recipients, or why they are not known."""
        try:
            return list(audience.connection_ids())
        except StoreUnavailableError as error:
            return f"listener query failed: {error.cause}"

    def _conclude(
        self,
        audience: Audience,
        outcomes: Mapping[str, Outcome],
        lookup: list[str] | str,
        started_at: float,
    ) -> BroadcastResult:
        tally = dict.fromkeys(Outcome, 0)
        for outcome in outcomes.values():
            tally[outcome] += 1
        duration_ms = (self._clock.monotonic() - started_at) * 1000
        if tally[Outcome.GONE]:
            self._remove(audience, outcomes)
        result = BroadcastResult(
            session_id=audience.session_id,
            language=audience.label,
            success_count=tally[Outcome.SENT],
            failure_count=tally[Outcome.FAILED],
            dropped_count=tally[Outcome.DROPPED],
            stale_removed=tally[Outcome.GONE],
            duration_ms=duration_ms,
            error=lookup if isinstance(lookup, str) else None,
        )
        self._report(result)
        return result

    def _remove(self, audience: Audience, outcomes: Mapping[str, Outcome]) -> None:
        # A whole audience can be gone at once: what is not removed now, the next fan-out finds.
        enough = self._clock.monotonic() + _REMOVAL_SECONDS
        for connection_id, outcome in outcomes.items():
            if outcome is not Outcome.GONE:
                continue
            if self._clock.monotonic() >= enough:
                return
            try:
                self._remove_gone(audience.session_id, connection_id)
            except StoreUnavailableError as error:
                # The sweep and the next fan-out find it again.
                self._telemetry.warn("gone connection not removed", cause=error.cause)

    def _report(self, result: BroadcastResult) -> None:
        self._measure(self._telemetry, result)
        if result.error:
            context = {"sessionId": result.session_id, "language": result.language}
            self._telemetry.count("FanoutLookupFailed")
            self._telemetry.warn("fan-out without audience", cause=result.error, **context)


def measure_fanout(telemetry: Telemetry, result: BroadcastResult) -> None:
    """Count what became of an audience."""
    context = {"sessionId": result.session_id, "language": result.language}
    telemetry.count("FanoutDelivered", result.success_count, **context)
    for name, value in (
        ("FanoutFailed", result.failure_count),
        ("FanoutDropped", result.dropped_count),
        ("FanoutStale", result.stale_removed),
    ):
        if value:
            telemetry.count(name, value)
    telemetry.duration("FanoutDuration", result.duration_ms)


def measure_captions(telemetry: Telemetry, result: BroadcastResult) -> None:
    """The same of a caption, which must not hide how audio does, nor be taken for it."""
    for name, value in (
        ("CaptionsDelivered", result.success_count),
        ("CaptionsFailed", result.failure_count),
        ("CaptionsDropped", result.dropped_count),
    ):
        if value:
            telemetry.count(name, value)
    if result.stale_removed:
        telemetry.count("FanoutStale", result.stale_removed)
    telemetry.duration("CaptionDuration", result.duration_ms)
