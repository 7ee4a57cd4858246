"""Latency of machine interpretation, from the end of a sentence to its first chunk here. No I/O.

Times are compared across clocks, as all latencies are (PROTOCOL rule 2): the end of the sentence
is by the speaker's clock, its receipt by the receiver's estimate of the server's clock
(`Connection.now_ms`). If the speaker's clock is 100 ms behind, `total` and `deliver` are 100 ms
too long. The other stages are exact, because each was measured by one clock. Receipt is before the
jitter buffer.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from client.playback.latency import LatencySummary, summarize
from shared.models.interpretation import Renders
from shared.protocol.messages import Audio

# Sentences to remember: hours of talk.
HISTORY = 2_000
# Recent chunks and sentences to remember, to find the first chunk of each sentence.
_RECENT = 256

_Utterance = tuple[str, int, int]  # language, epoch, end of its interval
_ChunkKey = tuple[str, int, int]  # language, epoch, seq


@dataclass(frozen=True, slots=True)
class Stages:
    """Latency of one sentence by stage, in ms; `total` is the sum of the others."""

    total: float
    recognise: float
    translate: float
    speak: float
    deliver: float


@dataclass(frozen=True, slots=True)
class InterpretationLatencySummary:
    """Percentiles of each stage, computed separately, so they need not add up.

    `sentences` counts all received sentences, `measured` those received from their first chunk.
    """

    sentences: int
    measured: int
    total: LatencySummary
    recognise: LatencySummary
    translate: LatencySummary
    speak: LatencySummary
    deliver: LatencySummary


@dataclass(frozen=True, slots=True)
class _Arrival:
    audio: Audio
    received_at_ms: float

    @property
    def utterance(self) -> _Utterance | None:
        renders = self.audio.renders
        if renders is None:
            return None
        return self.audio.language, self.audio.epoch, renders.end_timestamp

    @property
    def key(self) -> _ChunkKey:
        return self.audio.language, self.audio.epoch, self.audio.seq


class InterpretationLatency:
    """Measures each sentence at the arrival of its first chunk; keeps the last HISTORY."""

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._entries: deque[Stages] = deque(maxlen=HISTORY)
        self._recent: OrderedDict[_ChunkKey, _Arrival] = OrderedDict()
        self._known: OrderedDict[_Utterance, bool] = OrderedDict()  # whether it is measured
        self._sentences = 0
        self._measured = 0

    @property
    def entries(self) -> tuple[Stages, ...]:
        """Stages of the measured sentences in order of arrival."""
        return tuple(self._entries)

    def add(self, audio: Audio, received_at_ms: float) -> None:
        """Add a received chunk, in any order; duplicates are ignored."""
        arrival = _Arrival(audio, received_at_ms)
        if arrival.key in self._recent:
            return
        self._recent[arrival.key] = arrival
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        self._note_utterance(arrival.utterance)
        self._measure_if_first(arrival)
        following = self._recent.get((audio.language, audio.epoch, audio.seq + 1))
        if following is not None:  # it overtook this one
            self._measure_if_first(following)

    def summary(self) -> InterpretationLatencySummary | None:
        """Return the percentiles, or None if no sentence was measured."""
        entries = self._entries
        stages = [
            summarize(values)
            for values in (
                [entry.total for entry in entries],
                [entry.recognise for entry in entries],
                [entry.translate for entry in entries],
                [entry.speak for entry in entries],
                [entry.deliver for entry in entries],
            )
        ]
        total, recognise, translate, speak, deliver = stages
        if not (total and recognise and translate and speak and deliver):
            return None
        return InterpretationLatencySummary(
            self._sentences, self._measured, total, recognise, translate, speak, deliver
        )

    def _note_utterance(self, utterance: _Utterance | None) -> None:
        if utterance is None or utterance in self._known:
            return
        self._sentences += 1
        self._known[utterance] = False
        if len(self._known) > _RECENT:
            self._known.popitem(last=False)

    def _measure_if_first(self, arrival: _Arrival) -> None:
        utterance, renders = arrival.utterance, arrival.audio.renders
        # A forgotten utterance is measured already, or began long ago.
        if utterance is None or renders is None or self._known.get(utterance, True):
            return
        if self._is_first(arrival, renders):
            self._known[utterance] = True
            self._measured += 1
            self._entries.append(_stages(renders, arrival.received_at_ms))

    def _is_first(self, arrival: _Arrival, renders: Renders) -> bool:
        """Return whether the chunk is the first of its sentence.

        It is if the previous chunk belongs to another sentence. If the previous chunk is unknown
        (lost, or from before joining), the time decides: the first chunk's audio begins one chunk
        before it was sent.
        """
        language, epoch, seq = arrival.key
        before = self._recent.get((language, epoch, seq - 1))
        if before is not None:
            return before.utterance != arrival.utterance
        took_ms = renders.recognise_ms + renders.translate_ms + renders.speak_ms
        sent_at = renders.end_timestamp + took_ms
        return arrival.audio.timestamp <= sent_at - self._chunk_ms / 2


def _stages(renders: Renders, received_at_ms: float) -> Stages:
    total = received_at_ms - renders.end_timestamp
    known = renders.recognise_ms + renders.translate_ms + renders.speak_ms
    return Stages(
        total=total,
        recognise=renders.recognise_ms,
        translate=renders.translate_ms,
        speak=renders.speak_ms,
        deliver=total - known,
    )
