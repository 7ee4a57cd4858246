"""Sessions by link: without access they look like missing sessions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.clients import Message
from tests.helpers.database.counting_client import CountingClient
from tests.helpers.database.tables import SESSIONS, dynamodb
from tests.helpers.world import World
from tests.unit.functions.seats import received_audio

MISSING = "calm-otter-404"


def by_link(world: World, **fields: Any) -> tuple[str, str, str]:
    """Create a session by link; returns the speaker's connection, session id and secret."""
    speaker = world.connect("alice", "speakers")
    reply = world.ask(speaker, "createSession", sourceLanguage="en", access="link", **fields)
    assert reply["access"] == "link", reply
    return speaker, reply["sessionId"], reply["secret"]


def join(world: World, connection: str, session_id: str, **fields: Any) -> Message:
    fields = {"targetLanguage": "es", **fields}
    return world.ask(connection, "joinSession", sessionId=session_id, **fields)


def code_of(reply: Message) -> str:
    return str(reply.get("code", reply["type"]))


def test_the_secret_lets_a_listener_join(world: World) -> None:
    speaker, session_id, secret = by_link(world)
    listener = world.connect()

    reply = join(world, listener, session_id, secret=secret)
    world.send_audio(speaker, 0)

    assert reply["type"] == "sessionJoined"
    assert received_audio(world, listener) == [(1, 0)]
    assert secret not in str(reply)


@pytest.mark.parametrize("secret", [None, "", "wrong", "ünknown", "\u0000"])
@pytest.mark.parametrize("role", ["listener", "interpreter", "speaker"])
@pytest.mark.parametrize(
    "who", [(), ("bob",), ("bob", "speakers", "interpreters", "operators")], ids=str
)
def test_without_the_secret_the_answer_is_that_of_a_missing_session(
    world: World, who: tuple[str, ...], role: str, secret: str | None
) -> None:
    _, session_id, _ = by_link(world)
    _, listed, _ = by_link(world, interpreters=["ines"])
    fields: Message = {"role": role} if secret is None else {"role": role, "secret": secret}
    connection = world.connect(*who)

    answers = [
        join(world, connection, there, requestId="1", **fields)
        for there in (MISSING, session_id, listed)
    ]

    assert answers[0]["type"] == "error"
    assert answers[1] == answers[2] == answers[0]


@pytest.mark.parametrize("ended", [False, True])
def test_the_end_of_a_hidden_session_is_not_revealed(world: World, ended: bool) -> None:
    speaker, session_id, secret = by_link(world)
    if ended:
        world.ask(speaker, "endSession")
    listener = world.connect()

    assert code_of(join(world, listener, session_id)) == "SESSION_NOT_FOUND"
    assert code_of(join(world, listener, session_id, secret=secret)) == (
        "SESSION_ENDED" if ended else "sessionJoined"
    )


def test_a_secret_is_valid_for_one_session(world: World) -> None:
    _, _, secret = by_link(world)
    _, other, _ = by_link(world)

    assert code_of(join(world, world.connect(), other, secret=secret)) == "SESSION_NOT_FOUND"


def test_a_session_by_code_has_no_secret(world: World) -> None:
    speaker = world.connect("alice", "speakers")
    created = world.ask(speaker, "createSession", sourceLanguage="en", access="code")

    assert "secret" not in created
    for fields in ({}, {"secret": "from another link"}):
        reply = join(world, world.connect(), created["sessionId"], **fields)
        assert reply["type"] == "sessionJoined"


def test_the_error_for_unknown_access_lists_the_valid_values(world: World) -> None:
    speaker = world.connect("alice", "speakers")

    reply = world.ask(speaker, "createSession", sourceLanguage="en", access="open")

    assert reply["code"] == "INVALID_MESSAGE"
    assert reply["message"] == "access: 'open' is not one of code, link"


def test_only_a_hash_is_stored(world: World) -> None:
    _, session_id, secret = by_link(world)

    row = dynamodb().get_item(TableName=SESSIONS, Key={"sessionId": {"S": session_id}})["Item"]

    assert secret not in str(row)
    assert secret not in repr(world.session(session_id))


class TestByIdentity:
    def test_the_owner_may_return_without_the_secret(self, world: World) -> None:
        _, session_id, _ = by_link(world)
        other = world.connect("alice", "speakers")

        reply = join(world, other, session_id, role="speaker", targetLanguage="en")

        assert (reply["type"], reply["epoch"]) == ("sessionJoined", 2)

    def test_a_listed_interpreter_needs_no_secret(self, world: World) -> None:
        _, session_id, _ = by_link(world, interpreters=["ines"])
        ines = world.connect("ines")

        assert code_of(join(world, ines, session_id, role="interpreter")) == "sessionJoined"

    def test_a_member_of_the_interpreters_group_needs_the_secret(self, world: World) -> None:
        _, session_id, secret = by_link(world)
        ines = world.connect("ines", "interpreters")

        without = join(world, ines, session_id, role="interpreter")
        with_it = join(world, ines, session_id, role="interpreter", secret=secret)

        assert (code_of(without), code_of(with_it)) == ("SESSION_NOT_FOUND", "sessionJoined")

    def test_the_secret_alone_does_not_allow_interpreting(self, world: World) -> None:
        _, session_id, secret = by_link(world, interpreters=["ines"])
        bob = world.connect("bob", "interpreters")

        reply = join(world, bob, session_id, role="interpreter", secret=secret)

        assert reply["code"] == "FORBIDDEN"

    def test_the_sessions_own_machine_needs_only_its_ticket(self, world: World) -> None:
        _, session_id, _ = by_link(world, interpretation={"engine": "aws", "languages": ["es"]})
        ticket = world.interpreter_starts.events[-1]["ticket"]
        machine = world.connect()

        status = world.ask(machine, "getSessionStatus", sessionId=session_id, ticket=ticket)
        joined = join(world, machine, session_id, role="interpreter", ticket=ticket)
        wrong = join(world, world.connect(), session_id, role="interpreter", ticket="wrong")

        assert (code_of(status), code_of(joined)) == ("sessionStatus", "sessionJoined")
        assert code_of(wrong) == "SESSION_NOT_FOUND"


class TestResuming:
    def test_a_resume_token_proves_former_membership(self, world: World) -> None:
        _, session_id, secret = by_link(world)
        old = world.connect()
        token = join(world, old, session_id, secret=secret)["resumeToken"]

        reply = join(world, world.connect(), session_id, resumeToken=token)

        assert (reply["type"], reply["resumed"]) == ("sessionJoined", True)

    def test_a_repeated_resume_gets_the_same_answer(self, world: World) -> None:
        _, session_id, secret = by_link(world)
        token = join(world, world.connect(), session_id, secret=secret)["resumeToken"]
        new = world.connect()
        join(world, new, session_id, resumeToken=token)

        assert join(world, new, session_id, resumeToken=token)["resumed"] is True

    @pytest.mark.parametrize("of", ["another session", "another user", "nothing"])
    def test_other_tokens_prove_nothing(self, world: World, of: str) -> None:
        _, session_id, secret = by_link(world)
        _, other = world.create_session()
        lena = join(world, world.connect("lena"), session_id, secret=secret)
        token = {
            "another session": join(world, world.connect(), other)["resumeToken"],
            "another user": lena["resumeToken"],
            "nothing": "secret.nobody",
        }[of]

        reply = join(world, world.connect(), session_id, resumeToken=token)

        assert reply == join(world, world.connect(), MISSING, resumeToken=token)

    def test_hidden_and_missing_sessions_cost_the_same_reads(self, world: World) -> None:
        """Otherwise response times would reveal hidden sessions."""
        _, session_id, _ = by_link(world)
        connection = world.connect()

        reads = [
            counted_reads(world, connection, there, fields)
            for fields in ({}, {"secret": "wrong"}, {"resumeToken": "secret.nobody"})
            for there in (session_id, MISSING)
        ]

        assert reads[0::2] == reads[1::2]


def counted_reads(world: World, connection: str, session_id: str, fields: Message) -> int:
    client = CountingClient()
    world.use_dynamodb(client)
    assert join(world, connection, session_id, **fields)["code"] == "SESSION_NOT_FOUND"
    return client.requests.total()


class TestStatus:
    @pytest.mark.parametrize("who", [(), ("bob",), ("bob", "interpreters")], ids=str)
    def test_callers_without_access_get_session_not_found(
        self, world: World, who: tuple[str, ...]
    ) -> None:
        _, session_id, _ = by_link(world)
        connection = world.connect(*who)

        answers = [
            world.ask(connection, "getSessionStatus", sessionId=there)
            for there in (session_id, MISSING)
        ]

        assert answers[0]["type"] == "error"
        assert answers[0] == answers[1]

    def test_a_group_interpreter_gets_the_status_with_the_secret(self, world: World) -> None:
        _, session_id, secret = by_link(world)
        ines = world.connect("ines", "interpreters")

        reply = world.ask(ines, "getSessionStatus", sessionId=session_id, secret=secret)

        assert reply["type"] == "sessionStatus"

    def test_the_seated_speaker_and_interpreters_need_no_secret(self, world: World) -> None:
        speaker, session_id, secret = by_link(world)
        ines = world.connect("ines", "interpreters")
        join(world, ines, session_id, role="interpreter", secret=secret)

        for connection in (speaker, ines):
            reply = world.ask(connection, "getSessionStatus", sessionId=session_id)
            assert reply["type"] == "sessionStatus"
