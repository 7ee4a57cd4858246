"""createSession with machine interpretation: what may be asked, and that it is begun."""

from __future__ import annotations

from typing import Any

import pytest

from shared.models.interpretation import Interpretation
from shared.models.interpreter_run import RUN_LEASE_MS, InterpreterRun
from shared.utils import hashed_secret
from tests.helpers.database.interleaved import Interleaved
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World

ASKED = {"engine": "aws", "languages": ["ES", "pt-BR"]}


def opened(world: World, **fields: Any) -> dict[str, Any]:
    speaker = world.connect("alice", "speakers")
    return world.ask(speaker, "createSession", sourceLanguage="en", **fields)


def test_a_session_is_interpreted_as_it_was_asked(world: World) -> None:
    reply = opened(world, interpretation=ASKED)

    assert reply["interpretation"] == {"engine": "aws", "languages": ["es", "pt-br"]}
    session = world.session(reply["sessionId"])
    assert session.interpretation == Interpretation(engine="aws", languages=("es", "pt-br"))
    assert session.interpreter_run == InterpreterRun(0, world.clock.now_ms() + RUN_LEASE_MS)


def test_every_language_that_is_listened_to_can_be_asked_for(world: World) -> None:
    reply = opened(world, interpretation={"engine": "scripted", "languages": "auto"})

    assert reply["interpretation"] == {"engine": "scripted", "languages": "auto"}
    session = world.session(reply["sessionId"])
    assert session.interpretation == Interpretation(engine="scripted", languages="auto")


def test_the_function_is_invoked_once_with_a_ticket_of_that_session(world: World) -> None:
    reply = opened(world, interpretation=ASKED)

    (event,) = world.interpreter_starts.events
    assert event.keys() == {"sessionId", "ticket", "generation"}
    assert (event["sessionId"], event["generation"]) == (reply["sessionId"], 1)
    assert hashed_secret.matches(event["ticket"], world.session(reply["sessionId"]).ticket_hash)


def test_nobody_else_is_told_the_ticket_and_it_is_nowhere_in_clear(world: World) -> None:
    reply = opened(world, interpretation=ASKED)

    (event,) = world.interpreter_starts.events
    session = world.session(reply["sessionId"])
    assert event["ticket"] not in str(reply)
    assert session.ticket_hash != event["ticket"]
    assert session.ticket_hash is not None
    assert session.ticket_hash not in repr(session)


def test_who_asks_for_none_gets_none(world: World) -> None:
    reply = opened(world)

    assert "interpretation" not in reply
    session = world.session(reply["sessionId"])
    assert (session.interpretation, session.ticket_hash, session.interpreter_run) == (None,) * 3
    assert world.interpreter_starts.events == []


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        (
            {"interpretation": {"engine": "offline", "languages": ["es"]}},
            "INVALID_ENGINE",
            "interpretation.engine: no such engine; choose one of aws, scripted",
        ),
        (
            {"interpretation": {"engine": "aws", "languages": ["es", "spanish"]}},
            "INVALID_LANGUAGE",
            "interpretation.languages[1]: not a BCP 47",
        ),
        (
            {"interpretation": {"engine": "aws", "languages": ["es", "ES"]}},
            "INVALID_LANGUAGE",
            "interpretation.languages[1]: there already",
        ),
        (
            {"interpretation": {"engine": "aws", "languages": ["EN"]}},
            "INVALID_LANGUAGE",
            "interpretation.languages[0]: the speaker's own",
        ),
        (
            {"interpretation": {"engine": "aws", "languages": []}},
            "INVALID_MESSAGE",
            "interpretation.languages",
        ),
        (
            {"interpretation": {"engine": "aws", "languages": "all"}},
            "INVALID_MESSAGE",
            "interpretation.languages",
        ),
        ({"interpretation": {"languages": ["es"]}}, "INVALID_MESSAGE", "interpretation.engine"),
        (
            {"interpretation": ASKED, "audioFormat": {"encoding": "opus"}},
            "INVALID_AUDIO_FORMAT",
            "audioFormat.encoding: machine interpretation hears pcm_s16le only",
        ),
    ],
)
def test_what_cannot_be_interpreted_is_refused_with_a_remedy(
    world: World, fields: dict[str, Any], code: str, named: str
) -> None:
    reply = opened(world, **fields)

    assert (reply["type"], reply["code"]) == ("error", code)
    assert named in reply["message"]
    assert world.interpreter_starts.events == []


def test_a_function_that_cannot_be_invoked_costs_nobody_the_session(world: World) -> None:
    world.interpreter_starts.lost = True

    reply = opened(world, interpretation=ASKED)

    assert reply["type"] == "sessionCreated"
    assert world.telemetry.counts["InterpretersNotStarted"] == 1
    assert world.session(reply["sessionId"]).is_active


def test_the_sweep_starts_what_is_missed_with_another_ticket(world: World) -> None:
    world.interpreter_starts.lost = True
    session_id = opened(world, interpretation=ASKED)["sessionId"]
    world.interpreter_starts.lost = False
    world.clock.advance(RUN_LEASE_MS + 1)

    world.sweep()

    first, again = world.interpreter_starts.events
    assert (again["sessionId"], again["generation"]) == (session_id, 1)
    ticket_hash = world.session(session_id).ticket_hash
    assert hashed_secret.matches(again["ticket"], ticket_hash)
    assert not hashed_secret.matches(first["ticket"], ticket_hash)
    assert world.telemetry.counts["InterpretersRestarted"] == 1


def test_the_sweep_starts_nothing_that_may_still_come(world: World) -> None:
    opened(world, interpretation=ASKED)
    opened(world)
    world.clock.advance(RUN_LEASE_MS)

    world.sweep()

    assert len(world.interpreter_starts.events) == 1


def test_two_sweeps_at_once_start_one_run(world: World) -> None:
    opened(world, interpretation=ASKED)
    world.clock.advance(RUN_LEASE_MS + 1)

    world.sweep()
    world.sweep()

    assert len(world.interpreter_starts.events) == 2


def test_no_more_sessions_than_there_are_machines(world: World) -> None:
    """20 for Transcribe's 25 streams: while a run changes, its session has two of them."""
    speakers = [world.connect(f"speaker-{number}", "speakers") for number in range(21)]
    asked = {"sourceLanguage": "en", "interpretation": ASKED}
    replies = [world.ask(speaker, "createSession", **asked) for speaker in speakers]

    assert [reply["type"] for reply in replies] == ["sessionCreated"] * 20 + ["error"]
    refused = replies[-1]
    assert (refused["status"], refused["code"]) == (503, "INTERPRETATION_FULL")
    assert refused["retryable"] is True
    assert refused["message"].startswith("interpretation: every machine is taken; try again")
    assert len(world.interpreter_starts.events) == 20
    # With a machine again as soon as one is free, without one at any time.
    world.ask(speakers[7], "endSession")
    assert world.ask(speakers[20], "createSession", **asked)["type"] == "sessionCreated"
    assert opened(world)["type"] == "sessionCreated"


def test_a_request_that_was_sent_twice_holds_one_machine(world: World) -> None:
    client = Interleaved(dynamodb())
    world.use_dynamodb(client)
    world.use_settings(MAX_INTERPRETED_SESSIONS="2")
    asked = {"sourceLanguage": "en", "interpretation": ASKED}
    speaker, other = world.connect("alice", "speakers"), world.connect("bob", "speakers")
    # Both have found the speaker without a session; the second one is the first to sit down.
    client.interrupt(lambda: world.ask(speaker, "createSession", **asked), after=4)

    assert world.ask(speaker, "createSession", **asked)["code"] == "ALREADY_IN_SESSION"

    assert not client.cancel()
    assert world.ask(other, "createSession", **asked)["type"] == "sessionCreated"
