"""The position of a listener in the audio that it hears, to report when it rejoins."""

from __future__ import annotations

from client.protocol.session_state import SessionState
from shared.models.recovery import LastHeard
from shared.protocol.messages import Audio


class HeardPositions:
    """The newest chunk received in each language of one session."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._newest: dict[str, tuple[int, int]] = {}
        self._complete = True

    def received(self, audio: Audio) -> None:
        """Note a received chunk, in any order."""
        if audio.session_id != self._session_id:
            self._session_id, self._newest = audio.session_id, {}
        key = (audio.epoch, audio.seq)
        self._newest[audio.language] = max(self._newest.get(audio.language, key), key)
        self._complete = True

    def rejoined(self, *, recovered: bool) -> None:
        """Note a rejoin. Unless `recovered`, audio may be missing after the newest chunk."""
        self._complete = self._complete and recovered

    def last(self, state: SessionState, acknowledged_at: int | None) -> LastHeard | None:
        """Return a listener's position in what it hears; None if it has heard nothing.

        `acknowledged_at` is that of the lost connection. It vouches for nothing if audio may be
        missing already.
        """
        language = state.audio_language
        if state.role != "listener" or state.session_id != self._session_id or language is None:
            return None
        newest = self._newest.get(language)
        if newest is None:
            return None
        at = acknowledged_at if self._complete else None
        return LastHeard(language=language, epoch=newest[0], seq=newest[1], at=at)
