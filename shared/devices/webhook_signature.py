"""Signatures of webhooks: who knows a shared secret has sent this body, just now.

`X-Lingocast-Signature: v1=<hex>` is the HMAC-SHA256 of `<timestamp>.<body>`, with the seconds since
the epoch that `X-Lingocast-Timestamp` says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.models.errors import ErrorCode, LingocastError

TIMESTAMP_HEADER = "x-lingocast-timestamp"
SIGNATURE_HEADER = "x-lingocast-signature"
#: How old a request may be, or how far ahead its clock (s).
WINDOW_SECONDS = 300

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A body with what it was signed as, of the right form and recent."""

    signed: bytes
    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes, now_ms: int) -> SignedBody:
        """From a request's headers, by their names in lower case. Raises INVALID_SIGNATURE."""
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise _invalid("X-Lingocast-Timestamp: missing, or no seconds since the epoch")
        signature = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
        if signature is None:
            raise _invalid("X-Lingocast-Signature: missing, or not of the form v1=<hex>")
        if abs(now_ms - int(timestamp) * 1000) > WINDOW_SECONDS * 1000:
            raise _invalid(
                f"X-Lingocast-Timestamp: more than {WINDOW_SECONDS} s from the service's clock"
            )
        return cls(timestamp.encode() + b"." + body, signature[1])

    def fits(self, secret: str) -> bool:
        """Whether it was signed with `secret`; takes as long whatever is wrong."""
        expected = hmac.new(secret.encode(), self.signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, self.signature)


def signature_of(secret: str, timestamp_seconds: int, body: bytes) -> str:
    """The value of the header, for who signs."""
    signed = f"{timestamp_seconds}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _invalid(message: str) -> LingocastError:
    return LingocastError(ErrorCode.INVALID_SIGNATURE, message)


def signature_does_not_fit() -> LingocastError:
    """For a signature of the right form that nobody who knows the secret has made of this body."""
    return _invalid("X-Lingocast-Signature: does not fit the body and the time")
