"""Broadcast state in the session's row. Each change is one conditional write.

`lastStateChange` rises with every change and serves as the version: of two concurrent changes the
second fails, reads the row again and applies to the result of the first.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.data_access.session_items import (
    AUDIBLE_SINCE,
    BROADCAST_STATE,
    LAST_STATE_CHANGE,
    from_item,
)
from shared.data_access.table import ConditionFailedError, Table
from shared.models.broadcast_state import BroadcastState
from shared.models.errors import ErrorCode, LingocastError
from shared.models.session import Session, SessionLifecycle

# A speaker's own requests may overlap, but no person sends this many at once.
_ATTEMPTS = 10

Transition = Callable[[BroadcastState], BroadcastState]


class BroadcastStates:
    """Reads and changes broadcast states.

    Changes take the `session` as just read and the time `at_ms` (ms since the epoch). They return
    the new state, or None if the session has ended or `connection_id` is not its present speaker.
    A change without effect writes nothing. All methods raise StoreUnavailableError; changes raise
    UNAVAILABLE after losing ten races.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def get_broadcast_state(self, session_id: str) -> BroadcastState | None:
        """Read the state, strongly consistent. None if the session does not exist."""
        session = self._read(session_id)
        return None if session is None else session.broadcast_state

    def pause_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Pause the broadcast."""
        return self._change(session, connection_id, at_ms, lambda state: state.pause(at_ms))

    def resume_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Resume the broadcast."""
        return self._change(session, connection_id, at_ms, lambda state: state.resume(at_ms))

    def mute_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Mute the broadcast."""
        return self._change(session, connection_id, at_ms, lambda state: state.mute(at_ms))

    def unmute_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Unmute the broadcast."""
        return self._change(session, connection_id, at_ms, lambda state: state.unmute(at_ms))

    def set_broadcast_volume(
        self, session: Session, connection_id: str, at_ms: int, volume: float
    ) -> BroadcastState | None:
        """Set the playback volume of all receivers, 0.0-1.0. Raises INVALID_VOLUME."""
        return self._change(
            session, connection_id, at_ms, lambda state: state.set_volume(volume, at_ms)
        )

    def update_broadcast_state(
        self, session: Session, connection_id: str, at_ms: int, state: BroadcastState
    ) -> bool:
        """Replace the state that `session` was read with.

        False if it has changed since, the session has ended, or this connection is not its present
        speaker.
        """
        expression = "SET #state = :state"
        names = {
            "#status": "status",
            "#speaker": "speakerConnectionId",
            "#grace": "graceUntil",
            "#state": BROADCAST_STATE,
            "#changed": LAST_STATE_CHANGE,
        }
        values = {
            ":active": SessionLifecycle.ACTIVE.value,
            ":speaker": connection_id,
            ":state": state.to_dict(),
            ":previous": session.broadcast_state.last_state_change,
        }
        if state.is_broadcasting() and not session.broadcast_state.is_broadcasting():
            expression += ", #audible = :now"
            names["#audible"] = AUDIBLE_SINCE
            values[":now"] = at_ms
        try:
            self._table.update(
                session.session_id,
                expression,
                condition="#status = :active"
                " AND #speaker = :speaker AND attribute_not_exists(#grace)"
                " AND (#state.#changed = :previous OR attribute_not_exists(#state.#changed))",
                names=names,
                values=values,
            )
        except ConditionFailedError:
            return False
        return True

    def _change(
        self, session: Session, connection_id: str, at_ms: int, transition: Transition
    ) -> BroadcastState | None:
        latest: Session | None = session
        for _ in range(_ATTEMPTS):
            if latest is None or not latest.is_active or not latest.has_floor(connection_id):
                return None
            state = transition(latest.broadcast_state)
            if state == latest.broadcast_state or self.update_broadcast_state(
                latest, connection_id, at_ms, state
            ):
                return state
            latest = self._read(session.session_id)
        raise LingocastError(
            ErrorCode.UNAVAILABLE,
            "too many concurrent changes of the broadcast; send one at a time",
        )

    def _read(self, session_id: str) -> Session | None:
        item = self._table.get(session_id)
        return None if item is None else from_item(item)
