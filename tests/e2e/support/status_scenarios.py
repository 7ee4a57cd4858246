"""For every grant that statuses need something that a speaker or a listener sees."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from infrastructure.catalogue.function_spec import Resource
from tests.e2e.support.grant_scenarios import (
    BATCH_GET,
    DELETE,
    GET,
    MANAGE,
    QUERY,
    SEND,
    UPDATE,
    Scenario,
    Theatre,
    audio_request,
    eventually,
    members_are,
)
from tests.helpers.wire import Message

TICK = {"type": "statusTick"}


def status(reason: str, count: int) -> Callable[[Message], bool]:
    """A status of that reason and count."""

    def wanted(message: Message) -> bool:
        return (
            message.get("type") == "sessionStatus"
            and message["updateReason"] == reason
            and message["listenerCount"] == count
        )

    return wanted


def new_language(message: Message) -> bool:
    """A status that tells of a language."""
    return message.get("type") == "sessionStatus" and message["updateReason"] == "newLanguage"


async def status_settled(theatre: Theatre, session_id: str, count: int) -> None:
    """So many were told, and no status is on its way."""

    async def settled() -> bool:
        row = await theatre.operator.session(session_id)
        return row.get("statusCount") == count and "statusPending" not in row

    await eventually(settled)


async def first_listener_told(theatre: Theatre, session_id: str) -> None:
    """As if the speaker had been told a while ago. The timer that the listener's join set finds
    no status awaited.
    """
    told = "SET statusCount = :one, statusLanguages = :one REMOVE statusPending"
    await theatre.operator.change_session(session_id, told, ":one", 1)


async def status_is_asked_for(theatre: Theatre) -> None:
    async with theatre.stage.session() as (speaker, _):
        assert (await speaker.ask("getSessionStatus"))["type"] == "sessionStatus"


async def join_is_told(theatre: Theatre) -> None:
    async with (
        theatre.stage.session() as (speaker, session_id),
        theatre.stage.listener(session_id),
    ):
        await speaker.expect(status("newLanguage", 1))


async def small_change_is_told_after_a_large_one(theatre: Theatre) -> None:
    async with AsyncExitStack() as opened, theatre.stage.session() as (speaker, session_id):
        for language in ("es", "fr", "de", "ja"):
            await opened.enter_async_context(theatre.stage.listener(session_id, language))
            told = await speaker.expect(new_language)
            # Nobody's join, so nothing but the timer that follows a status can find it.
            count = told["listenerCount"] + 1
            await theatre.operator.change_session(
                session_id, "SET listenerCount = :count", ":count", count
            )
            if "statusPending" in await theatre.operator.session(session_id):
                await speaker.expect(status("listenerCountChange", count))
                return
        raise AssertionError("no status follows another, or each before its audience changed")


async def drop_is_told(theatre: Theatre) -> None:
    async with theatre.stage.session() as (speaker, session_id):
        async with theatre.stage.listener(session_id):
            await first_listener_told(theatre, session_id)
        await speaker.expect(status("listenerCountChange", 0))


async def ghost_in_audio_is_told(theatre: Theatre) -> None:
    async with (
        theatre.stage.session() as (speaker, session_id),
        theatre.stage.listener(session_id),
    ):
        await first_listener_told(theatre, session_id)
        await theatre.operator.ghost(session_id, "listener#es")
        await speaker.send_audio(1)
        # The ghost was never counted in; it is counted out all the same.
        await speaker.expect(status("listenerCountChange", 0))


async def ghost_in_invoked_audio_is_told(theatre: Theatre) -> None:
    async with (
        theatre.stage.session() as (speaker, session_id),
        theatre.stage.listener(session_id),
    ):
        await first_listener_told(theatre, session_id)
        await theatre.operator.ghost(session_id, "listener#es")
        await theatre.operator.invoke("broadcast", audio_request(session_id))
        await speaker.expect(status("listenerCountChange", 0))


async def everyone_is_told(theatre: Theatre) -> None:
    async with theatre.stage.session() as (speaker, _):
        await theatre.operator.invoke("session_status", TICK)
        await speaker.expect(status("periodic", 0))


async def gone_speaker_is_found(theatre: Theatre) -> None:
    """The session's speaker is a connection that is over, whatever the one who opened it does."""
    async with (
        theatre.stage.session() as (_, session_id),
        theatre.stage.listener(session_id) as listener,
    ):
        ghost = await theatre.operator.ghost(session_id, "speaker#")
        await theatre.operator.change_session(
            session_id, "SET speakerConnectionId = :ghost", ":ghost", ghost
        )
        await theatre.operator.invoke("session_status", TICK)
        await listener.expect("speakerDisconnected")
        await members_are(theatre, session_id, "listener#es", "speaker#")
        assert (await listener.expect("sessionEnded"))["reason"] == "speakerLeft"


STATUS_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("control", Resource.STATUS_QUEUE, SEND): join_is_told,
    ("disconnect", Resource.STATUS_QUEUE, SEND): drop_is_told,
    ("audio_processor", Resource.STATUS_QUEUE, SEND): ghost_in_audio_is_told,
    ("broadcast", Resource.STATUS_QUEUE, SEND): ghost_in_invoked_audio_is_told,
    ("session_status", Resource.STATUS_QUEUE, SEND): small_change_is_told_after_a_large_one,
    ("session_status", Resource.TIMER_QUEUE, SEND): gone_speaker_is_found,
    ("session_status", Resource.SESSIONS, GET): status_is_asked_for,
    ("session_status", Resource.SESSIONS, BATCH_GET): everyone_is_told,
    ("session_status", Resource.SESSIONS, UPDATE): join_is_told,
    ("session_status", Resource.ACTIVE_INDEX, QUERY): everyone_is_told,
    ("session_status", Resource.CONNECTIONS, GET): status_is_asked_for,
    ("session_status", Resource.CONNECTIONS, DELETE): gone_speaker_is_found,
    ("session_status", Resource.AUDIENCE_INDEX, QUERY): gone_speaker_is_found,
    ("session_status", Resource.POST_TO_CONNECTION, MANAGE): everyone_is_told,
}
