"""A stranger who tries many languages, and listeners who join afterwards."""

from __future__ import annotations

from shared.models.session import MAX_LANGUAGES
from tests.e2e.support.clients import StackClients, joined


async def test_a_stranger_cannot_exhaust_the_languages(clients: StackClients) -> None:
    async with clients.session() as (speaker, session_id), clients.connection() as stranger:
        await joined(stranger, session_id, "en-x-0")
        for number in range(1, MAX_LANGUAGES + 10):
            reply = await stranger.ask("changeLanguage", targetLanguage=f"en-x-{number}")
            assert reply["type"] == "languageChanged", reply

        async with clients.listener(session_id, "es"), clients.interpreter(session_id, "fr"):
            status = await speaker.ask("getSessionStatus")

        assert status["languageDistribution"] == {f"en-x-{MAX_LANGUAGES + 9}": 1, "es": 1}


async def test_a_replaced_connection_is_refused_too(clients: StackClients) -> None:
    async with clients.session() as (_, session_id), clients.connection() as old:
        token = (await joined(old, session_id, "es"))["resumeToken"]
        async with clients.connection() as new:
            await joined(new, session_id, "es", resumeToken=token)

            for action, fields in (
                ("heartbeat", {}),
                ("changeLanguage", {"targetLanguage": "fr"}),
                ("getActiveAnnouncement", {}),
            ):
                reply = await old.ask(action, **fields)
                assert reply["code"] == "CONNECTION_NOT_FOUND", reply
            assert (await new.ask("heartbeat"))["type"] == "heartbeatAck"
