"""How long the recogniser waits for what. Seconds, if not said otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one recogniser; tests take others."""

    #: To connect, of which the handshake is a part.
    open: float = 5.0
    #: To hand a chunk to the network.
    send: float = 5.0
    #: From the end of the sound to the end of the results.
    finish: float = 4.0
    #: Without sound of the floor, until silence is sent so that what was said is recognised;
    #: longer than any chunk, and than most networks stall.
    quiet: float = 2.0
    #: How much silence (ms) that is.
    quiet_ms: float = 1_000
    #: Between two chunks of silence after that. Transcribe ends a stream after 15 s without sound.
    keep_alive: float = 5.0
    #: How long (ms) such a chunk is. Transcribe recommends 50 to 200 ms:
    #: https://docs.aws.amazon.com/transcribe/latest/dg/streaming.html#best-practices
    keep_alive_ms: float = 100
    #: A stream of that age is exchanged at the next pause,
    roll_over: float = 3.5 * 3600
    #: and of that age in mid-sentence. A stream may last four hours:
    #: https://docs.aws.amazon.com/transcribe/latest/dg/limits-guidelines.html
    roll_over_latest: float = 3.9 * 3600
    #: After so long without an event, and as much loud sound, a stream is taken for dead.
    deaf: float = 30.0
    #: What a service says as its connection breaks may come a little later than the break.
    last_words: float = 1.0
    #: The ceilings of the waits between attempts to connect: the first, and the last.
    first_delay: float = 0.25
    last_delay: float = 4.0
    #: The first one after LimitExceededException.
    limited_delay: float = 2.0
    #: So many attempts in a row may fail,
    attempts: int = 6
    #: where a stream that held for so long begins a new row.
    steady: float = 10.0
    #: How much sound (ms) is kept for a new stream.
    kept_ms: float = 12_000
