"""The limit applies to the languages in use: unused ones make room (rule 7)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest

from shared.data_access.session_items import channel_item
from shared.models.session import MAX_LANGUAGES, Channel
from shared.models.succession_rules import acquire, promote_next
from shared.utils.settings import MAX_LISTENERS
from tests.helpers.audiences import sessions_table, set_audience
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World
from tests.unit.functions.seats import listener_counts


def code(number: int) -> str:
    """Return a made-up language code."""
    return f"en-x-{number}"


@pytest.fixture
def crowded(world: World) -> World:
    world.use_settings(**{MAX_LISTENERS: "500"})
    return world


def in_use(world: World, session_id: str) -> set[str]:
    return set(listener_counts(world, session_id)[1])


def fill(world: World, session_id: str) -> list[str]:
    """Fill the languages with one listener each; returns the last four connections."""
    set_audience(session_id, {code(number): 1 for number in range(MAX_LANGUAGES - 4)})
    return [world.listener(session_id, code(number + MAX_LANGUAGES)) for number in range(4)]


def test_one_listener_cannot_exhaust_the_languages(world: World) -> None:
    _, session_id = world.create_session()
    vandal = world.listener(session_id, code(0))

    for number in range(1, MAX_LANGUAGES + 20):
        reply = world.ask(vandal, "changeLanguage", targetLanguage=code(number))
        assert reply["type"] == "languageChanged"

    for language in ("es", "de", "ja"):
        world.listener(session_id, language)
    assert in_use(world, session_id) == {code(MAX_LANGUAGES + 19), "es", "de", "ja"}
    assert len(world.session(session_id).language_counts) <= MAX_LANGUAGES


def test_languages_without_listeners_make_room(crowded: World) -> None:
    _, session_id = crowded.create_session()
    first, second, third, fourth = fill(crowded, session_id)
    crowded.disconnect(first)
    crowded.ask(second, "leaveSession")
    crowded.sender.gone.add(third)
    crowded.disconnect(third)
    crowded.ask(fourth, "changeLanguage", targetLanguage="en")

    for language in ("es", "de", "ja"):
        crowded.listener(session_id, language)

    assert len(in_use(crowded, session_id)) == MAX_LANGUAGES


def test_one_language_too_many_is_refused_with_a_hint(crowded: World) -> None:
    _, session_id = crowded.create_session()
    crowded.interpreter(session_id, "es")
    clients = fill(crowded, session_id)
    newcomer = crowded.connect()
    join = {"sessionId": session_id, "targetLanguage": "one-more"}

    refused = crowded.ask(newcomer, "joinSession", **join)
    moved = crowded.ask(clients[0], "changeLanguage", targetLanguage="one-more")

    for reply in (refused, moved):
        assert reply["code"] == "INVALID_LANGUAGE"
        assert "(en)" in reply["message"]
        assert "(es)" in reply["message"]
    crowded.ask(clients[1], "leaveSession")
    assert crowded.ask(newcomer, "joinSession", **join)["type"] == "sessionJoined"
    assert len(in_use(crowded, session_id)) == MAX_LANGUAGES


def test_leaving_a_language_makes_room_for_the_next(crowded: World) -> None:
    _, session_id = crowded.create_session()
    clients = fill(crowded, session_id)

    moved = crowded.ask(clients[0], "changeLanguage", targetLanguage=code(1))
    crowded.listener(session_id, "one-more")

    assert moved["type"] == "languageChanged"
    assert len(in_use(crowded, session_id)) == MAX_LANGUAGES


def test_the_floor_and_interpreted_languages_are_always_available(crowded: World) -> None:
    _, session_id = crowded.create_session()
    clients = fill(crowded, session_id)
    crowded.interpreter(session_id, "es")

    crowded.listener(session_id, "en")
    crowded.listener(session_id, "es")

    for language in ("en", "es"):
        reply = crowded.ask(clients.pop(), "changeLanguage", targetLanguage=language)
        assert reply["type"] == "languageChanged"


def test_a_full_session_answers_session_full(crowded: World) -> None:
    _, session_id = crowded.create_session(maxListeners=1)
    crowded.listener(session_id, "es")

    reply = crowded.ask(crowded.connect(), "joinSession", sessionId=session_id, targetLanguage="de")

    assert reply["code"] == "SESSION_FULL"


def test_a_language_that_is_used_again_in_between_is_kept(crowded: World) -> None:
    """A listened language is never removed, whatever happens between two writes."""
    database = InterruptibleClient(dynamodb())
    _, session_id = crowded.create_session()
    clients = fill(crowded, session_id)
    crowded.ask(clients.pop(), "leaveSession")
    crowded.ask(clients.pop(), "leaveSession")
    crowded.use_dynamodb(database)
    numbers = count()
    for after in range(6):
        returning = f"fr-x-{next(numbers)}"
        newcomer, other = crowded.connect(), crowded.connect()

        def come_back(other: str = other, returning: str = returning) -> None:
            reply = crowded.ask(
                other, "joinSession", sessionId=session_id, targetLanguage=returning
            )
            assert reply["type"] == "sessionJoined"

        database.interrupt(come_back, after=after)
        reply = crowded.ask(
            newcomer, "joinSession", sessionId=session_id, targetLanguage=f"de-x-{next(numbers)}"
        )
        if database.cancel():
            come_back()

        assert reply["type"] == "sessionJoined"
        assert len(in_use(crowded, session_id)) == MAX_LANGUAGES
        assert returning in in_use(crowded, session_id)
        crowded.ask(newcomer, "leaveSession")
        crowded.ask(other, "leaveSession")


class TestInterpreted:
    def test_one_interpreter_cannot_exhaust_the_channels(self, world: World) -> None:
        _, session_id = world.create_session()
        leave_behind(world, session_id, MAX_LANGUAGES)

        for language in ("es", "de", "ja"):
            world.interpreter(session_id, language, user=language)

        channels = world.session(session_id).channels
        assert len(channels) <= MAX_LANGUAGES
        assert {"es", "de", "ja"} <= channels.keys()

    def test_channels_in_use_are_kept(self, world: World) -> None:
        _, session_id = world.create_session()
        world.interpreter(session_id, "es")
        world.interpreter(session_id, "es", "ines-2", standby=True)
        world.listener(session_id, "fr")
        french = world.interpreter(session_id, "fr", "marie")
        world.ask(french, "leaveSession")
        leave_behind(world, session_id, MAX_LANGUAGES - 2)

        for number in range(12):  # ten are removed in one write
            world.interpreter(session_id, f"de-x-{number}", f"user-{number}")

        assert {"es", "fr"} <= world.session(session_id).channels.keys()

    def test_one_channel_too_many_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        add_channels(
            session_id,
            {code(number): held(f"i{number}", world) for number in range(MAX_LANGUAGES)},
        )

        reply = world.ask(
            world.connect("ines", "interpreters"),
            "joinSession",
            sessionId=session_id,
            targetLanguage="es",
            role="interpreter",
        )

        assert reply["code"] == "INVALID_LANGUAGE"

    def test_a_recreated_channel_has_a_higher_epoch(self, world: World) -> None:
        _, session_id = world.create_session()
        for user in ("ines", "ivan", "ida"):
            interpreter = world.interpreter(session_id, "es", user)
            world.ask(interpreter, "leaveSession")
        last = world.session(session_id).channels["es"].epoch
        leave_behind(world, session_id, MAX_LANGUAGES - 1)
        for number in range(MAX_LANGUAGES):  # until it has been removed
            if "es" not in world.session(session_id).channels:
                break
            world.interpreter(session_id, f"de-x-{number}", f"user-{number}")
        assert "es" not in world.session(session_id).channels

        world.interpreter(session_id, "es")

        assert world.session(session_id).channels["es"].epoch > last


def leave_behind(world: World, session_id: str, channels: int) -> None:
    """Create channels whose interpreters have left."""
    add_channels(
        session_id,
        {
            code(number): promote_next(held(f"i{number}", world), world.clock.now_ms())
            for number in range(channels)
        },
    )


def add_channels(session_id: str, channels: Mapping[str, Channel]) -> None:
    """Add channels to a session."""
    present = (sessions_table().get(session_id) or {})["channels"]
    more = {language: channel_item(channel) for language, channel in channels.items()}
    sessions_table().update(
        session_id,
        "SET #channels = :channels",
        condition="attribute_exists(#channels)",
        names={"#channels": "channels"},
        values={":channels": {**present, **more}},
    )


def held(connection: str, world: World) -> Channel:
    return acquire(None, connection, "human", world.clock.now_ms())


class TestNewLanguage:
    def test_is_reported_after_others_were_removed(self, world: World) -> None:
        speaker, session_id = world.create_session()
        set_audience(session_id, {code(number): 0 for number in range(MAX_LANGUAGES)})
        world.tick()
        before = len(world.pushes(speaker, "sessionStatus"))

        listener = world.listener(session_id, "ja")
        settle(world)
        world.ask(listener, "changeLanguage", targetLanguage="ko")
        settle(world)

        told = world.pushes(speaker, "sessionStatus")[before:]
        assert [status["updateReason"] for status in told] == ["newLanguage"] * 2
        assert told[-1]["languageDistribution"] == {"ko": 1}

    def test_is_not_reported_for_a_language_seen_before(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener = world.listener(session_id, "es")
        world.ask(listener, "changeLanguage", targetLanguage="fr")
        settle(world)
        before = len(world.pushes(speaker, "sessionStatus"))

        world.ask(listener, "changeLanguage", targetLanguage="es")
        settle(world)

        told = world.pushes(speaker, "sessionStatus")[before:]
        assert "newLanguage" not in [status["updateReason"] for status in told]


def settle(world: World) -> None:
    """Send every due status."""
    while world.status_timers.set_:
        world.fire_status_timers()
