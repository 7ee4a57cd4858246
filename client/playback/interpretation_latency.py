"""How long interpretation takes: from the end of a sentence on the floor to its first sound here,
and where that time went. No input or output.

Times are compared across clocks, as latencies are (PROTOCOL rule 2): the sentence's end is by the
speaker's clock, its receipt by the receiver's estimate of the server's (`Connection.now_ms`). A
speaker's clock that is behind by 100 ms adds 100 ms to `total` and to `deliver`, and to nothing
else: the other stages were each measured by one clock. Receipt is before the jitter buffer.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from client.playback.latency import LatencySummary, summarize
from shared.models.interpretation import Renders
from shared.protocol.messages import Audio

# Sentences whose stages are remembered: hours of talk.
HISTORY = 2_000
# Chunks and sentences by which it is known where one begins: no chunk comes so much too late.
_RECENT = 256

_Utterance = tuple[str, int, int]  # language, epoch, the end of its interval
_Place = tuple[str, int, int]  # language, epoch, seq


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time of one sentence went, in ms; `total` is the sum of the others."""

    total: float
    recognise: float
    translate: float
    speak: float
    deliver: float


@dataclass(frozen=True, slots=True)
class InterpretationLatencySummary:
    """Percentiles of each stage by itself, so they need not add up. Of the `sentences` heard,
    `measured` are those whose beginning was.
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
    def place(self) -> _Place:
        return self.audio.language, self.audio.epoch, self.audio.seq


class InterpretationLatency:
    """Notes for every sentence when the first of its chunks arrived, and forgets the oldest."""

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._entries: deque[Stages] = deque(maxlen=HISTORY)
        self._recent: OrderedDict[_Place, _Arrival] = OrderedDict()
        self._known: OrderedDict[_Utterance, bool] = OrderedDict()  # whether it was entered
        self._sentences = 0
        self._measured = 0

    @property
    def entries(self) -> tuple[Stages, ...]:
        """Of each sentence whose beginning was heard, in the order of arrival."""
        return tuple(self._entries)

    def heard(self, audio: Audio, received_at_ms: float) -> None:
        """Take in a chunk that arrived, in any order; one that comes twice counts once."""
        arrival = _Arrival(audio, received_at_ms)
        if arrival.place in self._recent:
            return
        self._recent[arrival.place] = arrival
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        self._meet(arrival.utterance)
        self._enter_if_first(arrival)
        following = self._recent.get((audio.language, audio.epoch, audio.seq + 1))
        if following is not None:  # it overtook this one
            self._enter_if_first(following)

    def summary(self) -> InterpretationLatencySummary | None:
        """The percentiles, or None if no sentence's beginning was heard."""
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

    def _meet(self, utterance: _Utterance | None) -> None:
        if utterance is None or utterance in self._known:
            return
        self._sentences += 1
        self._known[utterance] = False
        if len(self._known) > _RECENT:
            self._known.popitem(last=False)

    def _enter_if_first(self, arrival: _Arrival) -> None:
        utterance, renders = arrival.utterance, arrival.audio.renders
        # One that is forgotten by now is entered already, or its beginning is long past.
        if utterance is None or renders is None or self._known.get(utterance, True):
            return
        if self._is_first(arrival, renders):
            self._known[utterance] = True
            self._measured += 1
            self._entries.append(_stages(renders, arrival.received_at_ms))

    def _is_first(self, arrival: _Arrival, renders: Renders) -> bool:
        """Whether it is its sentence's first chunk: the one before it was another's. If that is not
        known (lost, or from before we came), by its time: the first one's sound begins a chunk
        before the moment at which it was sent.
        """
        language, epoch, seq = arrival.place
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
