"""The speaker's controls: pause, mute and volume."""

from __future__ import annotations

from collections.abc import Callable

from shared.data_access.broadcast_states import BroadcastStates
from shared.models.broadcast_state import BroadcastState
from shared.models.connection import Caller
from shared.models.request_errors import session_ended
from shared.models.session import Session
from shared.protocol.messages import (
    BroadcastStateChanged,
    MuteBroadcast,
    PauseBroadcast,
    ResumeBroadcast,
    SetVolume,
    UnmuteBroadcast,
)
from shared.services.session_notifier import SessionNotifier
from shared.services.sessions.seat_lookup import SeatLookup
from shared.utils.clock import Clock
from shared.utils.validators import validate_volume

Change = Callable[[Session, str, int], BroadcastState | None]


class ControlService:
    """Answers the speaker's controls and notifies all other members.

    A control that changes nothing is still pushed with the current state: it may repeat a request
    whose push failed. All methods raise CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED and
    FORBIDDEN.
    """

    def __init__(
        self,
        states: BroadcastStates,
        seat_lookup: SeatLookup,
        notifier: SessionNotifier,
        clock: Clock,
    ) -> None:
        self._states = states
        self._seat_lookup = seat_lookup
        self._notifier = notifier
        self._clock = clock

    def pause_broadcast(self, caller: Caller, _request: PauseBroadcast) -> BroadcastStateChanged:
        """Stop delivering audio until resumed."""
        return self._change(caller, "pauseBroadcast", self._states.pause_broadcast)

    def resume_broadcast(self, caller: Caller, _request: ResumeBroadcast) -> BroadcastStateChanged:
        """Resume delivery after a pause."""
        return self._change(caller, "resumeBroadcast", self._states.resume_broadcast)

    def mute_broadcast(self, caller: Caller, _request: MuteBroadcast) -> BroadcastStateChanged:
        """Stop delivering audio until unmuted."""
        return self._change(caller, "muteBroadcast", self._states.mute_broadcast)

    def unmute_broadcast(self, caller: Caller, _request: UnmuteBroadcast) -> BroadcastStateChanged:
        """Resume delivery after a mute."""
        return self._change(caller, "unmuteBroadcast", self._states.unmute_broadcast)

    def set_volume(self, caller: Caller, request: SetVolume) -> BroadcastStateChanged:
        """Set the playback volume of receivers. Also raises INVALID_VOLUME."""
        volume = validate_volume(request.volume)

        def change(session: Session, connection_id: str, at_ms: int) -> BroadcastState | None:
            return self._states.set_broadcast_volume(session, connection_id, at_ms, volume)

        return self._change(caller, "setVolume", change)

    def _change(self, caller: Caller, action: str, change: Change) -> BroadcastStateChanged:
        session = self._seat_lookup.require_floor(caller, action)
        state = change(session, caller.connection_id, self._clock.now_ms())
        if state is None:
            # The session has ended, or the owner took the floor on another connection.
            self._seat_lookup.require_floor(caller, action)
            raise session_ended()
        self._notifier.broadcast_state_changed(
            session.session_id, state, except_for=caller.connection_id
        )
        return BroadcastStateChanged(session_id=session.session_id, broadcast_state=state)
