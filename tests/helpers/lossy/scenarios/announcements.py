"""Scenarios of announcements."""

from __future__ import annotations

from shared.protocol.announcement_messages import (
    AcknowledgeAnnouncement,
    Announce,
    ClearAnnouncement,
    GetActiveAnnouncement,
)
from tests.helpers.clients import Message
from tests.helpers.lossy.scenarios.registry import Action, Check, scenario
from tests.helpers.lossy.world import SessionSetup


@scenario(Announce)
def speaker_announces(setup: SessionSetup) -> tuple[Action, Check]:
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcement", replies[-1]
        _fire_announcement_timers(setup)
        for listener in setup.listening:
            pushed = setup.last_push(listener, "announcement")
            assert pushed["announcementId"] == replies[-1]["announcementId"]

    def act() -> None:
        replies.append(
            setup.ask(
                setup.speaker,
                "announce",
                scope="session",
                message="Ten minutes.",
                idempotencyKey="k",
            )
        )

    return act, check


@scenario(ClearAnnouncement)
def speaker_clears_the_announcement(setup: SessionSetup) -> tuple[Action, Check]:
    announcement = _announce(setup)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcementCleared", replies[-1]
        _fire_announcement_timers(setup)
        for listener in setup.listening:
            assert (
                setup.last_push(listener, "announcementCleared")["announcementId"] == announcement
            )

    return (
        lambda: replies.append(setup.ask(setup.speaker, "clearAnnouncement", scope="session")),
        check,
    )


@scenario(AcknowledgeAnnouncement)
def listener_acknowledges_the_announcement(setup: SessionSetup) -> tuple[Action, Check]:
    announcement = _announce(setup)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["type"] == "announcementAcknowledged", replies[-1]
        shown = setup.world.ask(setup.es, "getActiveAnnouncement", scope="session")
        assert shown["announcementId"] is None
        own = setup.world.ask(setup.speaker, "getActiveAnnouncement", scope="session")
        assert own["coverage"]["acknowledged"] == 1

    def act() -> None:
        replies.append(setup.ask(setup.es, "acknowledgeAnnouncement", announcementId=announcement))

    return act, check


@scenario(GetActiveAnnouncement)
def listener_requests_the_announcement(setup: SessionSetup) -> tuple[Action, Check]:
    announcement = _announce(setup)
    replies: list[Message] = []

    def check() -> None:
        assert replies[-1]["announcementId"] == announcement

    return (
        lambda: replies.append(setup.ask(setup.es, "getActiveAnnouncement", scope="session")),
        check,
    )


def _announce(setup: SessionSetup) -> str:
    reply = setup.ask(setup.speaker, "announce", scope="session", message="Ten minutes.")
    announcement: str = reply["announcementId"]
    return announcement


def _fire_announcement_timers(setup: SessionSetup) -> None:
    """Fire timers often enough that failed ones are redelivered."""
    for _ in range(6):
        setup.world.clock.advance(3_000)
        setup.world.fire_announcement_timers()
