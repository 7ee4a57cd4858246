"""The speaker's controls: whether the session is heard, and how loud."""

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
    """Answers the controls, and tells everyone else of the new state.

    A control that finds nothing to change is told to everyone again, with the state as it was: it
    may be the repetition of one whose news did not get through. All of them raise
    CONNECTION_NOT_FOUND, NOT_IN_SESSION, SESSION_ENDED, FORBIDDEN.
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
        """Deliver no audio until resumed."""
        return self._change(caller, "pauseBroadcast", self._states.pause_broadcast)

    def resume_broadcast(self, caller: Caller, _request: ResumeBroadcast) -> BroadcastStateChanged:
        """Go on after a pause."""
        return self._change(caller, "resumeBroadcast", self._states.resume_broadcast)

    def mute_broadcast(self, caller: Caller, _request: MuteBroadcast) -> BroadcastStateChanged:
        """Deliver no audio until unmuted."""
        return self._change(caller, "muteBroadcast", self._states.mute_broadcast)

    def unmute_broadcast(self, caller: Caller, _request: UnmuteBroadcast) -> BroadcastStateChanged:
        """Let the session be heard again."""
        return self._change(caller, "unmuteBroadcast", self._states.unmute_broadcast)

    def set_volume(self, caller: Caller, request: SetVolume) -> BroadcastStateChanged:
        """Let receivers play at another volume. Raises INVALID_VOLUME too."""
        volume = validate_volume(request.volume)

        def change(session: Session, connection_id: str, at_ms: int) -> BroadcastState | None:
            return self._states.set_broadcast_volume(session, connection_id, at_ms, volume)

        return self._change(caller, "setVolume", change)

    def _change(self, caller: Caller, action: str, change: Change) -> BroadcastStateChanged:
        session = self._seat_lookup.require_floor(caller, action)
        state = change(session, caller.connection_id, self._clock.now_ms())
        if state is None:
            # Meanwhile the session ended, or its owner took the floor on another connection.
            self._seat_lookup.require_floor(caller, action)
            raise session_ended()
        self._notifier.broadcast_state_changed(
            session.session_id, state, except_for=caller.connection_id
        )
        return BroadcastStateChanged(session_id=session.session_id, broadcast_state=state)
