"""A smoke test of any stack: one speaker, two listeners, a few seconds of sound, the controls.

    report = await smoke(Connector(url, token, token_url, user, ("speakers",)))

It opens a session of its own, which nobody else is in, and ends it. Sound is checked byte for
byte. Functions that have just been deployed start slowly, and the service drops what comes too
late: chunks count only once both listeners have heard one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cli.options import Connector
from cli.smoke.audio import Scale, ServerTime, SmokeListener, refusal
from cli.smoke.hints import (
    GET_TOKEN,
    IDENTITY_WANTED,
    STAGE_WRONG,
    TOKEN_REFUSED,
    logs_folder,
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
_PARTING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: the speaker's language, two that nobody interprets, and how long."""

    language: str = "en"
    others: tuple[str, str] = ("es", "fr")
    seconds: float = 3.0
    chunk_ms: int = 200
    timeout_seconds: float = 30.0
    patience_seconds: float = 4.0  # for what was sent to arrive, and for the end to be told

    @property
    def chunks(self) -> int:
        """How many chunks are compared; after the change of language a third as many."""
        return max(round(self.seconds * 1000 / self.chunk_ms), 3)

    def steps(self) -> list[Step]:
        """All steps, in order, not yet run."""
        first, (other, third) = self.language, self.others
        chunks = f"all {self.chunks} chunks in order, with the very same bytes"
        return [
            Step("token", "a token, given or fetched"),
            Step("speaker connects", "the handshake is accepted (HTTP status 101)"),
            Step("createSession", "sessionCreated"),
            Step("heartbeat", "heartbeatAck with the server's time"),
            Step(f"{first} joins", "sessionJoined, with the speaker there"),
            Step(f"{other} joins", "sessionJoined, hearing the floor"),
            Step("first sound", "both listeners hear a chunk"),
            Step(f"{first} hears", chunks),
            Step(f"{other} hears", chunks),
            Step("changeLanguage", f"languageChanged to {third}, hearing the floor"),
            Step(f"{third} hears", f"{self.chunks // 3} chunks, all of them"),
            Step("endSession", "sessionEnded, as reply and to both listeners"),
        ]


async def smoke(
    access: Connector,
    plan: Plan | None = None,
    *,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
) -> SmokeReport:
    """Run it within the plan's time; what does not work is in the report, nothing is raised."""
    plan = plan or Plan()
    run = _Run(access, plan, clock or SystemClock(), sleep)
    try:
        async with asyncio.timeout(plan.timeout_seconds), run.connections:
            await run.all()
    except StepError:
        pass
    except TimeoutError:
        if failure := run.report.failure:
            failure.came = f"nothing within the {plan.timeout_seconds:g} s of the whole test"
            failure.remedy = logs_folder("control", access.url)
    return run.report


class _Run:
    def __init__(self, access: Connector, plan: Plan, clock: Clock, sleep: Sleep) -> None:
        self.report = SmokeReport(access.url.partition("?")[0], plan.steps())
        self.connections = AsyncExitStack()
        self._access = access
        self._plan = plan
        self._clock = clock
        self._sleep = sleep
        self._offset = ClockOffset()  # one for all, so that latencies are of one clock
        self._format = AudioFormat(chunk_ms=plan.chunk_ms)

    async def all(self) -> None:
        """Every step. Raises StepError at the first that does not work."""
        first, (other, third) = self._plan.language, self._plan.others
        speaker = await self._speaker(await self._token())
        session_id = await self._session(speaker, first)
        await self._heartbeat(speaker)
        ears = [await self._listener(session_id, language) for language in (first, other)]
        sound = capture(
            Scale(self._format), self._format, ServerTime(speaker, self._clock), self._sleep
        )
        await self._first_sound(speaker, ears, sound)
        # What fails while sound is sent is a failure of the step that hears it.
        with self._step(f"{first} hears", "audio_processor"):
            chunks = await self._say(speaker, sound, self._plan.chunks)
        for ear in ears:
            await self._heard(speaker, ear, chunks)
        await self._change(ears[1], third)
        with self._step(f"{third} hears", "audio_processor"):
            chunks = await self._say(speaker, sound, len(chunks) // 3)
        await self._heard(speaker, ears[1], chunks)
        await self._end(speaker, ears)

    @contextlib.contextmanager
    def _step(self, name: str, function: str = "control") -> Iterator[Step]:
        with self.report.step(name, self._clock) as step:
            try:
                yield step
            except ClientError as fault:
                raise StepError(str(fault), step_hint(fault, self._access.url, function)) from None

    async def _token(self) -> str | None:
        with self._step("token") as step:
            token = await self._access.token_to_use()
            if token is None and not is_local(self._access.url):
                raise StepError("none: this stack has no token service", GET_TOKEN)
            step.detail = "given" if self._access.token else "fetched" if token else "none"
            return token

    async def _speaker(self, token: str | None) -> Connection:
        with self._step("speaker connects"):
            try:
                return await self._connect(token)
            except HandshakeRefusedError as refused:
                if refused.status not in {401, 403}:
                    raise
                remedy = await self._why_refused()
                raise StepError(str(refused), remedy) from None

    async def _why_refused(self) -> str:
        """Without a token anybody may connect: where nobody may, it is the address."""
        try:
            async with connect(self._access.url):
                return TOKEN_REFUSED
        except HandshakeRefusedError as refused:
            return IDENTITY_WANTED if refused.status == 401 else STAGE_WRONG
        except ClientError:
            return STAGE_WRONG

    async def _connect(self, token: str | None) -> Connection:
        return await self.connections.enter_async_context(
            connect(self._access.url, token=token, clock=self._clock, offset=self._offset)
        )

    async def _session(self, speaker: Connection, language: str) -> str:
        with self._step("createSession") as step:
            created = await speaker.create_session(language, audio_format=self._format)
            self.connections.push_async_callback(_part, speaker)
            step.detail = created.session_id
            return created.session_id

    async def _heartbeat(self, speaker: Connection) -> None:
        with self._step("heartbeat") as step:
            await speaker.heartbeat()
            step.detail = f"the server's clock is {self._offset.offset_ms:+.0f} ms off"

    async def _listener(self, session_id: str, language: str) -> SmokeListener:
        with self._step(f"{language} joins") as step:
            connection = await self._connect(None)
            joined = await connection.join(session_id, language)
            if not joined.speaker_connected or joined.channel_source != "floor":
                raise StepError(
                    f"speakerConnected {joined.speaker_connected}, "
                    f"channelSource {joined.channel_source}",
                    logs_folder("control", self._access.url),
                )
            step.detail = "without a token, hears the floor"
            return SmokeListener(connection, language, joined.audio_format)

    async def _first_sound(
        self, speaker: Connection, ears: list[SmokeListener], sound: AsyncIterator[Captured]
    ) -> None:
        with self._step("first sound", "audio_processor") as step:
            until = self._clock.monotonic() + _FIRST_SOUND_SECONDS
            while not all(ear.heard for ear in ears):
                if self._clock.monotonic() >= until:
                    deaf = [ear.language for ear in ears if not ear.heard]
                    raise await self._silence(speaker, f"no sound in {' and '.join(deaf)}")
                last = (await self._say(speaker, sound, 1))[0]
                for ear in ears:
                    while await ear.hear(0):
                        pass
            step.detail = f"with chunk {last.seq}"

    async def _silence(self, speaker: Connection, came: str) -> StepError:
        """The fault of sound that did not arrive, with the service's own word if there is one."""
        told = await refusal(speaker)
        if told is not None:
            came += f"; the service says {told.error}"
        return StepError(came, f"no audio: {logs_folder('audio_processor', self._access.url)}")

    async def _say(
        self, speaker: Connection, sound: AsyncIterator[Captured], count: int
    ) -> list[Captured]:
        said: list[Captured] = []
        while len(said) < count:
            chunk = await anext(sound)
            await speaker.send_audio(chunk.seq, chunk.timestamp, chunk.audio)
            said.append(chunk)
        return said

    async def _heard(self, speaker: Connection, ear: SmokeListener, chunks: list[Captured]) -> None:
        with self._step(f"{ear.language} hears", "audio_processor") as step:
            await ear.hear_all(chunks, self._clock, self._plan.patience_seconds)
            try:
                latency = ear.check(chunks)
            except StepError as fault:
                raise await self._silence(speaker, fault.came) from None
            self.report.latencies[ear.language] = latency
            step.detail = f"{len(chunks)} chunks"

    async def _change(self, ear: SmokeListener, language: str) -> None:
        with self._step("changeLanguage") as step:
            changed = await ear.connection.change_language(language)
            if (changed.target_language, changed.channel_source) != (language, "floor"):
                raise StepError(
                    f"targetLanguage {changed.target_language}, "
                    f"channelSource {changed.channel_source}",
                    logs_folder("control", self._access.url),
                )
            step.detail = f"{ear.language} to {language}"
            ear.language = language

    async def _end(self, speaker: Connection, ears: list[SmokeListener]) -> None:
        with self._step("endSession") as step:
            ended = await speaker.end_session()
            until = self._clock.monotonic() + self._plan.patience_seconds
            for ear in ears:
                while ear.ended is None:
                    if not await ear.hear(max(until - self._clock.monotonic(), 0)):
                        raise StepError(
                            f"no sessionEnded to the listener in {ear.language}",
                            logs_folder("control", self._access.url),
                        )
            step.detail = f"reason {ended.reason}"


async def _part(speaker: Connection) -> None:
    """Leave no open session behind, if a step before the last did not work."""
    if speaker.state is not None:
        with contextlib.suppress(ClientError, TimeoutError):
            async with asyncio.timeout(_PARTING_SECONDS):
                await speaker.end_session()
