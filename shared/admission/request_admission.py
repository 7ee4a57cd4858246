"""Charges requests to budgets, and closes connections that exceed them.

All state is in memory. Nothing is read, so a refusal costs next to nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Set
from typing import Protocol

import msgspec

from shared.admission.budgets import (
    GUESSES,
    NEVER_ALLOWED_LIMIT,
    OVER_BUDGET_LIMIT,
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

_MAX_CONNECTIONS = 4_096
# Requests of a closed connection may still arrive for this long (ms). Later ones mean that it was
# not closed after all.
_CLOSED_FOR_MS = 2_000
# How long to wait after a failed close (ms). An attempt holds an execution for up to 1.3 s, so not
# every message of a flood may cause one.
_CLOSE_AGAIN_MS = 1_000
# This many missing sessions without a successful join look like guessing.
_SUSPICIOUS_MISSES = 5
# Requests that name a session, and the errors that tell whether it exists. FORBIDDEN does not count
# for getSessionStatus: a listener who asks for the status of its own session gets it too.
_MISSING = frozenset({ErrorCode.SESSION_NOT_FOUND, ErrorCode.SESSION_ENDED})
_MISSES: Mapping[type[Request] | None, Set[ErrorCode]] = {
    JoinSession: _MISSING | {ErrorCode.FORBIDDEN},
    GetSessionStatus: _MISSING,
}

# Reasons of refusals, as the metric RequestsRefused has them.
OVER_BUDGET, NEVER_ALLOWED, GUESS, MALFORMED = "budget", "never", "guess", "malformed"


class Closer(Protocol):
    """Closes abusive connections; see `shared.admission.abusive_connections`."""

    def close(self, caller: Caller, last_error: bytes) -> bool:
        """Send `last_error` and close the connection; False if it may still be open."""

    def mark_address(self, caller: Caller) -> None:
        """Mark the address of a connection that guesses sessions."""


class OverBudgetError(LingocastError):
    """The connection has used up its budget."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.RATE_LIMITED, message)


class _Usage(msgspec.Struct):
    """What one connection has used of its budgets."""

    # By request type; None for messages that do not decode.
    buckets: dict[type[Request] | None, TokenBucket] = msgspec.field(default_factory=dict)
    over_budget: TokenBucket | None = None
    never_allowed: TokenBucket | None = None
    guesses: TokenBucket | None = None
    misses: int = 0
    joined: bool = False
    closed_at: int | None = None
    close_tried_at: int | None = None


class RequestAdmission:
    """Keeps the usage of connections on routes that take `request_types`.

    The number of connections is bounded: the one that was quiet longest is forgotten.
    """

    def __init__(
        self,
        request_types: Collection[type[Request]],
        telemetry: Telemetry,
        closer: Closer | None = None,
    ) -> None:
        self._request_types = request_types
        self._counts = RejectionCounts(telemetry)
        self._closer = closer
        self._usages: OrderedDict[str, _Usage] = OrderedDict()

    def is_closed(self, caller: Caller) -> bool:
        """Whether the connection was just closed, and this request was already on its way."""
        usage = self._usages.get(caller.connection_id)
        if usage is None or usage.closed_at is None:
            return False
        return abs(caller.received_at - usage.closed_at) < _CLOSED_FOR_MS

    def admit(self, caller: Caller, request_type: type[Request] | None) -> None:
        """Charge a request to its budget. Raises OverBudgetError."""
        usage, now = self._usage(caller), caller.received_at
        if request_type is None:
            budget = malformed_budget_of(self._request_types, listen_only=caller.listen_only)
        else:
            budget = budget_of(request_type, listen_only=caller.listen_only)
        bucket = usage.buckets.get(request_type)
        if bucket is None:
            bucket = usage.buckets[request_type] = TokenBucket.full(budget, now)
        if not bucket.take(budget, now):
            raise OverBudgetError(
                "too many requests of this kind over one connection; send fewer of them"
            )
        guesses = usage.guesses if request_type in _MISSES else None
        if guesses is not None and not guesses.has_any(GUESSES, now):
            raise OverBudgetError("too many requests for sessions that do not exist; check the id")

    def record_success(self, caller: Caller, request_type: type[Request]) -> None:
        """Note that a request succeeded."""
        if request_type is JoinSession:
            self._usage(caller).joined = True

    def record_refusal(
        self,
        caller: Caller,
        request_type: type[Request] | None,
        error: LingocastError,
        last_error: Callable[[], bytes],
    ) -> bool:
        """Count a refusal, and close the connection after too many.

        True if it was closed. Then `last_error` has been sent, and no answer can be.
        """
        usage, now = self._usage(caller), caller.received_at
        if isinstance(error, OverBudgetError):
            self._counts.add(OVER_BUDGET, now)
            usage.over_budget = usage.over_budget or TokenBucket.full(OVER_BUDGET_LIMIT, now)
            abusive = not usage.over_budget.take(OVER_BUDGET_LIMIT, now)
        elif isinstance(error, NeverAllowedError):
            self._counts.add(NEVER_ALLOWED, now)
            usage.never_allowed = usage.never_allowed or TokenBucket.full(NEVER_ALLOWED_LIMIT, now)
            abusive = not usage.never_allowed.take(NEVER_ALLOWED_LIMIT, now)
        else:
            if request_type is None:
                self._counts.add(MALFORMED, now)
            elif error.code in _MISSES.get(request_type, ()):
                self._record_miss(caller, usage, now)
            return False
        if not abusive or self._closer is None:
            return False
        tried_at = usage.close_tried_at
        if tried_at is not None and abs(now - tried_at) < _CLOSE_AGAIN_MS:
            return False
        usage.close_tried_at = now
        if not self._closer.close(caller, last_error()):
            return False
        usage.closed_at = now
        return True

    def _record_miss(self, caller: Caller, usage: _Usage, now: int) -> None:
        """Count a request for a session that is missing or closed to this connection."""
        self._counts.add(GUESS, now)
        usage.guesses = usage.guesses or TokenBucket.full(GUESSES, now)
        usage.guesses.take(GUESSES, now)
        usage.misses += 1
        if usage.misses == _SUSPICIOUS_MISSES and not usage.joined and self._closer:
            self._closer.mark_address(caller)

    def _usage(self, caller: Caller) -> _Usage:
        usage = self._usages.get(caller.connection_id)
        if usage is None:
            usage = self._usages[caller.connection_id] = _Usage()
            if len(self._usages) > _MAX_CONNECTIONS:
                self._usages.popitem(last=False)
        else:
            self._usages.move_to_end(caller.connection_id)
        return usage
