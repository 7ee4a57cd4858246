"""Interpreted speech: chunks in real time, and none between sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client.playback.jitter import Gap, JitterBuffer, Played, PlayoutEvent
from client.playback.playout import Playout
from client.protocol.events import AudioReceived
from shared.protocol.messages import Audio
from tests.unit.client.support import FORMAT, T0, Loudspeaker, audio

DELAY_MS = 400


def speech(*sentences: tuple[int, int]) -> list[Audio]:
    """Sentences as (time in ms from T0, chunks): sequence numbers go on, times jump."""
    said: list[Audio] = []
    for begin, chunks in sentences:
        said += [
            audio(len(said) + number, timestamp=T0 + begin + number * 200)
            for number in range(chunks)
        ]
    return said


def played(buffer: JitterBuffer, said: list[Audio], network_ms: int = 30) -> list[PlayoutEvent]:
    """Play the chunks, each arriving `network_ms` after it was complete."""
    events: list[PlayoutEvent] = []
    for chunk in said:
        at = chunk.timestamp + 200 + network_ms
        events += buffer.pop(at)
        buffer.push(chunk, at)
    return [*events, *buffer.pop(said[-1].timestamp + 10_000), *buffer.flush()]


def test_a_pause_is_no_gap_and_nothing_after_it_is_late() -> None:
    buffer = JitterBuffer(FORMAT, DELAY_MS)

    events = played(buffer, speech((0, 4), (5_000, 3), (65_000, 2)))

    chunks = [event for event in events if isinstance(event, Played)]
    assert [event.audio.seq for event in chunks] == list(range(9))
    assert len(events) == 9
    assert {event.latency_ms for event in chunks} == {30}
    counts = buffer.counts
    assert (counts.played, counts.late, counts.gaps, counts.withheld) == (9, 0, 0, 0)


def test_every_sentence_is_played_one_delay_after_its_capture() -> None:
    events = played(JitterBuffer(FORMAT, DELAY_MS), speech((0, 2), (5_000, 2)))

    for event in events:
        assert isinstance(event, Played)
        assert event.due_at_ms == event.audio.timestamp + 200 + DELAY_MS


def test_a_pause_is_as_long_as_nothing_was_said() -> None:
    events = played(JitterBuffer(FORMAT, DELAY_MS), speech((0, 2), (5_000, 2), (5_450, 1)))

    assert [event.pause_ms for event in events if isinstance(event, Played)] == [
        0,
        0,
        4_600,
        0,
        0,  # 50 ms are a source that is not quite punctual
    ]


def test_what_is_lost_around_a_pause_is_a_gap_and_the_pause_stays() -> None:
    said = speech((0, 3), (5_000, 3))
    del said[3]  # the first chunk of the second sentence
    del said[2]  # and the last of the first

    buffer = JitterBuffer(FORMAT, DELAY_MS)
    events = played(buffer, said)

    gap, after = events[2:4]
    assert isinstance(gap, Gap)
    assert isinstance(after, Played)
    assert (gap.first, gap.last, gap.continuous) == (2, 3, False)
    assert (after.audio.seq, after.pause_ms) == (4, 4_400)
    assert (buffer.counts.gaps, buffer.counts.gap_chunks) == (1, 2)


def test_another_voice_begins_without_a_pause() -> None:
    said = [*speech((0, 2)), audio(0, epoch=2, timestamp=T0 + 9_000)]

    events = played(JitterBuffer(FORMAT, DELAY_MS), said)

    assert [event.pause_ms for event in events if isinstance(event, Played)] == [0, 0, 0]


def test_a_recording_has_the_pauses_in_it() -> None:
    loudspeaker = Loudspeaker()
    playout = Playout(FORMAT, loudspeaker, DELAY_MS)
    for chunk in speech((0, 2), (1_000, 1)):
        playout.push(AudioReceived(chunk, chunk.timestamp + 230))
    playout.finish()

    assert loudspeaker.played == [0, 1, -600, 2]
    assert playout.stats().counts.gaps == 0


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 6)), min_size=1, max_size=8),
    st.lists(st.integers(0, 350), min_size=48, max_size=48),
)
def test_any_sentences_with_any_jitter_below_the_delay_are_played_whole(
    pauses: list[tuple[int, int]], jitters: list[int]
) -> None:
    begin, sentences = 0, []
    for pause, chunks in pauses:
        begin += pause
        sentences.append((begin, chunks))
        begin += chunks * 200
    said = speech(*sentences)
    arriving = sorted(
        (chunk.timestamp + 200 + jitter, chunk.seq)
        for chunk, jitter in zip(said, jitters, strict=False)
    )
    buffer = JitterBuffer(FORMAT, DELAY_MS)
    events: list[PlayoutEvent] = []
    for at, seq in arriving:
        events += buffer.pop(at)
        buffer.push(said[seq], at)
    events += buffer.flush()

    assert [event.audio for event in events if isinstance(event, Played)] == said
    assert len(events) == len(said)
    length = said[-1].timestamp + 200 - said[0].timestamp
    heard = sum(200 + event.pause_ms for event in events if isinstance(event, Played))
    # Pauses shorter than half a chunk are taken for imprecision.
    assert heard <= length <= heard + 100 * len(pauses)
