"""Options and limits of a machine interpreter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of every wait and queue, in seconds or ms as the name says."""

    # Time limits of engine calls.
    start_seconds: float = 20.0  # opening a recogniser, which may load a model
    hear_seconds: float = 3.0
    finish_seconds: float = 5.0
    translate_seconds: float = 3.0
    speak_seconds: float = 4.0
    # Time limit for sending a chunk or a caption.
    send_seconds: float = 1.0
    # Unsent speech of a language: above `speed_up_ms` sentences are spoken faster, up to
    # `max_speed`; above `backlog_ms` whole sentences are skipped.
    speed_up_ms: float = 2_000
    backlog_ms: float = 8_000
    max_speed: float = 1.5
    # Longer speech is not a sentence but a fault of the engine.
    max_speech_ms: float = 60_000
    # Maximum sentences of a language that wait for translation.
    max_untranslated: int = 4
    # How long a floor chunk waits for a missing predecessor.
    reorder_ms: float = 200
    # The floor counts as silent after `quiet_ms` without a chunk. The recogniser then receives
    # `silence_ms` of silence, which ends an utterance.
    quiet_ms: float = 300
    silence_ms: float = 1_000
    # Floor audio kept while another interpreter holds the lease.
    kept_ms: float = 10_000
    # Floor audio processed from before the lease was acquired, if the position of the previous
    # machine is unknown.
    pre_roll_ms: float = 300
    # A recogniser without any result after this much speech has hung.
    no_result_seconds: float = 30.0
    # After `max_failures` failures in a row, or two timeouts, a stage of the engine is suspended
    # and the machine leaves its channels. The engine is probed in the background after
    # `suspend_seconds`, then after twice as long each time, up to eight times as long. When a probe
    # succeeds, the machine takes the channels again.
    max_failures: int = 3
    suspend_seconds: float = 15.0
    # Polling the session status. The service counts as unreachable after `patience_seconds`
    # without an answer; a language without listeners is served for `linger_seconds` more.
    poll_seconds: float = 1.0
    patience_seconds: float = 120.0
    linger_seconds: float = 10.0
    # Retiring: waiting for the end of the utterance, for the end of its speech, and for leaving.
    boundary_seconds: float = 8.0
    drain_seconds: float = 10.0
    leave_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Session, languages and credentials of a machine interpreter.

    `session_id` may be a join code, with the secret of a session by link. `languages` are those the
    machine may serve; it serves the ones with listeners. Without a `ticket`, its connections need
    the token of an interpreter of the session.
    """

    session_id: str = field(repr=False)
    languages: tuple[str, ...] | Literal["auto"] = "auto"
    ticket: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
