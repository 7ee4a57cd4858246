"""One shard of a fan-out, handed from one function to another."""

from __future__ import annotations

import msgspec


class ShardRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Request to send an encoded message by `deadline_at` (ms since the epoch).

    The caller has checked that they may receive it.
    """

    connection_ids: list[str]
    message: str
    deadline_at: int
    live: bool = False


class ShardResult(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Connections that the message did not reach, by reason."""

    gone: list[str] = []
    failed: list[str] = []
    slow: list[str] = []
    throttled: list[str] = []
    dropped: list[str] = []
