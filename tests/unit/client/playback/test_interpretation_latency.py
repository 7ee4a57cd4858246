"""Interpretation latency, measured at each sentence's first chunk in any order of arrival."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.playback.interpretation_latency import HISTORY, InterpretationLatency, Stages
from client.playback.playout import NullSink, Playout
from client.protocol.events import AudioReceived
from shared.models.interpretation import Renders
from shared.protocol.messages import Audio
from tests.unit.client.support import FORMAT, T0, audio

CHUNK_MS = 200


def sentence(
    end: int,
    first_seq: int,
    chunks: int = 3,
    *,
    epoch: int = 1,
    language: str = "es",
    skew: int = 0,
) -> list[Audio]:
    """The chunks of a sentence that ended at T0 + `end`: recognised after 450 ms, translated in 3,
    its first chunk sent 25 ms later. The interpreter's clock is ahead of the speaker's by `skew`.
    """
    renders = Renders(
        timestamp=T0 + end - 2_000,
        end_timestamp=T0 + end,
        recognise_ms=450,
        translate_ms=3,
        speak_ms=25,
    )
    return [
        msgspec.structs.replace(
            audio(
                first_seq + number,
                epoch,
                timestamp=T0 + end + 478 + skew + (number - 1) * CHUNK_MS,
                language=language,
            ),
            renders=renders,
        )
        for number in range(chunks)
    ]


def sent_at(chunk: Audio) -> int:
    return chunk.timestamp + CHUNK_MS


def totals(latency: InterpretationLatency) -> list[float]:
    return [entry.total for entry in latency.entries]


def test_the_first_chunk_says_what_a_sentence_took() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for chunk in [*sentence(0, 0), *sentence(5_000, 3)]:
        latency.add(chunk, sent_at(chunk) + 40)

    stages = Stages(total=518, recognise=450, translate=3, speak=25, deliver=40)
    assert latency.entries == (stages, stages)
    summary = latency.summary()
    assert summary is not None
    assert (summary.sentences, summary.measured) == (2, 2)
    assert [summary.total.p50, summary.deliver.p95, summary.recognise.count] == [518, 40, 2]


def test_chunks_without_renders_are_ignored() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for seq in range(5):
        latency.add(audio(seq), T0 + seq * 200)

    assert latency.summary() is None


def test_a_chunk_that_comes_twice_counts_once() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for delay in (40, 900):
        for chunk in sentence(0, 0):
            latency.add(chunk, sent_at(chunk) + delay)

    assert totals(latency) == [518]


def test_joining_within_a_sentence_does_not_measure_it() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for chunk in [*sentence(0, 0)[1:], *sentence(5_000, 3)]:
        latency.add(chunk, sent_at(chunk) + 40)

    summary = latency.summary()
    assert summary is not None
    assert (summary.sentences, summary.measured) == (2, 1)
    assert totals(latency) == [518]


def test_a_sentence_whose_beginning_was_lost_is_not_measured() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    lost = sentence(5_000, 3)[0]
    for chunk in [*sentence(0, 0), *sentence(5_000, 3), *sentence(9_000, 6)]:
        if chunk != lost:
            latency.add(chunk, sent_at(chunk) + 40)

    assert totals(latency) == [518, 518]


def test_with_clocks_that_disagree_order_alone_tells_where_sentences_begin() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for end, seq in ((0, 0), (5_000, 3), (9_000, 6)):
        for chunk in sentence(end, seq, skew=3_600_000):
            latency.add(chunk, sent_at(chunk) + 40)

    # Of the first one nobody can tell that nothing was before it.
    assert totals(latency) == [3_600_518, 3_600_518]


def test_epochs_and_languages_are_told_apart() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for epoch, language in ((1, "es"), (2, "es"), (1, "fr")):
        for chunk in sentence(0, 0, epoch=epoch, language=language):
            latency.add(chunk, sent_at(chunk) + epoch)

    assert totals(latency) == [479, 480, 479]


def test_after_a_sound_without_an_interval_a_sentence_begins() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    latency.add(audio(0, language="es"), T0)
    first = sentence(0, 1, skew=3_600_000)[0]
    latency.add(first, sent_at(first))

    assert len(latency.entries) == 1


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.lists(st.integers(0, 3_000), min_size=24, max_size=24),
    st.randoms(use_true_random=False),
)
def test_each_sentence_is_measured_at_its_first_chunk_in_whatever_order_they_arrive(
    sentences: int, chunks: int, delays: list[int], chance: random.Random
) -> None:
    said = [
        chunk
        for number in range(sentences)
        for chunk in sentence(number * 5_000, number * chunks, chunks)
    ]
    arriving = [(sent_at(chunk) + delay, chunk) for chunk, delay in zip(said, delays, strict=False)]
    chance.shuffle(arriving)
    arriving.sort(key=lambda item: item[0])
    latency = InterpretationLatency(CHUNK_MS)
    for received_at, chunk in arriving:
        latency.add(chunk, received_at)

    expected = [478 + delays[number * chunks] for number in range(sentences)]
    assert sorted(totals(latency)) == sorted(expected)
    for entry in latency.entries:
        assert entry.total == entry.recognise + entry.translate + entry.speak + entry.deliver


def test_memory_is_bounded() -> None:
    latency = InterpretationLatency(CHUNK_MS)
    for number in range(HISTORY + 500):
        for chunk in sentence(number * 5_000, number, chunks=1):
            latency.add(chunk, sent_at(chunk) + number)

    assert len(latency.entries) == HISTORY
    assert totals(latency)[0] == 478 + 500
    summary = latency.summary()
    assert summary is not None
    assert (summary.sentences, summary.measured) == (HISTORY + 500, HISTORY + 500)


@pytest.mark.parametrize("delay", [40, 5_000])
def test_late_chunks_are_measured_too(delay: int) -> None:
    playout = Playout(FORMAT, NullSink(), playout_delay_ms=400)
    for chunk in sentence(0, 0):
        playout.push(AudioReceived(chunk, sent_at(chunk)))
    for chunk in sentence(2_000, 3):
        playout.push(AudioReceived(chunk, sent_at(chunk) + delay))
    playout.finish()

    latency = playout.stats().interpretation
    assert latency is not None
    assert (latency.measured, latency.total.maximum) == (2, 478 + delay)
