"""The broadcast state inside a session's item: every change is one conditional write.

`lastStateChange` rises with every change, so it is the version that a write is conditional on: of
two changes at once the second fails, reads again and is applied to what the first one left.
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
from shared.models.session import Session, SessionStatus

# One speaker's own requests may overlap; more than this many at once are not one person's.
_ATTEMPTS = 10

Transition = Callable[[BroadcastState], BroadcastState]


class BroadcastStates:
    """Reads and changes broadcast states.

    Changes start from the `session` as it was just read, and take the time `at_ms` (ms since the
    epoch). They return the state that holds now; None if the session is over, or `connection_id`
    is not its speaker or away. A change that changes nothing writes nothing. All raise
    StoreUnavailableError, and UNAVAILABLE if ten others were always faster.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def get_broadcast_state(self, session_id: str) -> BroadcastState | None:
        """The state now, strongly consistent; None if there is no such session."""
        session = self._read(session_id)
        return None if session is None else session.broadcast_state

    def pause_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Stop all audio for a while."""
        return self._change(session, connection_id, at_ms, lambda state: state.pause(at_ms))

    def resume_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Go on after a pause."""
        return self._change(session, connection_id, at_ms, lambda state: state.resume(at_ms))

    def mute_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Silence the session."""
        return self._change(session, connection_id, at_ms, lambda state: state.mute(at_ms))

    def unmute_broadcast(
        self, session: Session, connection_id: str, at_ms: int
    ) -> BroadcastState | None:
        """Let the session be heard again."""
        return self._change(session, connection_id, at_ms, lambda state: state.unmute(at_ms))

    def set_broadcast_volume(
        self, session: Session, connection_id: str, at_ms: int, volume: float
    ) -> BroadcastState | None:
        """Let receivers play at `volume`, 0.0-1.0. Raises INVALID_VOLUME."""
        return self._change(
            session, connection_id, at_ms, lambda state: state.set_volume(volume, at_ms)
        )

    def update_broadcast_state(
        self, session: Session, connection_id: str, at_ms: int, state: BroadcastState
    ) -> bool:
        """Write `state` in place of the one in `session`; False if that has changed since, the
        session is over, or this connection is not its speaker or away.
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
            ":active": SessionStatus.ACTIVE.value,
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
            ErrorCode.UNAVAILABLE, "many changes of the broadcast at once; send one at a time"
        )

    def _read(self, session_id: str) -> Session | None:
        item = self._table.get(session_id)
        return None if item is None else from_item(item)
