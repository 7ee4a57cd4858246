"""Signature check of webhooks, with a cached secret."""

from __future__ import annotations

from collections.abc import Callable

from shared.devices.webhook_signature import SignedBody, wrong_signature
from shared.protocol.http_messages import HttpRequest
from shared.utils.clock import Clock

# Lifetime of the cached secret (s).
SECRET_LIFETIME_SECONDS = 300.0
# A wrong signature makes the check read the secret again, because it may have been rotated, but
# only at this interval (s): anyone can send wrong signatures.
REREAD_INTERVAL_SECONDS = 10.0


class WebhookCheck:
    """Checks that a request is signed with the secret and recent.

    `read` returns the current secret, or raises StoreUnavailableError.
    """

    def __init__(self, read: Callable[[], str], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._secret = ""
        self._read_at: float | None = None

    def check(self, request: HttpRequest) -> None:
        """Raise INVALID_SIGNATURE or StoreUnavailableError unless the signature is valid."""
        signed = SignedBody.of(request.headers, request.body, self._clock.now_ms())
        if signed.matches(self._secret_within(SECRET_LIFETIME_SECONDS)):
            return
        if not signed.matches(self._secret_within(REREAD_INTERVAL_SECONDS)):
            raise wrong_signature()

    def _secret_within(self, seconds: float) -> str:
        """Return the secret, read at most `seconds` ago."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= seconds:
            self._secret = self._read()
            self._read_at = now
        return self._secret
