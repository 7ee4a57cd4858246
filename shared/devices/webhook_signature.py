"""Webhook signatures: proof that a body was sent recently by a holder of the shared secret.

`X-Lingocast-Signature: v1=<hex>` is the HMAC-SHA256 of `<timestamp>.<body>`. The timestamp is the
value of `X-Lingocast-Timestamp`, in seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec

from shared.models.errors import ErrorCode, LingocastError

TIMESTAMP_HEADER = "x-lingocast-timestamp"
SIGNATURE_HEADER = "x-lingocast-signature"
#: Maximum difference between a request's timestamp and the service's clock (s).
WINDOW_SECONDS = 300

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


class SignedBody(msgspec.Struct, frozen=True):
    """Signed bytes with their signature, well-formed and recent but not verified."""

    signed: bytes
    signature: str

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes, now_ms: int) -> SignedBody:
        """Parse a request; header names are in lower case. Raises INVALID_SIGNATURE."""
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        if not _TIMESTAMP.fullmatch(timestamp):
            raise _invalid("X-Lingocast-Timestamp: missing, or not seconds since the epoch")
        signature = _SIGNATURE.fullmatch(headers.get(SIGNATURE_HEADER, ""))
        if signature is None:
            raise _invalid("X-Lingocast-Signature: missing, or not of the form v1=<hex>")
        if abs(now_ms - int(timestamp) * 1000) > WINDOW_SECONDS * 1000:
            raise _invalid(
                f"X-Lingocast-Timestamp: more than {WINDOW_SECONDS} s from the service's clock"
            )
        return cls(timestamp.encode() + b"." + body, signature[1])

    def matches(self, secret: str) -> bool:
        """Whether the signature was made with `secret`; compares in constant time."""
        expected = hmac.new(secret.encode(), self.signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, self.signature)


def _invalid(message: str) -> LingocastError:
    return LingocastError(ErrorCode.INVALID_SIGNATURE, message)


def wrong_signature() -> LingocastError:
    """Return the error for a well-formed signature that does not match."""
    return _invalid("X-Lingocast-Signature: does not match the body and timestamp")
