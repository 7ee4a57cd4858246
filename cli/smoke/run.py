"""Smoke test of a stack: one speaker, two listeners, a few seconds of sound, the controls.

    report = await smoke(Connector(url, token, token_url, user, ("speakers",)))

The test opens its own session and ends it. Sound is compared byte for byte. Functions start slowly
after a deployment and the service drops late chunks, so chunks count only after both listeners have
received one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cli.options import Connector
from cli.smoke.audio import ServerTime, SmokeListener, ToneSource, pending_refusal
from cli.smoke.hints import (
    GET_TOKEN,
    STAGE_WRONG,
    TOKEN_REFUSED,
    TOKEN_REQUIRED,
    logs_hint,
    step_hint,
)
from cli.smoke.report import SmokeReport, Step, StepError
from client.connection.clock_offset import ClockOffset
from client.connection.websocket import Connection, connect
from client.errors import ClientError, HandshakeRefusedError
from client.playback.capture import Captured, Sleep, capture
from client.urls import is_local
from shared.models.audio_format import AudioFormat
from shared.utils.clock import Clock, SystemClock

_FIRST_SOUND_SECONDS = 10.0  # a cold start takes a second or two
_CLEANUP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Parameters of the test: the speaker's language, two without interpreters, durations."""

    language: str = "en"
    others: tuple[str, str] = ("es", "fr")
    seconds: float = 3.0
    chunk_ms: int = 200
    timeout_seconds: float = 30.0
    patience_seconds: float = 4.0  # for sent chunks and sessionEnded to arrive

    @property
    def chunks(self) -> int:
        """Number of chunks to compare; a third as many after changeLanguage."""
        return max(round(self.seconds * 1000 / self.chunk_ms), 3)

    def steps(self) -> list[Step]:
        """All steps, in order, not yet run."""
        first, (other, third) = self.language, self.others
        chunks = f"all {self.chunks} chunks in order, byte for byte"
        return [
            Step("token", "a token, given or fetched"),
            Step("speaker connects", "the handshake is accepted (HTTP status 101)"),
            Step("createSession", "sessionCreated"),
            Step("heartbeat", "heartbeatAck with the server's time"),
            Step(f"{first} joins", "sessionJoined, with the speaker connected"),
            Step(f"{other} joins", "sessionJoined, hearing the floor"),
            Step("first sound", "both listeners hear a chunk"),
            Step(f"{first} hears", chunks),
            Step(f"{other} hears", chunks),
            Step("changeLanguage", f"languageChanged to {third}, hearing the floor"),
            Step(f"{third} hears", f"{self.chunks // 3} chunks, all of them"),
            Step("endSession", "sessionEnded, as reply and to both listeners"),
        ]


async def smoke(
    connector: Connector,
    plan: Plan | None = None,
    *,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> SmokeReport:
    """Run the test within the plan's timeout. Failures are in the report, not raised."""
    plan = plan or Plan()
    run = _Run(connector, plan, clock or SystemClock(), sleep)
    try:
        async with asyncio.timeout(plan.timeout_seconds), run.connections:
            await run.all()
    except StepError:
        pass
    except TimeoutError:
        if failure := run.report.failure:
            failure.actual = f"no result within the test's {plan.timeout_seconds:g} s"
            failure.hint = logs_hint("control", connector.url)
    return run.report


class _Run:
    def __init__(self, connector: Connector, plan: Plan, clock: Clock, sleep: Sleep) -> None:
        self.report = SmokeReport(connector.url.partition("?")[0], plan.steps())
        self.connections = AsyncExitStack()
        self._connector = connector
        self._plan = plan
        self._clock = clock
        self._sleep = sleep
        self._offset = ClockOffset()  # shared, so that all latencies use one clock
        self._format = AudioFormat(chunk_ms=plan.chunk_ms)

    async def all(self) -> None:
        """Run all steps. Raises StepError at the first that fails."""
        first, (other, third) = self._plan.language, self._plan.others
        speaker = await self._connect_speaker(await self._get_token())
        session_id = await self._create_session(speaker, first)
        await self._heartbeat(speaker)
        listeners = [await self._join(session_id, language) for language in (first, other)]
        sound = capture(
            ToneSource(self._format), self._format, ServerTime(speaker, self._clock), self._sleep
        )
        await self._first_sound(speaker, listeners, sound)
        # A failure while sending counts for the step that receives the sound.
        with self._step(f"{first} hears", "audio_processor"):
            chunks = await self._send_chunks(speaker, sound, self._plan.chunks)
        for listener in listeners:
            await self._compare(speaker, listener, chunks)
        await self._change_language(listeners[1], third)
        with self._step(f"{third} hears", "audio_processor"):
            chunks = await self._send_chunks(speaker, sound, len(chunks) // 3)
        await self._compare(speaker, listeners[1], chunks)
        await self._end_session(speaker, listeners)

    @contextlib.contextmanager
    def _step(self, name: str, function: str = "control") -> Iterator[Step]:
        with self.report.step(name, self._clock) as step:
            try:
                yield step
            except ClientError as fault:
                raise StepError(
                    str(fault), step_hint(fault, self._connector.url, function)
                ) from None

    async def _get_token(self) -> str | None:
        with self._step("token") as step:
            token = await self._connector.token_to_use()
            if token is None and not is_local(self._connector.url):
                raise StepError("none, and this stack has no token service", GET_TOKEN)
            step.detail = "given" if self._connector.token else "fetched" if token else "none"
            return token

    async def _connect_speaker(self, token: str | None) -> Connection:
        with self._step("speaker connects"):
            try:
                return await self._connect(token)
            except HandshakeRefusedError as refused:
                if refused.status not in {401, 403}:
                    raise
                hint = await self._refusal_hint()
                raise StepError(str(refused), hint) from None

    async def _refusal_hint(self) -> str:
        """Tell a bad token from a bad URL: without a token, any client may connect."""
        try:
            async with connect(self._connector.url):
                return TOKEN_REFUSED
        except HandshakeRefusedError as refused:
            return TOKEN_REQUIRED if refused.status == 401 else STAGE_WRONG
        except ClientError:
            return STAGE_WRONG

    async def _connect(self, token: str | None) -> Connection:
        return await self.connections.enter_async_context(
            connect(self._connector.url, token=token, clock=self._clock, offset=self._offset)
        )

    async def _create_session(self, speaker: Connection, language: str) -> str:
        with self._step("createSession") as step:
            created = await speaker.create_session(language, audio_format=self._format)
            self.connections.push_async_callback(_end_open_session, speaker)
            step.detail = created.session_id
            return created.session_id

    async def _heartbeat(self, speaker: Connection) -> None:
        with self._step("heartbeat") as step:
            await speaker.heartbeat()
            step.detail = f"server clock {self._offset.offset_ms:+.0f} ms"

    async def _join(self, session_id: str, language: str) -> SmokeListener:
        with self._step(f"{language} joins") as step:
            connection = await self._connect(None)
            joined = await connection.join(session_id, language)
            if not joined.speaker_connected or joined.channel_source != "floor":
                raise StepError(
                    f"speakerConnected {joined.speaker_connected}, "
                    f"channelSource {joined.channel_source}",
                    logs_hint("control", self._connector.url),
                )
            step.detail = "without a token, hears the floor"
            return SmokeListener(connection, language, joined.audio_format)

    async def _first_sound(
        self, speaker: Connection, listeners: list[SmokeListener], sound: AsyncIterator[Captured]
    ) -> None:
        with self._step("first sound", "audio_processor") as step:
            until = self._clock.monotonic() + _FIRST_SOUND_SECONDS
            while not all(listener.received for listener in listeners):
                if self._clock.monotonic() >= until:
                    silent = [listener.language for listener in listeners if not listener.received]
                    raise await self._no_audio_error(speaker, f"no sound in {' and '.join(silent)}")
                last = (await self._send_chunks(speaker, sound, 1))[0]
                for listener in listeners:
                    while await listener.receive(0):
                        pass
            step.detail = f"with chunk {last.seq}"

    async def _no_audio_error(self, speaker: Connection, actual: str) -> StepError:
        """Error for missing sound, including the service's refusal if one has arrived."""
        refused = await pending_refusal(speaker)
        if refused is not None:
            actual += f"; the service replied {refused.error}"
        return StepError(actual, f"no audio: {logs_hint('audio_processor', self._connector.url)}")

    async def _send_chunks(
        self, speaker: Connection, sound: AsyncIterator[Captured], count: int
    ) -> list[Captured]:
        sent: list[Captured] = []
        while len(sent) < count:
            chunk = await anext(sound)
            await speaker.send_audio(chunk.seq, chunk.timestamp, chunk.audio)
            sent.append(chunk)
        return sent

    async def _compare(
        self, speaker: Connection, listener: SmokeListener, chunks: list[Captured]
    ) -> None:
        with self._step(f"{listener.language} hears", "audio_processor") as step:
            await listener.receive_all(chunks, self._clock, self._plan.patience_seconds)
            try:
                latency = listener.check(chunks)
            except StepError as fault:
                raise await self._no_audio_error(speaker, fault.actual) from None
            self.report.latencies[listener.language] = latency
            step.detail = f"{len(chunks)} chunks"

    async def _change_language(self, listener: SmokeListener, language: str) -> None:
        with self._step("changeLanguage") as step:
            changed = await listener.connection.change_language(language)
            if (changed.target_language, changed.channel_source) != (language, "floor"):
                raise StepError(
                    f"targetLanguage {changed.target_language}, "
                    f"channelSource {changed.channel_source}",
                    logs_hint("control", self._connector.url),
                )
            step.detail = f"{listener.language} to {language}"
            listener.language = language

    async def _end_session(self, speaker: Connection, listeners: list[SmokeListener]) -> None:
        with self._step("endSession") as step:
            ended = await speaker.end_session()
            until = self._clock.monotonic() + self._plan.patience_seconds
            for listener in listeners:
                while listener.ended is None:
                    if not await listener.receive(max(until - self._clock.monotonic(), 0)):
                        raise StepError(
                            f"no sessionEnded to the listener in {listener.language}",
                            logs_hint("control", self._connector.url),
                        )
            step.detail = f"reason {ended.reason}"


async def _end_open_session(speaker: Connection) -> None:
    """End the session if a failed step left it open."""
    if speaker.state is not None:
        with contextlib.suppress(ClientError, TimeoutError):
            async with asyncio.timeout(_CLEANUP_SECONDS):
                await speaker.end_session()
