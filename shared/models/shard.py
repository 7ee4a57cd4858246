"""A share of a fan-out, as one function hands it to another."""

from __future__ import annotations

import msgspec


class ShardRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Send `message`, a finished text, to these connections until `deadline_at` (ms since the
    epoch). Whoever asks has decided that they may have it.
    """

    connection_ids: list[str]
    message: str
    deadline_at: int


class ShardResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Whom the message did not reach, and why; all others have it."""

    gone: list[str] = []
    failed: list[str] = []
    dropped: list[str] = []
