"""App of the functions that send audio: `audio_processor` and `broadcast`."""

from __future__ import annotations

from functools import cached_property

from shared.data_access.audio_accounts import AudioAccounts
from shared.models.connection import Caller
from shared.services.audio.audio_pace import AudioPace
from shared.services.audio.audio_service import AudioService
from shared.services.audio.audio_sources import AudioSources
from shared.services.audio.broadcast_service import BroadcastService
from shared.services.audio.caption_service import CaptionService
from shared.services.audio.format_hints import FormatHints
from shared.services.audio.shard_service import ShardService
from shared.services.broadcast_handler import measure_captions
from shared.services.session_notifier import CONTROL_DEADLINE_MS
from shared.services.sessions.lease_watch import LeaseWatch
from shared.utils.settings import AudioSettings, load
from shared.wiring.app import App


class AudioApp(App):
    """The parts of the audio_processor and broadcast functions."""

    @cached_property
    def audio_service(self) -> AudioService:
        return AudioService(
            self._sources,
            self._broadcasts(self._roster_cache, self._aws.sharded_sender),
            self._roster_cache,
            leases=self._lease_watch,
            pace=AudioPace(
                AudioAccounts(self._aws.fail_fast_connections), self.clock, self.telemetry
            ),
            hints=FormatHints(self._aws.sender, self.clock, self.telemetry),
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def caption_service(self) -> CaptionService:
        return CaptionService(
            self._sources,
            self._broadcasts(self._roster_cache, self._aws.sharded_sender, measure_captions),
            self._roster_cache,
        )

    @cached_property
    def broadcast_service(self) -> BroadcastService:
        return BroadcastService(
            self._sessions,
            self._broadcasts(self._rosters, self._aws.sharded_sender),
            self.clock,
        )

    @cached_property
    def shard_service(self) -> ShardService:
        return ShardService(self._aws.sender)

    def push_error(self, caller: Caller, body: bytes) -> None:
        """Push an error to the caller, for routes without a response."""
        self._aws.sender.post(caller.connection_id, body, self.clock.now_ms() + CONTROL_DEADLINE_MS)

    @cached_property
    def _sources(self) -> AudioSources:
        return AudioSources(self._leases, self._connections, self.clock)

    @cached_property
    def _lease_watch(self) -> LeaseWatch:
        settings = load(AudioSettings, self._environment)
        return LeaseWatch(
            self._leases,
            self._sessions,
            self._succession,
            silence_ms=settings.interpreter_silence_seconds * 1000,
            clock=self.clock,
            telemetry=self.telemetry,
        )
