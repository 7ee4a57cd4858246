"""Conditional writes of single lease fields, with concurrent changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from shared.data_access.interpreter_leases import ChannelConditions, InterpreterLeases
from shared.data_access.sessions_repository import SessionsRepository
from shared.models.audio_format import AudioFormat
from shared.models.interpretation import InterpreterSource
from shared.models.session import LEASE_MS, Channel, Session, Standby
from shared.models.succession_rules import acquire, add_standby, promote_next, roll_over, take_over
from tests.helpers.database.tables import (
    SESSIONS,
    dynamodb,
    interpreter_leases,
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
def leases(sessions: SessionsRepository) -> InterpreterLeases:
    return interpreter_leases()


def stored(sessions: SessionsRepository) -> Channel:
    session = sessions.get(ID)
    assert session is not None
    return session.channels["es"]


@pytest.fixture
def held(leases: InterpreterLeases, sessions: SessionsRepository) -> Channel:
    """A channel with a holder and two stand-bys."""
    assert leases.change(ID, "es", None, acquire(None, "holder", "human", NOW))
    waiting: dict[str, InterpreterSource] = {"person": "human", "machine": "machine"}
    for who, source in waiting.items():
        present = stored(sessions)
        assert leases.change(ID, "es", present, add_standby(present, who, source, NOW))
    return stored(sessions)


class TestChange:
    def test_the_stored_channel_equals_the_intended_one(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
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
            assert leases.change(ID, "es", channel, after)
            channel = stored(sessions)
            assert channel == after
        assert (channel.epoch, channel.connection_id) == (5, "another")

    def test_concurrent_changes_have_one_winner(
        self, leases: InterpreterLeases, held: Channel
    ) -> None:
        assert leases.change(ID, "es", held, take_over(held, "person", "human", NOW))
        assert not leases.change(ID, "es", held, take_over(held, "machine", "machine", NOW))
        assert not leases.change(ID, "es", held, promote_next(held, NOW))
        assert not leases.change(ID, "es", None, acquire(None, "new", "human", NOW))
        assert not leases.change(ID, "es", held, add_standby(held, "new", "human", NOW))

    def test_stand_bys_may_renew_and_leave_concurrently(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        leases.renew_standby(ID, "es", "person", until=NOW + 9_000)
        assert leases.change(ID, "es", held, add_standby(held, "new", "human", NOW))

        assert stored(sessions).standbys["person"].lease_until == NOW + 9_000
        assert set(stored(sessions).standbys) == {"person", "machine", "new"}

    @pytest.mark.parametrize(
        ("condition", "happens"),
        [
            ("not_renewed", lambda of: of.renew(ID, "es", "holder", 1, until=NOW + 1)),
            (
                "not_heard",
                lambda of: of.renew(ID, "es", "holder", 1, until=NOW + LEASE_MS, heard_at=1),
            ),
            ("standbys_unchanged", lambda of: of.remove_standby(ID, "es", "machine")),
        ],
    )
    def test_a_condition_fails_after_a_change(
        self, leases: InterpreterLeases, held: Channel, condition: str, happens: Any
    ) -> None:
        after = replace(promote_next(held, NOW), standbys=held.standbys, connection_id="holder")
        happens(leases)

        assert not leases.change(ID, "es", held, after, ChannelConditions(**{condition: True}))
        assert leases.change(ID, "es", held, after)

    def test_a_stand_by_that_replaces_another_is_a_change(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        leases.remove_standby(ID, "es", "machine")
        leases.change(
            ID, "es", stored(sessions), add_standby(stored(sessions), "new", "human", NOW)
        )
        assert len(stored(sessions).standbys) == len(held.standbys)

        after = take_over(held, "person", "human", NOW)
        assert not leases.change(ID, "es", held, after, ChannelConditions(standbys_unchanged=True))

    def test_a_promoted_stand_by_must_still_be_waiting(
        self, leases: InterpreterLeases, held: Channel
    ) -> None:
        leases.remove_standby(ID, "es", "person")

        assert not leases.change(ID, "es", held, promote_next(held, NOW))

    def test_an_expired_stand_by_that_renewed_is_not_removed(
        self, leases: InterpreterLeases, held: Channel
    ) -> None:
        long_after = NOW + 10 * LEASE_MS
        after = promote_next(held, long_after)
        assert after.standbys == {}
        leases.renew_standby(ID, "es", "person", until=long_after + 1)

        assert not leases.change(ID, "es", held, after)

    def test_an_ended_session_is_not_changed(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        sessions.end(ID, "speaker", NOW)

        assert not leases.change(ID, "es", held, promote_next(held, NOW))
        assert leases.renew(ID, "es", "holder", 1, until=NOW) is None
        assert leases.renew_standby(ID, "es", "person", until=NOW) is None
        assert stored(sessions) == held

    def test_the_hundredth_language_is_the_last(
        self, leases: InterpreterLeases, sessions: SessionsRepository
    ) -> None:
        for number in range(100):
            assert leases.change(ID, f"l{number}", None, acquire(None, "c", "human", NOW))

        assert not leases.change(ID, "one-more", None, acquire(None, "c", "human", NOW))


class TestRenewals:
    def test_a_holder_renews_only_with_its_epoch(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        before = leases.renew(ID, "es", "holder", 1, until=NOW + 7, heard_at=NOW + 6)

        assert before is not None
        assert before.channels["es"] == held
        assert stored(sessions) == replace(held, lease_until=NOW + 7, heard_at=NOW + 6)
        assert leases.renew(ID, "es", "holder", 2, until=NOW) is None
        assert leases.renew(ID, "es", "person", 1, until=NOW) is None
        assert leases.renew(ID, "fr", "holder", 1, until=NOW) is None

    def test_only_a_stand_by_can_be_renewed(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        assert leases.renew_standby(ID, "es", "holder", until=NOW) is None
        assert not leases.remove_standby(ID, "es", "holder")
        assert not leases.move_standby(ID, "es", "nobody", "new", Standby("human", NOW, NOW))
        assert stored(sessions) == held

    def test_a_stand_by_moves_with_all_its_fields(
        self, leases: InterpreterLeases, sessions: SessionsRepository, held: Channel
    ) -> None:
        place = held.standbys["person"]

        assert leases.move_standby(ID, "es", "person", "new", place)

        assert stored(sessions).standbys == {"new": place, "machine": held.standbys["machine"]}


class TestFormerVersion:
    """Channels written by a version without leases."""

    @pytest.fixture(autouse=True)
    def channel_without_a_lease(self, sessions: SessionsRepository) -> None:
        dynamodb().update_item(
            TableName=SESSIONS,
            Key={"sessionId": {"S": ID}},
            UpdateExpression="SET channels.es = :channel",
            ExpressionAttributeValues={
                ":channel": {
                    "M": {
                        "epoch": {"N": "3"},
                        "source": {"S": "human"},
                        "connectionId": {"S": "old"},
                    }
                }
            },
        )

    def test_channels_without_lease_expire(
        self, leases: InterpreterLeases, sessions: SessionsRepository
    ) -> None:
        before = stored(sessions)

        assert leases.change(
            ID,
            "es",
            before,
            promote_next(before, NOW),
            ChannelConditions(not_renewed=True, standbys_unchanged=True),
        )

        assert stored(sessions).connection_id is None
        assert leases.change(
            ID, "es", stored(sessions), acquire(stored(sessions), "c", "human", NOW)
        )

    def test_the_first_renewal_gives_them_a_lease(
        self, leases: InterpreterLeases, sessions: SessionsRepository
    ) -> None:
        assert leases.renew(ID, "es", "old", 3, until=NOW + LEASE_MS) is not None

        present = stored(sessions)
        assert leases.change(
            ID,
            "es",
            present,
            add_standby(present, "new", "human", NOW),
            ChannelConditions(standby_room=True),
        )
        assert set(stored(sessions).standbys) == {"new"}
