"""Checks webhooks with a secret that is read when it is needed, and kept for a while."""

from __future__ import annotations

from collections.abc import Callable

from shared.devices.webhook_signature import SignedBody, signature_does_not_fit
from shared.protocol.http_messages import HttpRequest
from shared.utils.clock import Clock

# How long a secret is used without reading it again (s).
KEPT_SECONDS = 300.0
# A signature that does not fit has the secret read again, as it may have been changed: but no
# oftener than this (s), for anybody can send what does not fit.
AGAIN_SECONDS = 10.0


class WebhookCheck:
    """Raises INVALID_SIGNATURE for a request that was not signed with the secret, or not lately.

    `read` gives the secret as it is now; raises StoreUnavailableError.
    """

    def __init__(self, read: Callable[[], str], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._secret = ""
        self._read_at: float | None = None

    def check(self, request: HttpRequest) -> None:
        """Pass, or raise INVALID_SIGNATURE or StoreUnavailableError."""
        signed = SignedBody.of(request.headers, request.body, self._clock.now_ms())
        if signed.fits(self._not_older_than(KEPT_SECONDS)):
            return
        if not signed.fits(self._not_older_than(AGAIN_SECONDS)):
            raise signature_does_not_fit()

    def _not_older_than(self, seconds: float) -> str:
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at >= seconds:
            self._secret = self._read()
            self._read_at = now
        return self._secret
