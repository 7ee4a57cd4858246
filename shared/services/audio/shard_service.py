"""Receiving end of a sharded fan-out."""

from __future__ import annotations

from collections.abc import Mapping

from shared.models.delivery import ConnectionSender, Outcome
from shared.models.shard import ShardRequest, ShardResult


class ShardService:
    """Sends one shard of `shared.fanout.sharded_sender`, which removes gone connections."""

    def __init__(self, sender: ConnectionSender) -> None:
        self._sender = sender

    def send(self, request: ShardRequest) -> ShardResult:
        """Post to every connection of the shard."""
        outcomes = self._sender.post_many(
            request.connection_ids,
            request.message.encode(),
            request.deadline_at,
            live=request.live,
        )
        return ShardResult(
            gone=_with(Outcome.GONE, outcomes),
            failed=_with(Outcome.FAILED, outcomes),
            slow=_with(Outcome.SLOW, outcomes),
            throttled=_with(Outcome.THROTTLED, outcomes),
            dropped=_with(Outcome.DROPPED, outcomes),
        )


def _with(wanted: Outcome, outcomes: Mapping[str, Outcome]) -> list[str]:
    return [connection_id for connection_id, outcome in outcomes.items() if outcome is wanted]
