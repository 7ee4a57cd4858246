"""Captions and the `renders` field of chunks, on the whole stack: recipients and errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, joined

RENDERS = {
    "timestamp": 1_000,
    "endTimestamp": 3_200,
    "recogniseMs": 450,
    "translateMs": 3,
    "speakMs": 25,
}


async def test_captions_and_sound_of_a_language_reach_its_listeners(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as spanish,
        clients.listener(session_id, "fr") as french,
        clients.interpreter(session_id, "es") as interpreter,
    ):
        await interpreter.send_caption("Buenos", final=False, timestamp=5, endTimestamp=9)
        partial = await spanish.expect("caption")
        await interpreter.send_caption("Buenos días.", timestamp=5, endTimestamp=11, spoken=False)
        final = await spanish.expect("caption")
        await interpreter.send_audio(0, renders=RENDERS)
        chunk = await spanish.expect("audio")

        common = {"type": "caption", "sessionId": session_id, "language": "es", "epoch": 1}
        common |= {"timestamp": 5}
        assert partial == {
            **common,
            "text": "Buenos",
            "final": False,
            "endTimestamp": 9,
            "spoken": True,
        }
        assert final == {
            **common,
            "text": "Buenos días.",
            "final": True,
            "endTimestamp": 11,
            "spoken": False,
        }
        assert chunk["renders"] == RENDERS
        for other in (speaker, french, interpreter):
            assert "caption" not in [message["type"] for message in await other.drained()]


async def test_a_machine_captions_the_floor_for_its_listeners(clients: StackClients) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.listener(session_id, "en") as english,
        clients.listener(session_id, "de") as german,
        clients.listener(session_id, "es") as spanish,
        clients.connection("robot", "interpreters") as first,
        clients.connection("robot", "interpreters") as second,
    ):
        await joined(first, session_id, "es", role="interpreter", source="machine")
        await joined(second, session_id, "fr", role="interpreter", source="machine")
        for machine in (second, first):
            await machine.send_caption(f"By {machine is first}.", language="en")
        for reader in (english, german, second):
            caption = await reader.expect("caption")
            assert (caption["language"], caption["text"]) == ("en", "By True.")
        for other in (english, spanish, first):
            kinds = [message["type"] for message in await other.drained()]
            assert not {"caption", "error"} & set(kinds)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"text": "  "}, "INVALID_CAPTION", "text: empty"),
        ({"text": "x" * 1_001}, "INVALID_CAPTION", "text: 1001"),
        ({"text": "a\u0007b"}, "INVALID_CAPTION", "text: control"),
        ({"timestamp": 2, "endTimestamp": 1}, "INVALID_CAPTION", "endTimestamp"),
        ({"final": None}, "INVALID_MESSAGE", "final"),
        ({"language": "spanish"}, "INVALID_LANGUAGE", "language"),
        ({"language": "fr"}, "FORBIDDEN", "sendCaption: only the interpreter of fr"),
        ({"language": "en"}, "FORBIDDEN", "sendCaption: only a machine"),
        ({"text": "x" * 4_096}, "MESSAGE_TOO_LARGE", "message"),
    ],
)
async def test_invalid_captions(
    clients: StackClients, fields: dict[str, Any], code: str, field: str
) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.listener(session_id, "es") as listener,
        clients.interpreter(session_id, "es") as interpreter,
    ):
        await interpreter.send_caption(**{"requestId": "k1", **fields})

        assert_error(await interpreter.expect("error"), code, "sendCaption", field)
        await interpreter.send_caption("Sigue.")
        assert (await listener.expect("caption"))["text"] == "Sigue."


async def test_captions_without_permission(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
        clients.listener(session_id, "en") as intruder,
        clients.connection() as outsider,
    ):
        for sender, code in (
            (speaker, "FORBIDDEN"),
            (intruder, "FORBIDDEN"),
            (outsider, "FORBIDDEN"),
        ):
            await sender.send_caption()
            assert_error(await sender.expect("error"), code, "sendCaption")
            await assert_alive(sender)
        assert await listener.drained() == []


async def test_too_many_captions(clients: StackClients) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.interpreter(session_id, "es") as interpreter,
    ):
        # Each worker counts for itself, and a slow machine may take a second.
        for _ in range(200):
            await interpreter.send_caption()

        assert_error(await interpreter.expect("error"), "RATE_LIMITED", "sendCaption")
        await assert_alive(interpreter)


async def test_invalid_renders(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as listener,
        clients.interpreter(session_id, "es") as interpreter,
    ):
        for sender, renders, field in (
            (speaker, RENDERS, "renders:"),
            (interpreter, {**RENDERS, "endTimestamp": 999}, "renders.endTimestamp"),
            (interpreter, {**RENDERS, "speakMs": "soon"}, "renders.speakMs"),
        ):
            await sender.send_audio(0, renders=renders)
            assert_error(await sender.expect("error"), "INVALID_MESSAGE", "sendAudio", field)
        await interpreter.send_audio(1)
        chunk = await listener.expect("audio")
        assert (chunk["seq"], "renders" in chunk) == (1, False)


async def test_statuses_of_a_named_session(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "fr") as listener,
        clients.interpreter(session_id, "es") as interpreter,
        clients.connection("ivan", "interpreters") as ivan,
        clients.connection("mallory", "speakers") as mallory,
    ):
        named = {"sessionId": session_id}
        for asker, fields in ((interpreter, {}), (interpreter, named), (ivan, named)):
            status = await asker.ask("getSessionStatus", **fields)
            assert status["type"] == "sessionStatus", status
            assert status["languageDistribution"] == {"fr": 1}
            assert status["channels"] == {"es": "human"}

        for asker, fields, code in (
            (ivan, {"sessionId": "x"}, "INVALID_SESSION_ID"),
            (listener, named, "AUTHENTICATION_REQUIRED"),
            (listener, {}, "FORBIDDEN"),
            (mallory, named, "FORBIDDEN"),
            (ivan, {}, "NOT_IN_SESSION"),
            (ivan, {"sessionId": "calm-otter-404"}, "SESSION_NOT_FOUND"),
        ):
            assert_error(await asker.ask("getSessionStatus", **fields), code, "getSessionStatus")
            await assert_alive(asker)
        await speaker.ask("endSession")
        over = await ivan.ask("getSessionStatus", **named)
        assert_error(over, "SESSION_ENDED", "getSessionStatus")
