"""Simulated instances of the audio function; Lambda reuses the last used one first."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from shared.models.audio_format import AudioFormat
from shared.models.connection import Caller
from shared.models.errors import LingocastError
from shared.services.audio.audio_pace import AudioPace
from tests.helpers.doubles import ManualClock, RecordingTelemetry
from tests.helpers.fake_accounts import FakeAccounts

FORMAT = AudioFormat()
T0 = 1_700_000_000_000


@dataclass
class Conditions:
    """Conditions of a simulation. Times in ms."""

    most: int = 4
    cold_ms: int = 0  # cold start of a new instance
    busy_ms: int = 20  # processing time of one chunk
    stalls: Sequence[tuple[int, int]] = ()  # intervals in which no invocation starts
    audio_format: AudioFormat = FORMAT
    gateway: Callable[[int], int] = lambda at: at  # the gateway's clock by true time


@dataclass
class Outcome:
    """Outcome of each chunk, by index."""

    heard: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    instances: int = 0
    requests: int = 0


class _Instance:
    def __init__(self, accounts: FakeAccounts, clock: ManualClock) -> None:
        self.pace = AudioPace(accounts, clock, RecordingTelemetry())


def run(arrivals: Iterable[int], conditions: Conditions) -> Outcome:
    """Simulate one connection's chunks, which reach the gateway at `arrivals`."""
    return _Run(conditions).all(list(arrivals))


class _Run:
    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._accounts = FakeAccounts()
        self._clock = ManualClock(T0)
        self._idle: list[_Instance] = []
        self._waiting: deque[int] = deque()
        self._outcome = Outcome()
        self._order = itertools.count()
        self._events: list[tuple[int, int, Callable[[int], None]]] = []

    def all(self, arrivals: list[int]) -> Outcome:
        self._arrivals = arrivals
        for index, at in enumerate(arrivals):
            self._at(at, lambda now, index=index: self._arrive(index, now))  # type: ignore[misc]
        while self._events:
            now, _, act = heapq.heappop(self._events)
            self._clock.advance(T0 + now - self._clock.now_ms())
            act(now)
        self._outcome.requests = self._accounts.requests
        return self._outcome

    def _at(self, moment: int, act: Callable[[int], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), act))

    def _arrive(self, index: int, now: int) -> None:
        if self._idle:
            self._begin(self._idle.pop(), index, now)
            return
        self._waiting.append(index)
        if self._outcome.instances < self._conditions.most:
            self._outcome.instances += 1
            new = _Instance(self._accounts, self._clock)
            self._at(now + self._conditions.cold_ms, lambda at: self._free(new, at))

    def _free(self, instance: _Instance, now: int) -> None:
        if self._waiting:
            self._begin(instance, self._waiting.popleft(), now)
        else:
            self._idle.append(instance)

    def _begin(self, instance: _Instance, index: int, now: int) -> None:
        for start, end in self._conditions.stalls:
            if start <= now < end:
                self._at(end, lambda at: self._begin(instance, index, at))
                return
        audio_format = self._conditions.audio_format
        gateway = self._conditions.gateway
        arrived = self._arrivals[index]
        caller = Caller("speaker", None, frozenset(), T0 + gateway(arrived), T0)
        if now - arrived >= audio_format.deadline_ms:
            self._outcome.late.append(index)
            self._at(now + 1, lambda at: self._free(instance, at))
            return
        try:
            instance.pace.admit(caller, audio_format)
        except LingocastError:
            self._outcome.refused.append(index)
            self._at(now + 5, lambda at: self._free(instance, at))
            return
        self._outcome.heard.append(index)

        def conclude(at: int) -> None:
            instance.pace.settle(caller, audio_format)
            self._free(instance, at)

        self._at(now + self._conditions.busy_ms, conclude)
