"""The composition root of the functions that send audio: `audio_processor` and `broadcast`."""

from __future__ import annotations

from functools import cached_property

from shared.data_access.audio_accounts import AudioAccounts
from shared.services.audio.audio_pace import AudioPace
from shared.services.audio.audio_service import AudioService
from shared.services.audio.audio_sources import AudioSources
from shared.services.audio.broadcast_service import BroadcastService
from shared.services.audio.caption_service import CaptionService
from shared.services.audio.shard_service import ShardService
from shared.services.broadcast_handler import measure_captions
from shared.utils.settings import AudioSettings, load
from shared.wiring.app import App


class AudioApp(App):
    """The parts of a function that sends audio, or what belongs to it."""

    @cached_property
    def audio_service(self) -> AudioService:
        settings = load(AudioSettings, self._environment)
        return AudioService(
            self._sources,
            self._broadcasts(self._roster_cache, self._outside.sharded_sender),
            self._roster_cache,
            leases=self._leases.watch(settings.interpreter_silence_seconds),
            pace=AudioPace(
                AudioAccounts(self._outside.connections_at_once), self.clock, self.telemetry
            ),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def caption_service(self) -> CaptionService:
        return CaptionService(
            self._sources,
            self._broadcasts(self._roster_cache, self._outside.sharded_sender, measure_captions),
            self._roster_cache,
        )

    @cached_property
    def broadcast_service(self) -> BroadcastService:
        return BroadcastService(
            self._sessions,
            self._broadcasts(self._rosters, self._outside.sharded_sender),
            self.clock,
        )

    @cached_property
    def shard_service(self) -> ShardService:
        return ShardService(self._outside.sender)

    @cached_property
    def _sources(self) -> AudioSources:
        return AudioSources(self._sessions, self._connections, self.clock)
