"""Announcements on a stack with three workers of each function."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from client.protocol.announcements import AnnouncementTracker
from local.endpoints import Endpoints
from shared.protocol.server_messages import AnyServerMessage
from tests.e2e.support.announcement_scenarios import until_joins_read
from tests.e2e.support.clients import StackClients, joined
from tests.helpers.wire import Message, Wire, wire

TEXTS: dict[str, Any] = {"message": "Pause", "translations": {"ES": "Pausa", "fr": "Une pause"}}
NEWS = {"announcement", "activeAnnouncement"}


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """Concurrent requests meet different workers, which share no memory."""
    return many_workers


async def announce(connection: Wire, scope: str = "all", **fields: Any) -> Message:
    reply = await connection.ask("announce", scope=scope, **{**TEXTS, **fields})
    assert reply["type"] == "announcement", reply
    return reply


async def announcement_message(connection: Wire, announcement_id: str) -> Message:
    """Wait for this announcement, pushed when it was made or replayed."""
    return await connection.expect(
        lambda message: message["type"] in NEWS and message["announcementId"] == announcement_id
    )


async def shown(connection: Wire) -> list[str]:
    """The announcements that a client shows after its messages so far."""
    board = AnnouncementTracker()
    for message in await connection.drained():
        if message["type"] in {*NEWS, "announcementCleared"}:
            board.apply(msgspec.convert(message, AnyServerMessage))
    return [announcement.announcement_id for announcement in board.active.values()]


async def replayed_ids(connection: Wire) -> list[str]:
    """The replayed announcements, without those of the redelivery pass."""
    return [
        message["announcementId"]
        for message in await connection.drained()
        if message["type"] == "activeAnnouncement"
    ]


async def clear_announcement_to_everyone(clients: StackClients) -> None:
    async with clients.connection("olga", "operators") as operator:
        await operator.ask("clearAnnouncement", scope="all")


async def test_everyone_gets_the_announcement_in_their_language(clients: StackClients) -> None:
    async with (
        clients.connection("olga", "operators") as operator,
        clients.session() as (speaker, session_id),
        clients.interpreter(session_id, "fr") as interpreter,
        clients.listener(session_id, "es") as spanish,
        clients.listener(session_id, "de") as german,
        clients.connection() as nobody,
    ):
        made = await announce(operator, messageType="warning")
        # The operator gets the reply instead; the redelivery pass runs later.
        assert [each["type"] for each in await operator.drained()] == []

        for connection, text in (
            (speaker, "Pause"),
            (interpreter, "Une pause"),
            (spanish, "Pausa"),
            (german, "Pause"),
            (nobody, "Pause"),
        ):
            message = await connection.expect("announcement")
            assert (message["announcementId"], message["message"], message["messageType"]) == (
                made["announcementId"],
                text,
                "warning",
            )
        coverage = made["coverage"]["languages"]
        assert {language: counts["delivered"] for language, counts in coverage.items()} == {
            "de": 1,
            "es": 1,
            "fr": 1,
            "unknown": 2,
        }
    await clear_announcement_to_everyone(clients)


async def test_a_hundred_listeners_acknowledge_at_once(clients: StackClients) -> None:
    async with AsyncExitStack() as opened, clients.session() as (speaker, session_id):
        crowd = await asyncio.gather(
            *(opened.enter_async_context(clients.listener(session_id)) for _ in range(100))
        )
        made = await announce(speaker, "session")
        assert made["coverage"]["languages"] == {"es": {"delivered": 100, "acknowledged": 0}}

        for message in await asyncio.gather(*(each.expect("announcement") for each in crowd)):
            assert message["announcementId"] == made["announcementId"]
        answers = await asyncio.gather(
            *(
                each.ask("acknowledgeAnnouncement", announcementId=made["announcementId"])
                for each in crowd
            )
        )
        assert {answer["type"] for answer in answers} == {"announcementAcknowledged"}
        active = await speaker.ask("getActiveAnnouncement", scope="session")
        assert active["coverage"]["acknowledged"] == 100
        assert active["coverage"]["languages"]["es"]["acknowledged"] == 100
        assert active["coverage"]["delivered"] == 100


@pytest.mark.parametrize("identity", ["user", "client"])
async def test_an_acknowledged_announcement_is_not_shown_again(
    clients: StackClients, identity: str
) -> None:
    url = clients.endpoints.websocket_url

    def addresses(name: str) -> str:
        if identity == "client":
            return f"{url}?clientId=client-{name}-0001"
        return f"{url}?token={clients.token(name)}"

    rita, otto = addresses("rita"), addresses("otto")
    async with clients.session() as (speaker, session_id):
        made = await announce(speaker, "session")
        await until_joins_read()
        async with wire(rita) as reader:
            await joined(reader, session_id, "es")
            replay = await reader.expect("activeAnnouncement")
            assert replay["message"] == "Pausa"
            await reader.ask("acknowledgeAnnouncement", announcementId=replay["announcementId"])
        for address, expected in ((rita, []), (otto, [made["announcementId"]])):
            async with wire(address) as again:
                await joined(again, session_id, "es")
                assert await replayed_ids(again) == expected
                active = await again.ask("getActiveAnnouncement")
                assert active["announcementId"] == (expected[0] if expected else None)


async def test_a_malformed_client_id_refuses_the_handshake(clients: StackClients) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with wire(f"{clients.endpoints.websocket_url}?clientId=short"):
            pass
    assert refused.value.response.status_code == 403


async def test_listeners_who_join_during_the_clearing_show_nothing(clients: StackClients) -> None:
    async with AsyncExitStack() as opened, clients.session() as (speaker, session_id):
        await announce(speaker, "session")
        joining = [
            asyncio.ensure_future(opened.enter_async_context(clients.listener(session_id)))
            for _ in range(12)
        ]
        cleared = await speaker.ask("clearAnnouncement", scope="session")
        assert cleared["announcementId"] is not None
        for reader in await asyncio.gather(*joining):
            assert await shown(reader) == []


async def test_listeners_who_join_during_a_replacement_show_the_new_one(
    clients: StackClients,
) -> None:
    async with AsyncExitStack() as opened, clients.session() as (speaker, session_id):
        await announce(speaker, "session")
        joining = [
            asyncio.ensure_future(opened.enter_async_context(clients.listener(session_id)))
            for _ in range(12)
        ]
        newest = await announce(speaker, "session", message="New")
        for reader in await asyncio.gather(*joining):
            await announcement_message(reader, newest["announcementId"])


async def test_two_concurrent_announcements_leave_one_active(clients: StackClients) -> None:
    async with (
        clients.connection("olga", "operators") as olga,
        clients.connection("oscar", "operators") as oscar,
        clients.connection() as reader,
    ):
        made = await asyncio.gather(announce(olga, message="A"), announce(oscar, message="B"))
        latest = max(made, key=lambda each: each["createdAt"])

        assert made[0]["createdAt"] != made[1]["createdAt"]
        for each in made:
            await announcement_message(reader, each["announcementId"])
        async with clients.connection() as later:
            active = await later.ask("getActiveAnnouncement")
            assert active["announcementId"] == latest["announcementId"]
    await clear_announcement_to_everyone(clients)


async def test_a_repeated_key_announces_once(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
    ):
        replies = [await announce(speaker, "session", idempotencyKey="once") for _ in range(6)]

        assert len({reply["announcementId"] for reply in replies}) == 1
        assert len({reply["createdAt"] for reply in replies}) == 1
        pushed = [each for each in await listener.drained() if each["type"] == "announcement"]
        assert {each["announcementId"] for each in pushed} == {replies[0]["announcementId"]}
        # One by the first request, and perhaps one by its redelivery pass.
        assert len(pushed) <= 2


async def test_concurrent_requests_with_one_key_announce_once(clients: StackClients) -> None:
    async with AsyncExitStack() as opened, clients.connection() as reader:
        doors = [
            await opened.enter_async_context(clients.connection("olga", "operators"))
            for _ in range(4)
        ]
        replies = await asyncio.gather(
            *(announce(door, idempotencyKey="at once") for door in doors)
        )

        (announcement_id,) = {reply["announcementId"] for reply in replies}
        await announcement_message(reader, announcement_id)
    await clear_announcement_to_everyone(clients)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert('x')</script> & &amp; \"quotes\" \\ / {{x}} ${x} %s",
        "\u0000\u0001\u001b[31mred\u001b[0m \u0007\u007f \u0085",
        "a\nb\tc\r\nd",
        "\u202ereversed\u202c \u200b\u200d \ufffd \U0001f469\u200d\U0001f680",
    ],
)
async def test_texts_arrive_unchanged(clients: StackClients, text: str) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as spanish,
        clients.listener(session_id, "de") as german,
    ):
        made = await announce(speaker, "session", message=text, translations={"es": f"{text} (es)"})

        assert made["message"] == (await german.expect("announcement"))["message"] == text
        assert (await spanish.expect("announcement"))["message"] == f"{text} (es)"
        await until_joins_read()
        async with clients.listener(session_id, "de") as later:
            assert (await later.expect("activeAnnouncement"))["message"] == text
