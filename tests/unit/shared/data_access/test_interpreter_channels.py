"""Conditional writes of single fields of a channel, with concurrent changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from shared.data_access.interpreter_channels import ChannelConditions, InterpreterChannels
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import InterpreterSource
from shared.models.session import LEASE_MS, Channel, Renewal, Session, Standby
from shared.models.succession_rules import acquire, add_standby, promote_next, roll_over, take_over
from tests.helpers.database.tables import (
    interpreter_channels,
    moto_tables,
    sessions_repository,
)

NOW = 1_700_000_000_000
ID = "golden-eagle-427"


@pytest.fixture
def sessions() -> Iterator[SessionsRepository]:
    with moto_tables():
        repository = sessions_repository()
        repository.create(
            Session(
                session_id=ID,
                owner="alice",
                speaker_connection_id="speaker",
                speaker_epoch=1,
                source_language="en",
                quality_tier="standard",
                audio_format=AudioFormat(),
                created_at=NOW,
                max_listeners=2,
            )
        )
        yield repository


@pytest.fixture
def channels(sessions: SessionsRepository) -> InterpreterChannels:
    return interpreter_channels()


def stored(sessions: SessionsRepository) -> Channel:
    session = sessions.get(ID)
    assert session is not None
    return session.channels["es"]


@pytest.fixture
def held(channels: InterpreterChannels, sessions: SessionsRepository) -> Channel:
    """A channel with a holder and two stand-bys."""
    assert channels.change(ID, "es", None, acquire(None, "holder", "human", NOW))
    waiting: dict[str, InterpreterSource] = {"person": "human", "machine": "machine"}
    for who, source in waiting.items():
        present = stored(sessions)
        assert channels.change(ID, "es", present, add_standby(present, who, source, NOW))
    return stored(sessions)


class TestChange:
    def test_the_stored_channel_equals_the_intended_one(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        later = NOW + 1_000
        steps: list[Callable[[Channel], Channel | None]] = [
            lambda channel: take_over(channel, "machine", "machine", later),
            lambda channel: roll_over(channel, "machine", "machine2", later),
            lambda channel: promote_next(channel, later, stays_until=later + LEASE_MS),
            lambda channel: promote_next(channel, later + 10 * LEASE_MS),
            lambda channel: acquire(channel, "another", "human", later),
        ]
        channel = held
        for step in steps:
            after = step(channel)
            assert after is not None
            assert channels.change(ID, "es", channel, after)
            channel = stored(sessions)
            assert channel == after
        assert (channel.epoch, channel.connection_id) == (5, "another")

    def test_concurrent_changes_have_one_winner(
        self, channels: InterpreterChannels, held: Channel
    ) -> None:
        assert channels.change(ID, "es", held, take_over(held, "person", "human", NOW))
        assert not channels.change(ID, "es", held, take_over(held, "machine", "machine", NOW))
        assert not channels.change(ID, "es", held, promote_next(held, NOW))
        assert not channels.change(ID, "es", None, acquire(None, "new", "human", NOW))
        assert not channels.change(ID, "es", held, add_standby(held, "new", "human", NOW))

    def test_stand_bys_may_come_concurrently(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        assert channels.change(ID, "es", held, add_standby(held, "one", "human", NOW))
        assert channels.change(ID, "es", held, add_standby(held, "two", "human", NOW))

        assert set(stored(sessions).standbys) == {"person", "machine", "one", "two"}

    def test_stand_bys_that_must_not_change(
        self, channels: InterpreterChannels, held: Channel
    ) -> None:
        after = replace(promote_next(held, NOW), standbys=held.standbys, connection_id="holder")
        channels.remove_standby(ID, "es", "machine")

        assert not channels.change(
            ID, "es", held, after, ChannelConditions(standbys_unchanged=True)
        )
        assert channels.change(ID, "es", held, after)

    def test_a_grant_is_written_even_if_the_former_interpreter_has_just_renewed(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        later = NOW + 60_000
        renewed = held.with_renewals(
            {"holder": Renewal(later + LEASE_MS, later), "person": Renewal(later + LEASE_MS)}
        )

        assert channels.change(ID, "es", renewed, take_over(renewed, "person", "human", later))

        assert stored(sessions).lease_until == later + LEASE_MS
        assert stored(sessions).heard_at == later

    def test_a_stand_by_that_replaces_another_is_a_change(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        channels.remove_standby(ID, "es", "machine")
        channels.change(
            ID, "es", stored(sessions), add_standby(stored(sessions), "new", "human", NOW)
        )
        assert len(stored(sessions).standbys) == len(held.standbys)

        after = take_over(held, "person", "human", NOW)
        assert not channels.change(
            ID, "es", held, after, ChannelConditions(standbys_unchanged=True)
        )

    def test_a_promoted_stand_by_must_still_be_waiting(
        self, channels: InterpreterChannels, held: Channel
    ) -> None:
        channels.remove_standby(ID, "es", "person")

        assert not channels.change(ID, "es", held, promote_next(held, NOW))

    def test_an_ended_session_is_not_changed(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        sessions.end(ID, "speaker", NOW)

        assert not channels.change(ID, "es", held, promote_next(held, NOW))
        assert not channels.remove_standby(ID, "es", "person")
        assert stored(sessions) == held

    def test_the_hundredth_language_is_the_last(
        self, channels: InterpreterChannels, sessions: SessionsRepository
    ) -> None:
        for number in range(100):
            assert channels.change(ID, f"l{number}", None, acquire(None, "c", "human", NOW))

        assert not channels.change(ID, "one-more", None, acquire(None, "c", "human", NOW))


class TestStandbys:
    def test_only_a_stand_by_can_be_removed_or_moved(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        assert not channels.remove_standby(ID, "es", "holder")
        assert not channels.move_standby(ID, "es", "nobody", "new", Standby("human", NOW, NOW))
        assert stored(sessions) == held

    def test_a_stand_by_moves_with_all_its_fields(
        self, channels: InterpreterChannels, sessions: SessionsRepository, held: Channel
    ) -> None:
        place = held.standbys["person"]

        assert channels.move_standby(ID, "es", "person", "new", place)

        assert stored(sessions).standbys == {"new": place, "machine": held.standbys["machine"]}
