"""Every sentence is recognised once, in order and in time, however streams break."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.aws_speech import (
    SENTENCES,
    AwsSpeech,
    ConnectionDropped,
    ExceptionSent,
    InvalidMessage,
    Refused,
    floor_pcm,
)
from tests.helpers.aws_speech.faults import StreamFault
from tests.unit.interpreter.engines.aws.support import EPOCH, RATE, engine_on, finals, hear

# Words take 250 ms, with half a second of silence after each sentence.
BEGINNINGS = (0, 1_750, 4_250)
ENDS = (1_250, 3_750, 5_000)

positions = st.integers(0, 5_600)
breaks = st.one_of(
    st.builds(ConnectionDropped, positions),
    st.builds(
        ExceptionSent,
        st.sampled_from(["InternalFailureException", "LimitExceededException"]),
        positions,
    ),
    st.builds(InvalidMessage, st.just(b"\0" * 20), positions),
)
between = st.lists(st.just(Refused("ServiceUnavailableException", 503)), max_size=1)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(breaks, between), max_size=2))
async def test_every_sentence_is_recognised_once(
    faults: list[tuple[StreamFault, list[StreamFault]]],
) -> None:
    with AwsSpeech() as aws:
        for broken, refused in faults:
            aws.inject_stream(broken, *refused)
        async with engine_on(aws) as engine, engine.recogniser("en", RATE) as recogniser:
            await hear(recogniser, floor_pcm())
            await recogniser.finish()
            heard = await finals(recogniser)

    assert [result.text for result in heard] == list(SENTENCES)
    for result, beginning, end in zip(heard, BEGINNINGS, ENDS, strict=True):
        assert abs(result.timestamp - EPOCH - beginning) <= 40
        assert abs(result.end_timestamp - EPOCH - end) <= 40
