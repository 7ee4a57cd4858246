"""What a machine interpreter is told, and the limits it keeps to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every wait is bounded; seconds, or ms where the name says so."""

    # Of the engine's calls.
    start_seconds: float = 20.0  # a recogniser that loads its model
    hear_seconds: float = 3.0
    finish_seconds: float = 5.0
    translate_seconds: float = 3.0
    speak_seconds: float = 4.0
    # Of a chunk on its way out.
    send_seconds: float = 1.0
    # Unsent speech of a language (ms): above the first the voice speaks faster, above the second
    # whole sentences are left out.
    hurry_ms: float = 2_000
    backlog_ms: float = 8_000
    fastest: float = 1.5
    # Speech that is longer than this (ms) is no sentence, but an engine's mistake.
    longest_ms: float = 60_000
    # Sentences of a language that wait to be translated.
    waiting: int = 4
    # How long a chunk of the floor waits for one before it (ms).
    order_ms: float = 200
    # After so long without a chunk the floor counts as silent, and silence is heard for so long
    # (ms): an utterance ends by it.
    quiet_ms: float = 300
    silence_ms: float = 1_000
    # What is kept of the floor while somebody else is the voice (ms).
    kept_ms: float = 10_000
    # So much of it from before its turn a machine hears, if it does not know where the one before
    # it stopped (ms).
    pre_roll_ms: float = 300
    # A recogniser that hears speech for so long without a word of it has hung.
    mute_seconds: float = 30.0
    # A stage of the engine that fails so often in a row, or hangs twice, is out of order: the
    # channels are left, and it is tried, unheard, after `rest_seconds`, then twice that, up to
    # eight times. When it works again they are taken again.
    failures: int = 3
    rest_seconds: float = 15.0
    # Of following who listens; without an answer for so long there is no way to the service.
    follow_seconds: float = 1.0
    patience_seconds: float = 120.0
    linger_seconds: float = 10.0
    # Of stopping: until a sentence is over, until it is spoken, and until the seat is given up.
    boundary_seconds: float = 8.0
    drain_seconds: float = 10.0
    leave_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which session a machine interprets, into what, and by which right.

    `session_id` may be a join code, with the secret of a session by link. `languages` are those it
    may serve; it serves the ones that somebody listens to. Without a `ticket` its connections need
    a token of an interpreter of the session.
    """

    session_id: str = field(repr=False)
    languages: tuple[str, ...] | Literal["auto"] = "auto"
    ticket: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
