"""Rate limit of audio: sources may not send faster than real time (RATE_LIMITED).

Two leaky buckets measure the gateway's time of receipt: one of this instance, and an account in the
source's connection row, shared by all instances. Sequence numbers are ignored, so a client's claims
neither earn credit nor cause debt. See docs/decisions/0027.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

import msgspec

from shared.data_access.audio_accounts import Account, Charge
from shared.data_access.errors import StoreUnavailableError
from shared.models.audio_format import AudioFormat
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError
from shared.utils.clock import Clock
from shared.utils.leaky_bucket import LeakyBucket
from shared.utils.telemetry import Telemetry

# How far a source may be ahead of real time (ms), for jitter and for catching up after a stall.
ALLOWANCE_MS = 2_000
# Sources may run 1 % fast: a sound card's clock is off by 0.5 % at most.
_PERMILLE = 1_010
# Interval at which an instance charges accepted audio to the account (ms). The account lags behind
# by up to this much, and so grants this much more after a silence.
_CHARGE_EVERY_MS = 1_000
# Tolerance for a chunk that arrives early (ms).
_EARLY_MS = 200
# Pause after a database failure before the account is charged again (ms).
_PAUSE_MS = 1_000
# How far the clocks of the gateway's hosts and of this machine may disagree (ms).
_DISORDER_MS = 100
_MAX_STREAMS = 1_024


class Accounts(Protocol):
    """Accounts of accepted audio, shared by all instances. See AudioAccounts."""

    def charge(
        self, connection_id: str, charge: Charge, last: Account | None = None
    ) -> Account | None:
        """Charge audio. None if the connection is gone. Raises StoreUnavailableError."""


class _Stream(msgspec.Struct):
    """State of one source in this instance. Times are the gateway's, in ms."""

    bucket: LeakyBucket = msgspec.field(default_factory=LeakyBucket)
    owed_ms: int = 0  # accepted but not yet charged to the account
    owed_since: int = 0
    account: Account | None = None  # as of the last charge
    charged_at: int | None = None
    charge_first: bool = False  # the stream was far ahead: charge before accepting more
    failed_at: int | None = None
    admitted: float = 0.0  # time of the last chunk by this machine's monotonic clock (s)

    def owe(self, amount_ms: int, at: int) -> None:
        if not self.owed_ms:
            self.owed_since = at
        self.owed_ms += amount_ms

    def ahead_ms(self, at: int, max_lead_ms: int) -> int:
        """How far the whole stream is ahead of real time, by the last known account."""
        if self.account is None or self.account.covered_until is None:
            return 0
        ahead = self.account.covered_until - at
        return ahead if 0 < ahead <= max_lead_ms else 0

    def note(self, account: Account, now: int) -> None:
        self.account = account
        # Other instances may keep filling the account, so this does not decay with time.
        self.charge_first = (account.covered_until or 0) - now > ALLOWANCE_MS // 2


class AudioPace:
    """Admits chunks of each connection at real time, plus 1 % and `ALLOWANCE_MS`.

    An instance normally decides by its own bucket and charges the account afterwards, about once a
    second. If a stream is far ahead, it charges before each chunk, so that the limit holds for any
    number of instances. State is bounded; the least recent source is evicted.
    """

    def __init__(self, accounts: Accounts, clock: Clock, telemetry: Telemetry) -> None:
        self._accounts = accounts
        self._clock = clock
        self._telemetry = telemetry
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def admit(
        self, caller: Caller, audio_format: AudioFormat, allowance_ms: int = ALLOWANCE_MS
    ) -> None:
        """Admit a chunk of `audio_format` or raise RATE_LIMITED. Refused chunks are not charged."""
        at, amount = caller.received_at, audio_format.chunk_ms * 1000 // _PERMILLE
        stream = self._stream(caller.connection_id)
        own = stream.bucket.advance(at)
        ahead = max(own, stream.ahead_ms(at, _max_lead_ms(audio_format)))
        if ahead > allowance_ms:
            raise _rate_limited(ahead, audio_format)
        stream.owe(amount, at)
        if stream.charge_first or own > ALLOWANCE_MS // 2:
            account = self._charge(caller, stream, audio_format, allowance_ms, at)
            if account is not None and not account.charged:
                raise _rate_limited(stream.ahead_ms(at, _max_lead_ms(audio_format)), audio_format)
        stream.bucket.add(amount)
        stream.admitted = self._clock.monotonic()

    def settle(
        self, caller: Caller, audio_format: AudioFormat, allowance_ms: int = ALLOWANCE_MS
    ) -> None:
        """Charge the account if due, after the admitted chunk was sent. Never raises."""
        stream = self._stream(caller.connection_id)
        if stream.owed_ms and self._is_due(stream, caller.received_at, audio_format):
            # Other instances may have accepted chunks while this one was sent.
            took_ms = int((self._clock.monotonic() - stream.admitted) * 1000)
            now = caller.received_at + took_ms
            self._charge(caller, stream, audio_format, allowance_ms, now)

    def _is_due(self, stream: _Stream, at: int, audio_format: AudioFormat) -> bool:
        if stream.charged_at is None or not 0 <= at - stream.charged_at < _CHARGE_EVERY_MS:
            return True
        ahead = max(stream.bucket.advance(at), stream.ahead_ms(at, _max_lead_ms(audio_format)))
        return ahead > audio_format.chunk_ms + _EARLY_MS

    def _charge(
        self,
        caller: Caller,
        stream: _Stream,
        audio_format: AudioFormat,
        allowance_ms: int,
        now: int,
    ) -> Account | None:
        """Charge the owed audio. Returns None if that failed. `now` is by the gateway's clock.

        Audio that cannot be charged is written off: a database failure must not block a source.
        """
        at = caller.received_at
        if stream.failed_at is not None and 0 <= at - stream.failed_at < _PAUSE_MS:
            return None
        charge = Charge(
            start=min(stream.owed_since, at) - _CHARGE_EVERY_MS,
            amount_ms=stream.owed_ms,
            latest=now + allowance_ms + audio_format.chunk_ms,
            absurd=now + _max_lead_ms(audio_format),
        )
        stream.owed_ms, stream.charged_at = 0, at
        try:
            account = self._accounts.charge(caller.connection_id, charge, stream.account)
        except StoreUnavailableError as error:
            self._telemetry.warn("audio not charged", cause=error.cause)
            stream.failed_at = at
            return None
        if account is not None:
            stream.note(account, now)
        return account

    def _stream(self, connection_id: str) -> _Stream:
        stream = self._streams.setdefault(connection_id, _Stream())
        self._streams.move_to_end(connection_id)
        if len(self._streams) > _MAX_STREAMS:
            self._streams.popitem(last=False)
        return stream


def allowance_of(chunk_ms: int, session_format: AudioFormat) -> int:
    """Return how far a source may be ahead of real time before a chunk of `chunk_ms`.

    It is less before a chunk longer than the session's, so that no source gets further ahead by
    longer chunks. A lead that only they allowed would look like a clock set back.
    """
    return ALLOWANCE_MS - (chunk_ms - session_format.chunk_ms)


def _max_lead_ms(audio_format: AudioFormat) -> int:
    """Return the largest lead that a stream can reach; a larger one means a clock was set back.

    It includes the deadline: a chunk that waits for an instance sees the charges of later chunks.
    """
    return ALLOWANCE_MS + audio_format.chunk_ms + audio_format.deadline_ms + _DISORDER_MS


def _rate_limited(ahead_ms: int, audio_format: AudioFormat) -> LingocastError:
    return LingocastError(
        ErrorCode.RATE_LIMITED,
        f"seq: {ahead_ms} ms ahead of real time; send a chunk every {audio_format.chunk_ms} ms",
    )
