"""createSession with machine interpretation: validation, and the start of the run."""

from __future__ import annotations

from typing import Any

import pytest

from shared.models.interpretation import Interpretation
from shared.models.interpreter_run import RUN_LEASE_MS, InterpreterRun
from shared.utils import hashed_secret
from tests.helpers.database.interruptible_client import InterruptibleClient
from tests.helpers.database.tables import dynamodb
from tests.helpers.world import World

INTERPRETATION = {"engine": "aws", "languages": ["ES", "pt-BR"]}


def create_session(world: World, **fields: Any) -> dict[str, Any]:
    speaker = world.connect("alice", "speakers")
    return world.ask(speaker, "createSession", sourceLanguage="en", **fields)


def test_the_request_is_stored_and_answered(world: World) -> None:
    reply = create_session(world, interpretation=INTERPRETATION)

    assert reply["interpretation"] == {"engine": "aws", "languages": ["es", "pt-br"]}
    session = world.session(reply["sessionId"])
    assert session.interpretation == Interpretation(engine="aws", languages=("es", "pt-br"))
    assert session.interpreter_run == InterpreterRun(0, world.clock.now_ms() + RUN_LEASE_MS)


def test_the_languages_may_be_automatic(world: World) -> None:
    reply = create_session(world, interpretation={"engine": "scripted", "languages": "auto"})

    assert reply["interpretation"] == {"engine": "scripted", "languages": "auto"}
    session = world.session(reply["sessionId"])
    assert session.interpretation == Interpretation(engine="scripted", languages="auto")


def test_the_function_is_invoked_once_with_the_sessions_ticket(world: World) -> None:
    reply = create_session(world, interpretation=INTERPRETATION)

    (event,) = world.interpreter_starts.events
    assert event.keys() == {"sessionId", "ticket", "generation"}
    assert (event["sessionId"], event["generation"]) == (reply["sessionId"], 1)
    assert hashed_secret.matches(event["ticket"], world.session(reply["sessionId"]).ticket_hash)


def test_the_ticket_is_stored_as_a_hash_and_not_disclosed(world: World) -> None:
    reply = create_session(world, interpretation=INTERPRETATION)

    (event,) = world.interpreter_starts.events
    session = world.session(reply["sessionId"])
    assert event["ticket"] not in str(reply)
    assert session.ticket_hash != event["ticket"]
    assert session.ticket_hash is not None
    assert session.ticket_hash not in repr(session)


def test_without_interpretation(world: World) -> None:
    reply = create_session(world)

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
            {"interpretation": INTERPRETATION, "audioFormat": {"encoding": "opus"}},
            "INVALID_AUDIO_FORMAT",
            "audioFormat.encoding: machine interpretation hears pcm_s16le only",
        ),
    ],
)
def test_invalid_requests_are_refused(
    world: World, fields: dict[str, Any], code: str, named: str
) -> None:
    reply = create_session(world, **fields)

    assert (reply["type"], reply["code"]) == ("error", code)
    assert named in reply["message"]
    assert world.interpreter_starts.events == []


def test_the_session_is_created_even_if_the_function_cannot_be_invoked(world: World) -> None:
    world.interpreter_starts.lost = True

    reply = create_session(world, interpretation=INTERPRETATION)

    assert reply["type"] == "sessionCreated"
    assert world.telemetry.counts["InterpretersNotStarted"] == 1
    assert world.session(reply["sessionId"]).is_active


def test_the_sweep_starts_a_missing_run_with_a_new_ticket(world: World) -> None:
    world.interpreter_starts.lost = True
    session_id = create_session(world, interpretation=INTERPRETATION)["sessionId"]
    world.interpreter_starts.lost = False
    world.clock.advance(RUN_LEASE_MS + 1)

    world.sweep()

    first, again = world.interpreter_starts.events
    assert (again["sessionId"], again["generation"]) == (session_id, 1)
    ticket_hash = world.session(session_id).ticket_hash
    assert hashed_secret.matches(again["ticket"], ticket_hash)
    assert not hashed_secret.matches(first["ticket"], ticket_hash)
    assert world.telemetry.counts["InterpretersRestarted"] == 1


def test_the_sweep_does_not_start_a_run_within_its_lease(world: World) -> None:
    create_session(world, interpretation=INTERPRETATION)
    create_session(world)
    world.clock.advance(RUN_LEASE_MS)

    world.sweep()

    assert len(world.interpreter_starts.events) == 1


def test_two_sweeps_start_one_run(world: World) -> None:
    create_session(world, interpretation=INTERPRETATION)
    world.clock.advance(RUN_LEASE_MS + 1)

    world.sweep()
    world.sweep()

    assert len(world.interpreter_starts.events) == 2


def test_the_number_of_interpreted_sessions_is_limited(world: World) -> None:
    """20 for Transcribe's 25 streams: a session has two while one run succeeds another."""
    speakers = [world.connect(f"speaker-{number}", "speakers") for number in range(21)]
    fields = {"sourceLanguage": "en", "interpretation": INTERPRETATION}
    replies = [world.ask(speaker, "createSession", **fields) for speaker in speakers]

    assert [reply["type"] for reply in replies] == ["sessionCreated"] * 20 + ["error"]
    refused = replies[-1]
    assert (refused["status"], refused["code"]) == (503, "INTERPRETATION_FULL")
    assert refused["retryable"] is True
    assert refused["message"].startswith("interpretation: every machine is taken; try again")
    assert len(world.interpreter_starts.events) == 20
    # An ended session frees a machine; sessions without interpretation are not limited.
    world.ask(speakers[7], "endSession")
    assert world.ask(speakers[20], "createSession", **fields)["type"] == "sessionCreated"
    assert create_session(world)["type"] == "sessionCreated"


def test_a_duplicated_request_takes_one_machine(world: World) -> None:
    client = InterruptibleClient(dynamodb())
    world.use_dynamodb(client)
    world.use_settings(MAX_INTERPRETED_SESSIONS="2")
    fields = {"sourceLanguage": "en", "interpretation": INTERPRETATION}
    speaker, other = world.connect("alice", "speakers"), world.connect("bob", "speakers")
    # Both requests find the speaker without a session; the second takes the seat first.
    client.interrupt(lambda: world.ask(speaker, "createSession", **fields), after=4)

    assert world.ask(speaker, "createSession", **fields)["code"] == "ALREADY_IN_SESSION"

    assert not client.cancel()
    assert world.ask(other, "createSession", **fields)["type"] == "sessionCreated"
