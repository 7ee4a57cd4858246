"""Announcements over the HTTP API reach connected clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from local.endpoints import Endpoints
from tests.e2e.support.clients import StackClients
from tests.e2e.support.grant_scenarios import eventually
from tests.e2e.support.operator import Operator
from tests.helpers.wire import Message

_TIMEOUT_SECONDS = 30


@pytest.fixture(scope="module")
def endpoints(many_workers: Endpoints) -> Endpoints:
    """The stack of all tests of announcements: they clear what they announce to everyone."""
    return many_workers


class Tool:
    """Calls the HTTP API with a user's token, or with none."""

    def __init__(self, clients: StackClients, user: str | None = None, *groups: str) -> None:
        self._url = f"{clients.endpoints.http_url}/api/creator/broadcast"
        token = None if user is None else clients.token(user, *groups)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str = "", body: Any = None) -> tuple[int, Message]:
        """Send a request; returns status and content of the response."""

        def called() -> Any:
            return requests.request(
                method,
                f"{self._url}{path}",
                json=body,
                headers=self._headers,
                timeout=_TIMEOUT_SECONDS,
            )

        answer = await asyncio.to_thread(called)
        return answer.status_code, answer.json()

    async def call_ok(self, method: str, path: str = "", body: object = None) -> Message:
        """Send a request that must succeed; returns the content."""
        status, content = await self.call(method, path, body)
        assert status == 200, content
        return content


async def nobody_is_connected(rows: Operator) -> bool:
    """Whether the connections of earlier tests are gone; this test counts its own."""
    return not await rows.open_connections()


async def test_an_announcement_from_creation_to_statistics(clients: StackClients) -> None:
    operator, rita = Tool(clients, "olga", "operators"), Tool(clients, "rita")
    rows = Operator(clients.endpoints)
    await eventually(lambda: nobody_is_connected(rows))
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as spanish,
        clients.connection("rita") as reader,
    ):
        day = datetime.now(UTC).date()
        before = (await operator.call_ok("GET", "/stats"))["stats"]
        made = await operator.call_ok(
            "POST", body={"message": "<b>Pause</b>", "type": "alert", "translations": {"es": "Ya"}}
        )
        assert (made["character_count"], made["sent_to_users"]) == (12, 3)
        assert (await spanish.expect("announcement"))["message"] == "Ya"
        for connection in (speaker, reader):
            message = await connection.expect("announcement")
            assert (message["announcementId"], message["message"]) == (
                made["id"],
                "<b>Pause</b>",
            )
        active = {"id": made["id"], "message": "<b>Pause</b>", "type": "alert"}
        assert await rita.call_ok("GET", "/active") == {"broadcast": active}
        assert (await rita.call_ok("GET", "/limits"))["current_active_broadcasts"] == 1
        await rita.call_ok("POST", "/acknowledge", {"broadcast_id": made["id"]})
        assert await rita.call_ok("GET", "/active") == {"broadcast": None}
        # Acknowledging over HTTP counts for the user's WebSocket too.
        assert (await reader.ask("getActiveAnnouncement"))["announcementId"] is None

        stats = (await operator.call_ok("GET", "/stats"))["stats"]

        if datetime.now(UTC).date() == day:  # otherwise it may have been announced the day before
            assert stats["broadcasts_today"] == before["broadcasts_today"] + 1
        assert stats["connected_users"] == 3  # alice, rita and an anonymous listener
        covered = stats["active_broadcast"]
        assert (covered["id"], covered["acknowledged"]) == (made["id"], 1)
        assert covered["languages"]["unknown"]["acknowledged"] == 1
        assert covered["languages"]["es"]["delivered"] >= 1

        cleared = await operator.call_ok("POST", "/clear")
        assert cleared["cleared_for_users"] == 3
        for connection in (speaker, spanish, reader):
            assert (await connection.expect("announcementCleared"))["announcementId"] == made["id"]


async def test_a_repeated_key_announces_once(clients: StackClients) -> None:
    operator = Tool(clients, "olga", "operators")
    async with clients.connection() as reader:
        body = {"message": "Once", "idempotency_key": "k"}
        answers = [await operator.call_ok("POST", body=body) for _ in range(4)]

        assert len({answer["id"] for answer in answers}) == 1
        pushes = [each for each in await reader.drained() if each["type"] == "announcement"]
        assert {each["announcementId"] for each in pushes} == {answers[0]["id"]}
        await operator.call_ok("POST", "/clear")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "", {"message": "x"}), ("POST", "/clear", None), ("GET", "/stats", None)],
)
async def test_requests_without_permission_are_refused(
    clients: StackClients, method: str, path: str, body: object
) -> None:
    async with clients.connection() as reader:
        for user, groups in (("rita", ()), ("alice", ("speakers", "interpreters"))):
            status, answer = await Tool(clients, user, *groups).call(method, path, body)
            assert (status, answer["status"], answer["code"]) == (403, "error", "FORBIDDEN")
        status, answer = await Tool(clients).call(method, path, body)
        assert (status, set(answer)) == (401, {"message"})
        active = await reader.ask("getActiveAnnouncement")
        assert active["announcementId"] is None


@pytest.mark.parametrize(
    ("path", "body", "failure", "field"),
    [
        ("", {"message": "\u3000"}, (400, "INVALID_ANNOUNCEMENT"), "message:"),
        ("", {"message": "x", "type": "loud"}, (400, "INVALID_MESSAGE"), "type:"),
        ("/acknowledge", {"broadcast_id": "x"}, (404, "ANNOUNCEMENT_NOT_FOUND"), "broadcast_id:"),
        ("", {"message": "x" * 25_000}, (413, "MESSAGE_TOO_LARGE"), "body:"),
    ],
)
async def test_errors(
    clients: StackClients, path: str, body: object, failure: tuple[int, str], field: str
) -> None:
    status, answer = await Tool(clients, "olga", "operators").call("POST", path, body)

    assert (status, answer["code"], answer["status"]) == (*failure, "error")
    assert answer["message"].startswith(field)
