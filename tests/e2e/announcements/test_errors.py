"""Errors of announcements: missing permissions and invalid content."""

from __future__ import annotations

import pytest

from local.endpoints import Endpoints
from tests.e2e.support.announcement_scenarios import announce, clear
from tests.e2e.support.assertions import assert_alive, assert_error
from tests.e2e.support.clients import StackClients, joined
from tests.helpers.wire import Message


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """The stack of all tests of announcements: they clear what they announce to everyone."""
    return many_workers


@pytest.mark.parametrize("action", ["announce", "clearAnnouncement"])
async def test_requests_without_permission_are_refused(clients: StackClients, action: str) -> None:
    fields = {"message": "Pause"} if action == "announce" else {}
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id) as listener,
        clients.interpreter(session_id, "fr") as interpreter,
        clients.connection("oscar", "operators") as operator,
        clients.connection("rita") as user,
        clients.connection("olga", "operators") as olga,
    ):
        await joined(operator, session_id, "de")
        made = {"all": await announce(olga, "all"), "session": await announce(speaker)}
        for connection, scope, code in (
            (listener, "all", "AUTHENTICATION_REQUIRED"),
            (listener, "session", "AUTHENTICATION_REQUIRED"),
            (user, "all", "FORBIDDEN"),
            (user, "session", "NOT_IN_SESSION"),
            (speaker, "all", "FORBIDDEN"),
            (interpreter, "all", "FORBIDDEN"),
            (interpreter, "session", "FORBIDDEN"),
            (operator, "session", "FORBIDDEN"),
        ):
            reply = await connection.ask(action, scope=scope, **fields)
            assert_error(reply, code, action)
            await assert_alive(connection)
        for scope, announcement_id in made.items():
            active = await listener.ask("getActiveAnnouncement", scope=scope)
            assert active["announcementId"] == announcement_id
        await clear(olga, "all")


@pytest.mark.parametrize(
    ("action", "fields", "code", "field"),
    [
        ("announce", {"scope": "all", "message": " "}, "INVALID_ANNOUNCEMENT", "message:"),
        ("announce", {"scope": "all", "message": "x" * 281}, "INVALID_ANNOUNCEMENT", "message:"),
        (
            "announce",
            {"scope": "all", "message": "x", "translations": {f"x{n:02}": "x" for n in range(41)}},
            "INVALID_ANNOUNCEMENT",
            "translations:",
        ),
        (
            "announce",
            {"scope": "all", "message": "x", "translations": {"?": "x"}},
            "INVALID_LANGUAGE",
            "translations.?:",
        ),
        ("announce", {"scope": "all"}, "INVALID_MESSAGE", "message:"),
        ("announce", {"scope": "some", "message": "x"}, "INVALID_MESSAGE", "scope:"),
        ("announce", {"scope": "all", "message": "x" * 25_000}, "MESSAGE_TOO_LARGE", "message:"),
        ("clearAnnouncement", {}, "INVALID_MESSAGE", "scope:"),
        (
            "acknowledgeAnnouncement",
            {"announcementId": "never"},
            "ANNOUNCEMENT_NOT_FOUND",
            "announcementId:",
        ),
        ("acknowledgeAnnouncement", {"announcementId": "x" * 65}, "INVALID_MESSAGE", "announ"),
        ("getActiveAnnouncement", {"scope": "session"}, "NOT_IN_SESSION", ""),
    ],
)
async def test_errors(
    clients: StackClients, action: str, fields: Message, code: str, field: str
) -> None:
    async with clients.connection("olga", "operators") as operator:
        await operator.send({"action": action, **fields})

        assert_error(await operator.expect("error"), code, action, field)
        await assert_alive(operator)
