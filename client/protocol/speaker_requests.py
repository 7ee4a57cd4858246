"""Requests of speakers: pause, mute and volume."""

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
    """Control the broadcast. Only the session's speaker may do that.

    Each request is idempotent, returns the resulting state, and raises RequestRefusedError,
    RequestTimeoutError or ConnectionLostError.
    """

    async def control(self, request: BroadcastControl) -> BroadcastStateChanged:
        """Send a control request."""
        return await self.ask(request, BroadcastStateChanged)

    async def pause(self) -> BroadcastStateChanged:
        """Pause the broadcast until `resume`. Audio may still be sent, but is not delivered."""
        return await self.control(PauseBroadcast())

    async def resume(self) -> BroadcastStateChanged:
        """Resume a paused broadcast."""
        return await self.control(ResumeBroadcast())

    async def mute(self) -> BroadcastStateChanged:
        """Mute the broadcast until `unmute`; independent of pausing."""
        return await self.control(MuteBroadcast())

    async def unmute(self) -> BroadcastStateChanged:
        """Unmute the broadcast."""
        return await self.control(UnmuteBroadcast())

    async def set_volume(self, volume: float) -> BroadcastStateChanged:
        """Set the playback volume of all receivers, 0.0-1.0."""
        return await self.control(SetVolume(volume=volume))
