"""What one connection may ask of one instance: budgets, strikes, and when it is closed.

Everything here is arithmetic in memory; nothing is read, so that refusing costs next to nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol

from shared.admission.budgets import (
    GUESSES,
    NEVER_STRIKES,
    STRIKES,
    budget_of,
    malformed_budget_of,
)
from shared.admission.rejection_counts import RejectionCounts
from shared.models.connection import Caller
from shared.models.errors import ErrorCode, LingocastError, NeverAllowedError
from shared.protocol.message_base import Request
from shared.protocol.messages import GetSessionStatus, JoinSession
from shared.utils.telemetry import Telemetry
from shared.utils.token_bucket import TokenBucket

_CONNECTIONS_KEPT = 4_096
# Requests of a connection that was closed are on their way for so long (ms). Later ones mean that
# it was not closed after all.
_CLOSED_FOR_MS = 2_000
# A close that failed is tried again after so long (ms): a try holds an execution for up to 1.3 s,
# and what a flood sends meanwhile must not.
_CLOSE_AGAIN_MS = 1_000
# So many sessions that are not there, and none that is, look like guessing.
_SUSPICIOUS_GUESSES = 5
# Requests that name a session, and errors that say whether there is one. FORBIDDEN is also what
# listeners are told who ask for the status of the session that they sit in.
_GONE = frozenset({ErrorCode.SESSION_NOT_FOUND, ErrorCode.SESSION_ENDED})
_GUESSED: Mapping[type[Request] | None, Set[ErrorCode]] = {
    JoinSession: _GONE | {ErrorCode.FORBIDDEN},
    GetSessionStatus: _GONE,
}

OVER_BUDGET, NEVER_ALLOWED, GUESSED, MALFORMED = "budget", "never", "guess", "malformed"


class Closer(Protocol):
    """Closes abusive connections; see `shared.admission.abusive_connections`."""

    def close(self, caller: Caller, farewell: bytes) -> bool:
        """Tell a connection why, and close it; False if it may still be there."""

    def suspect(self, caller: Caller) -> None:
        """Remember the address of a connection that guesses sessions."""


class OverBudgetError(LingocastError):
    """More requests than the connection's budget has."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.RATE_LIMITED, message)


@dataclass(slots=True)
class _Account:
    """What one connection has used up."""

    buckets: dict[type[Request] | None, TokenBucket] = field(default_factory=dict)
    strikes: TokenBucket | None = None
    never_strikes: TokenBucket | None = None
    guesses: TokenBucket | None = None
    misses: int = 0
    seated: bool = False
    closed_at: int | None = None
    tried_at: int | None = None  # when closing it was tried last


class RequestAdmission:
    """Keeps the accounts of connections, whose requests are of `kinds`. Bounded: who was quiet
    longest is forgotten.
    """

    def __init__(
        self,
        kinds: Collection[type[Request]],
        telemetry: Telemetry,
        closer: Closer | None = None,
    ) -> None:
        self._kinds = kinds
        self._counts = RejectionCounts(telemetry)
        self._closer = closer
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def is_closed(self, caller: Caller) -> bool:
        """Whether the connection was closed a moment ago, and this was on its way already."""
        account = self._accounts.get(caller.connection_id)
        if account is None or account.closed_at is None:
            return False
        return abs(caller.received_at - account.closed_at) < _CLOSED_FOR_MS

    def admit(self, caller: Caller, kind: type[Request] | None) -> None:
        """Let a request pass, before anything is read for it. Raises OverBudgetError."""
        account, now = self._account(caller), caller.received_at
        if kind is None:
            budget = malformed_budget_of(self._kinds, listen_only=caller.listen_only)
        else:
            budget = budget_of(kind, listen_only=caller.listen_only)
        bucket = account.buckets.get(kind)
        if bucket is None:
            bucket = account.buckets[kind] = TokenBucket.full(budget, now)
        if not bucket.take(budget, now):
            raise OverBudgetError(
                "too many requests of this kind over one connection; send fewer of them"
            )
        guesses = account.guesses if kind in _GUESSED else None
        if guesses is not None and not guesses.has_any(GUESSES, now):
            raise OverBudgetError("too many sessions that are not there; check the id")

    def served(self, caller: Caller, kind: type[Request]) -> None:
        """A request was answered with a reply."""
        if kind is JoinSession:
            self._account(caller).seated = True

    def refused(
        self,
        caller: Caller,
        kind: type[Request] | None,
        error: LingocastError,
        farewell: Callable[[], bytes],
    ) -> bool:
        """Count a refusal. True if the connection was closed for it, after `farewell` was sent to
        it; then there is nobody to answer any more.
        """
        account, now = self._account(caller), caller.received_at
        if isinstance(error, OverBudgetError):
            self._counts.add(OVER_BUDGET, now)
            account.strikes = account.strikes or TokenBucket.full(STRIKES, now)
            abusive = not account.strikes.take(STRIKES, now)
        elif isinstance(error, NeverAllowedError):
            self._counts.add(NEVER_ALLOWED, now)
            account.never_strikes = account.never_strikes or TokenBucket.full(NEVER_STRIKES, now)
            abusive = not account.never_strikes.take(NEVER_STRIKES, now)
        else:
            if kind is None:
                self._counts.add(MALFORMED, now)
            elif error.code in _GUESSED.get(kind, ()):
                self._missed(caller, account, now)
            return False
        if not abusive or self._closer is None:
            return False
        tried_at = account.tried_at
        if tried_at is not None and abs(now - tried_at) < _CLOSE_AGAIN_MS:
            return False
        account.tried_at = now
        if not self._closer.close(caller, farewell()):
            return False
        account.closed_at = now
        return True

    def _missed(self, caller: Caller, account: _Account, now: int) -> None:
        """A session that is not there, or that is not for this connection."""
        self._counts.add(GUESSED, now)
        account.guesses = account.guesses or TokenBucket.full(GUESSES, now)
        account.guesses.take(GUESSES, now)
        account.misses += 1
        if account.misses == _SUSPICIOUS_GUESSES and not account.seated and self._closer:
            self._closer.suspect(caller)

    def _account(self, caller: Caller) -> _Account:
        account = self._accounts.get(caller.connection_id)
        if account is None:
            account = self._accounts[caller.connection_id] = _Account()
            if len(self._accounts) > _CONNECTIONS_KEPT:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(caller.connection_id)
        return account
