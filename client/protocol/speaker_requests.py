"""The speaker's controls, for whatever can ask for them."""

from __future__ import annotations

from client.protocol.requester import Requester
from shared.protocol.messages import (
    BroadcastControl,
    BroadcastStateChanged,
    MuteBroadcast,
    PauseBroadcast,
    ResumeBroadcast,
    SetVolume,
    UnmuteBroadcast,
)


class SpeakerRequests(Requester):
    """Only the session's speaker may. Each may be repeated, answers with the state that holds
    then, and raises RequestRefusedError, RequestTimeoutError or ConnectionLostError.
    """

    async def control(self, request: BroadcastControl) -> BroadcastStateChanged:
        """Ask for a change of the broadcast."""
        return await self.ask(request, BroadcastStateChanged)

    async def pause(self) -> BroadcastStateChanged:
        """Let nothing be heard until `resume`; one may go on sending."""
        return await self.control(PauseBroadcast())

    async def resume(self) -> BroadcastStateChanged:
        """Go on after a pause."""
        return await self.control(ResumeBroadcast())

    async def mute(self) -> BroadcastStateChanged:
        """Let nothing be heard until `unmute`; independent of pausing."""
        return await self.control(MuteBroadcast())

    async def unmute(self) -> BroadcastStateChanged:
        """Let the session be heard again."""
        return await self.control(UnmuteBroadcast())

    async def set_volume(self, volume: float) -> BroadcastStateChanged:
        """Let receivers play at `volume`, 0.0-1.0."""
        return await self.control(SetVolume(volume=volume))
