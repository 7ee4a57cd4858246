"""Every error that a client can cause, on the running stack.

Afterwards the connection still answers, or is closed with the documented code.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from shared.models.errors import ErrorCode
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import CHUNKS_FOR_BURSTS, StackClients, joined
from tests.helpers.wire import Wire, wire


@pytest.mark.parametrize(
    ("text", "code", "action", "field"),
    [
        ("not json", "INVALID_MESSAGE", None, "message: not JSON"),
        ("", "INVALID_MESSAGE", None, "message: not JSON"),
        ("[1, 2]", "INVALID_MESSAGE", None, "message: not a JSON object"),
        ("{}", "INVALID_MESSAGE", None, "action: missing"),
        ('{"action": 7}', "INVALID_MESSAGE", None, "action: not a string"),
        ('{"action": "dance"}', "UNKNOWN_ACTION", "dance", "action: not one of"),
        ('{"action": "$connect"}', "UNKNOWN_ACTION", "$connect", "action:"),
        ('{"action": "$disconnect"}', "UNKNOWN_ACTION", "$disconnect", "action:"),
        ('{"action": "joinSession"}', "INVALID_MESSAGE", "joinSession", "sessionId: missing"),
        ('{"action": "heartbeat", "clientTime": "x"}', "INVALID_MESSAGE", "heartbeat", "client"),
        ('{"action": "sendAudio"}', "INVALID_MESSAGE", "sendAudio", "seq: missing"),
    ],
)
async def test_malformed_messages(
    clients: StackClients, text: str, code: str, action: str, field: str
) -> None:
    async with clients.connection() as anyone:
        await anyone.send(text)

        assert_error(await anyone.expect("error"), code, action, field)
        await assert_alive(anyone)


@pytest.mark.parametrize(
    ("action", "fields", "code", "field"),
    [
        ("createSession", {"sourceLanguage": "?"}, "INVALID_LANGUAGE", "sourceLanguage"),
        (
            "createSession",
            {"sourceLanguage": "en", "qualityTier": "x"},
            "INVALID_QUALITY_TIER",
            "qualityTier",
        ),
        (
            "createSession",
            {"sourceLanguage": "en", "interpretation": {"engine": "x", "languages": ["es"]}},
            "INVALID_ENGINE",
            "interpretation.engine",
        ),
        (
            "createSession",
            {"sourceLanguage": "en", "interpretation": {"engine": "aws", "languages": ["en"]}},
            "INVALID_LANGUAGE",
            "interpretation.languages[0]",
        ),
        (
            "createSession",
            {"sourceLanguage": "en", "audioFormat": {"channels": 2}},
            "INVALID_AUDIO_FORMAT",
            "audioFormat.channels",
        ),
        (
            "createSession",
            {"sourceLanguage": "en", "audioFormat": {"sampleRate": 48000, "chunkMs": 251}},
            "INVALID_AUDIO",
            "audioFormat.chunkMs",
        ),
        (
            "joinSession",
            {"sessionId": "x", "targetLanguage": "es"},
            "INVALID_SESSION_ID",
            "sessionId",
        ),
        ("changeLanguage", {"targetLanguage": "spanish"}, "INVALID_LANGUAGE", "targetLanguage"),
        ("createSession", {"sourceLanguage": "en"}, "AUTHENTICATION_REQUIRED", ""),
        (
            "joinSession",
            {"sessionId": "calm-otter-404", "targetLanguage": "es", "role": "speaker"},
            "AUTHENTICATION_REQUIRED",
            "",
        ),
        (
            "joinSession",
            {"sessionId": "calm-otter-404", "targetLanguage": "es"},
            "SESSION_NOT_FOUND",
            "sessionId",
        ),
        ("changeLanguage", {"targetLanguage": "es"}, "NOT_IN_SESSION", ""),
        ("leaveSession", {}, "NOT_IN_SESSION", ""),
        ("takeOver", {}, "NOT_IN_SESSION", ""),
        ("handOver", {}, "NOT_IN_SESSION", ""),
        ("endSession", {}, "NOT_IN_SESSION", ""),
        ("leaveSession", {"padding": "x" * 4_096}, "MESSAGE_TOO_LARGE", "message"),
    ],
)
async def test_requests_of_a_connection_in_no_session(
    clients: StackClients, action: str, fields: dict[str, Any], code: str, field: str
) -> None:
    async with clients.connection() as anyone:
        await anyone.send({"action": action, **fields})

        assert_error(await anyone.expect("error"), code, action, field)
        await assert_alive(anyone)


async def test_requests_without_the_role(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        clients.interpreter(session_id, "fr") as interpreter,
        clients.connection("mallory", "interpreters") as mallory,
        clients.connection("bob", "speakers") as bob,
    ):
        join = {"sessionId": session_id, "targetLanguage": "fr"}

        async def refused(connection: Wire, code: str, action: str, **fields: Any) -> None:
            assert_error(await connection.ask(action, **fields), code, action)
            await assert_alive(connection)

        await refused(mallory, "FORBIDDEN", "createSession", sourceLanguage="en")
        await refused(bob, "FORBIDDEN", "joinSession", role="interpreter", **join)
        await refused(bob, "FORBIDDEN", "joinSession", role="speaker", **join)
        await refused(mallory, "LANGUAGE_TAKEN", "joinSession", role="interpreter", **join)
        await refused(
            mallory,
            "INVALID_LANGUAGE",
            "joinSession",
            role="interpreter",
            sessionId=session_id,
            targetLanguage="en",
        )
        await refused(listener, "FORBIDDEN", "endSession")
        await refused(interpreter, "FORBIDDEN", "endSession")
        await refused(interpreter, "FORBIDDEN", "changeLanguage", targetLanguage="de")
        await refused(speaker, "FORBIDDEN", "leaveSession")
        await refused(speaker, "ALREADY_IN_SESSION", "createSession", sourceLanguage="en")
        await refused(listener, "ALREADY_IN_SESSION", "joinSession", **join)


async def test_full_and_ended_sessions(clients: StackClients) -> None:
    async with (
        clients.session(maxListeners=1) as (speaker, session_id),
        clients.listener(session_id) as listener,
        clients.connection() as late,
    ):
        join = {"sessionId": session_id, "targetLanguage": "es"}

        assert_error(await late.ask("joinSession", **join), "SESSION_FULL", "joinSession")
        await speaker.ask("endSession")
        assert (await listener.expect("sessionEnded"))["reason"] == "ended"

        assert_error(await late.ask("joinSession", **join), "SESSION_ENDED", "joinSession")
        assert_error(await speaker.ask("endSession"), "SESSION_ENDED", "endSession")
        assert_error(
            await listener.ask("changeLanguage", targetLanguage="fr"),
            "SESSION_ENDED",
            "changeLanguage",
        )
        for connection in (speaker, listener, late):
            await assert_alive(connection)


async def test_a_handshake_with_a_bad_token_is_refused(clients: StackClients) -> None:
    expired = clients.token("alice", "speakers", expiresIn=-10)
    for token in ("", "nonsense", expired, clients.token("alice")[:-5]):
        with pytest.raises(InvalidStatus) as caught:
            async with stage_connection(clients, token):
                pass
        assert caught.value.response.status_code == 403


def stage_connection(clients: StackClients, token: str) -> Any:
    """Connect with exactly this token."""
    return wire(clients.endpoints.websocket_url, token)


async def test_frames_over_the_quota_close_with_1009_and_binary_with_1003(
    clients: StackClients,
) -> None:
    async with clients.connection() as large:
        await large.send("x" * 32_769)
        assert await large.closed() == 1009
    async with clients.connection() as long:
        await long.socket.send("x" * 16_384 for _ in range(9))
        assert await long.closed() == 1009
    async with clients.connection() as binary:
        await binary.socket.send(b"\x00")
        assert await binary.closed() == 1003


async def test_garbage_from_one_client_affects_no_other(clients: StackClients) -> None:
    """Audio goes on while another connection sends malformed messages."""
    rubbish = [
        "",
        "null",
        "[" * 30_000,
        '{"action":"sendAudio","action":"endSession"}',
        '{"action":"joinSession","sessionId":"' + "a" * 4_000 + '"}',
        json.dumps({"action": "sendAudio", "seq": 2**60, "timestamp": 1, "audio": "AAAA"}),
        '{"action":"heartbeat","requestId":"\\ud800"}',
        '{"action":"createSession","sourceLanguage":"en","audioFormat":[]}',
        "\u0000\u0001",
    ]
    async with (
        clients.session(audioFormat=CHUNKS_FOR_BURSTS) as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
        clients.connection("mallory", "speakers") as mallory,
    ):
        for seq in range(5):
            await asyncio.gather(speaker.send_audio(seq), *(mallory.send(text) for text in rubbish))
            assert (await listener.expect("audio"))["seq"] == seq
        codes = {message["code"] for message in await mallory.drained()}

        assert codes <= {code.value for code in ErrorCode} - {"INTERNAL"}
        await joined(mallory, session_id, "fr")
