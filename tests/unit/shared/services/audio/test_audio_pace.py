"""AudioPace over any number of instances and with any clocks.

Simulates the gateway, instances with their own AudioPace, and the shared account. Accepted audio in
T seconds is at most 1.01 T + 3 s, plus one chunk, plus one second per instance.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.audio_format import AudioFormat
from shared.models.connection import Caller
from shared.models.errors import LingocastError
from shared.services.audio.audio_pace import AudioPace
from tests.helpers.doubles import ManualClock, RecordingTelemetry
from tests.helpers.fake_accounts import FakeAccounts
from tests.unit.shared.services.audio.instances import FORMAT, T0, Conditions, Outcome, run

SECONDS = 20


@st.composite
def jittered(draw: st.DrawFn, chunk_ms: float = 200, jitter: int = 60) -> list[int]:
    """Return arrivals of `SECONDS` of real-time audio."""
    count = int(SECONDS * 1000 / chunk_ms)
    seed = draw(st.lists(st.integers(0, jitter), min_size=7, max_size=7))
    return [int((index + 1) * chunk_ms) + seed[index % 7] for index in range(count)]


conditions = st.builds(
    Conditions,
    most=st.integers(1, 12),
    cold_ms=st.sampled_from([0, 0, 300, 900]),
    busy_ms=st.sampled_from([5, 20, 60, 150]),
)


def stalled(arrivals: list[int], start: int, end: int, *, keeps: bool) -> list[int]:
    """Delay the arrivals of a stall to its end, or drop them as the client would."""
    late = [end for at in arrivals if start <= at < end]
    return sorted([at for at in arrivals if not start <= at < end] + (late if keeps else []))


def lost_after(outcome: Outcome, arrivals: list[int], moment: int) -> list[int]:
    """Return the arrivals after `moment` that were not accepted."""
    missed = {*outcome.refused, *outcome.late}
    return [arrivals[index] for index in sorted(missed) if arrivals[index] > moment]


def fill(*, speed: float, jitter: int = 0) -> list[int]:
    return [int(index * 200 / speed) for index in range(int(SECONDS * 5 * speed))]


@given(jittered(), conditions)
def test_real_time_audio_is_never_refused(
    arrivals: list[int], given_conditions: Conditions
) -> None:
    assert run(arrivals, given_conditions).refused == []


@pytest.mark.parametrize("chunk_ms", [100, 200, 600, 1_000])
@pytest.mark.parametrize("busy_ms", [20, 350])
def test_a_sound_card_half_a_percent_fast_is_never_refused(chunk_ms: int, busy_ms: int) -> None:
    audio_format = AudioFormat(chunk_ms=chunk_ms, sample_rate=8_000)
    arrivals = [int(index * chunk_ms / 1.005) for index in range(3_600_000 // chunk_ms)]
    outcome = run(arrivals, Conditions(most=8, busy_ms=busy_ms, audio_format=audio_format))
    assert outcome.refused == []


@given(jittered(), conditions, st.integers(200, 9_000), st.booleans())
def test_audio_recovers_within_a_second_after_a_network_stall(
    arrivals: list[int], given_conditions: Conditions, length: int, keeps: bool
) -> None:
    end = 5_000 + length
    arrivals = stalled(arrivals, 5_000, end, keeps=keeps)
    outcome = run(arrivals, given_conditions)
    heard = [arrivals[index] for index in outcome.heard]
    assert any(end < at <= end + 1_000 for at in heard)
    # Jitter at the limit may cost one or two more chunks in total.
    assert len(lost_after(outcome, arrivals, end + 1_000)) <= 2


@given(jittered(), conditions, st.integers(200, 6_000))
def test_audio_recovers_within_a_second_after_a_stall_of_the_instances(
    arrivals: list[int], given_conditions: Conditions, length: int
) -> None:
    end = 5_000 + length
    given_conditions.stalls = [(5_000, end)]
    outcome = run(arrivals, given_conditions)
    assert outcome.refused == []  # late chunks are dropped, not refused
    assert lost_after(outcome, arrivals, end + 1_000) == []


@given(jittered(), st.integers(0, 5_000), st.integers(1, 4))
def test_a_cold_start_costs_only_the_chunks_waiting_for_it(
    arrivals: list[int], cold_ms: int, most: int
) -> None:
    outcome = run(arrivals, Conditions(most=most, cold_ms=cold_ms))
    assert outcome.refused == []
    assert lost_after(outcome, arrivals, arrivals[0] + cold_ms) == []


@given(
    jittered(), conditions, st.integers(-3_600_000, 3_600_000), st.integers(0, 3_000), st.booleans()
)
def test_audio_recovers_within_a_second_after_a_step_of_the_gateways_clock(
    arrivals: list[int], given_conditions: Conditions, step: int, stall: int, keeps: bool
) -> None:
    moment = 5_000 + stall
    arrivals = stalled(arrivals, 5_000, moment, keeps=keeps)
    given_conditions.gateway = lambda at: at + step if at > moment else at
    outcome = run(arrivals, given_conditions)
    assert len(lost_after(outcome, arrivals, moment + 1_000)) <= 2


@pytest.mark.parametrize("most", [1, 4, 16, 50])
@pytest.mark.parametrize("busy_ms", [20, 100, 300])
@pytest.mark.parametrize("speed", [1.5, 2, 4, 10, 50])
def test_a_fast_source_gets_real_time_plus_the_allowance(
    most: int, busy_ms: int, speed: float
) -> None:
    arrivals = fill(speed=speed)
    outcome = run(arrivals, Conditions(most=most, busy_ms=busy_ms))
    allowed = 1.01 * SECONDS * 1000 + 3_200 + outcome.instances * 1_000
    assert len(outcome.heard) * 200 <= allowed


def test_a_fast_source_on_four_instances_stays_within_the_limit() -> None:
    arrivals = [index * 10 for index in range(300)]
    assert len(run(arrivals, Conditions(most=4, busy_ms=20)).heard) <= 15 + 20


@given(jittered(), conditions, st.integers(2, 6))
def test_a_duplicated_stream_gets_real_time_plus_the_allowance(
    arrivals: list[int], given_conditions: Conditions, copies: int
) -> None:
    copied = sorted(at for at in arrivals for _ in range(copies))
    outcome = run(copied, given_conditions)
    allowed = 1.01 * SECONDS * 1000 + 3_200 + outcome.instances * 1_000
    assert len(outcome.heard) * 200 <= allowed


def test_ten_silent_minutes_earn_no_credit() -> None:
    arrivals = [0, *[600_000 + index for index in range(3_010)]]
    assert len(run(arrivals, Conditions()).heard) <= 1 + 15 + 4 + 15


def test_a_fast_source_recovers_when_it_slows_to_real_time() -> None:
    flood = [index * 5 for index in range(2_000)]
    arrivals = flood + [10_000 + 200 * index for index in range(50)]
    outcome = run(arrivals, Conditions())
    assert lost_after(outcome, arrivals, 11_000) == []


def test_real_time_streams_cost_one_charge_a_second() -> None:
    outcome = run([index * 200 for index in range(3_000)], Conditions())
    assert (outcome.instances, len(outcome.heard)) == (1, 3_000)
    assert outcome.requests <= 600


def caller(connection: str, at: int) -> Caller:
    return Caller(connection, None, frozenset(), T0 + at, T0)


def test_connections_are_limited_independently() -> None:
    pace = AudioPace(FakeAccounts(), ManualClock(), RecordingTelemetry())
    for _ in range(11):
        pace.admit(caller("old", 0), FORMAT)
        pace.settle(caller("old", 0), FORMAT)
    with pytest.raises(LingocastError, match="RATE_LIMITED"):
        pace.admit(caller("old", 0), FORMAT)
    pace.admit(caller("new", 0), FORMAT)


def test_a_database_failure_blocks_no_source_and_pauses_charging() -> None:
    accounts, telemetry = FakeAccounts(), RecordingTelemetry()
    accounts.broken = True
    pace = AudioPace(accounts, ManualClock(), telemetry)
    for index in range(100):
        pace.admit(caller("a", 200 * index), FORMAT)
        pace.settle(caller("a", 200 * index), FORMAT)
    assert len(telemetry.warnings) == accounts.requests <= 20


def test_the_error_names_the_field_and_the_remedy() -> None:
    pace = AudioPace(FakeAccounts(), ManualClock(), RecordingTelemetry())
    for _ in range(11):
        pace.admit(caller("a", 0), FORMAT)
    with pytest.raises(LingocastError) as refused:
        pace.admit(caller("a", 0), FORMAT)
    assert refused.value.message == "seq: 2178 ms ahead of real time; send a chunk every 200 ms"


def test_the_number_of_streams_is_bounded() -> None:
    pace = AudioPace(FakeAccounts(), ManualClock(), RecordingTelemetry())
    for number in range(3_000):
        pace.admit(caller(f"c{number}", 0), FORMAT)
    assert len(pace._streams) <= 1_024
