"""Timeouts and intervals of the Transcribe recogniser, in seconds unless noted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one recogniser."""

    #: Timeout for connecting, including the handshake.
    open: float = 5.0
    #: Timeout for sending a chunk.
    send: float = 5.0
    #: Timeout from the end of the audio to the end of the results.
    finish: float = 4.0
    #: Time without floor audio after which silence is sent, so that the last utterance is
    #: recognised. Longer than any chunk, and than most network stalls.
    quiet: float = 2.0
    #: Duration of that silence (ms).
    quiet_ms: float = 1_000
    #: Interval of silent chunks after that. Transcribe ends a stream after 15 s without audio.
    keep_alive: float = 5.0
    #: Duration of these chunks (ms). Transcribe recommends 50 to 200 ms:
    #: https://docs.aws.amazon.com/transcribe/latest/dg/streaming.html#best-practices
    keep_alive_ms: float = 100
    #: Age at which a stream is replaced at the next pause.
    roll_over: float = 3.5 * 3600
    #: Age at which a stream is replaced in mid-sentence. A stream may last four hours:
    #: https://docs.aws.amazon.com/transcribe/latest/dg/limits-guidelines.html
    roll_over_latest: float = 3.9 * 3600
    #: Time without an event, and amount of loud audio meanwhile, after which a stream counts as
    #: dead.
    no_result: float = 30.0
    #: Time to wait for an error message after the connection broke.
    error_grace: float = 1.0
    #: Ceilings of the first and the last delay between attempts to connect.
    first_delay: float = 0.25
    last_delay: float = 4.0
    #: Ceiling of the first delay after LimitExceededException.
    limited_delay: float = 2.0
    #: Maximum failed attempts in a row.
    attempts: int = 6
    #: Age of a stream after which its failure counts as the first in a row.
    steady: float = 10.0
    #: Audio kept for the next stream (ms).
    kept_ms: float = 12_000
