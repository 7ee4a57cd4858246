"""Gap recovery: whether a listener who returns has missed any audio.

The service keeps no history of audio (docs/decisions/0044), so it can only vouch for a channel
that was silent throughout.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from shared.models.session import Session

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

# How far the clocks of two instances may disagree (ms).
_CLOCKS_DIFFER_MS = 1_000


class LastHeard(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The last chunk that a listener received before its connection was lost.

    `at` is the `timestamp` of the last heartbeatAck on that connection (ms since the epoch, the
    service's clock); None without one. Messages of a connection arrive in order, so everything
    sent before that acknowledgement has been received.
    """

    language: str
    epoch: _Number
    seq: _Number
    at: _Number | None = None


def missed_nothing(session: Session, target_language: str, last: LastHeard) -> bool:
    """Whether certainly nothing was sent to a listener of `target_language` while it was away.

    That is the case if the same source is still heard, and the broadcast has been paused or muted
    since before `last.at`. Chunks sent before the pause are delivered within their deadline.
    """
    heard = session.heard_language(target_language)
    state = session.broadcast_state
    if (last.language.lower(), last.epoch) != (heard, session.epoch_of(heard)):
        return False
    if last.at is None or state.is_broadcasting():
        return False
    settled_at = (
        state.last_state_change + session.audio_format.longest_deadline_ms + _CLOCKS_DIFFER_MS
    )
    return settled_at <= last.at
