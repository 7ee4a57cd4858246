"""Scenarios for the grants of audience statuses, each with an effect that clients see."""

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
    RunningStack,
    Scenario,
    audio_request,
    eventually,
    give_language_to_a_ghost,
    wait_for_members,
)
from tests.helpers.wire import Message

TICK = {"type": "statusTick"}


def status(reason: str, count: int) -> Callable[[Message], bool]:
    """Match a status with this reason and count."""

    def wanted(message: Message) -> bool:
        return (
            message.get("type") == "sessionStatus"
            and message["updateReason"] == reason
            and message["listenerCount"] == count
        )

    return wanted


def new_language(message: Message) -> bool:
    """Match a status about a new language."""
    return message.get("type") == "sessionStatus" and message["updateReason"] == "newLanguage"


async def wait_until_reported(stack: RunningStack, session_id: str, count: int) -> None:
    """Wait until this count has been reported and no status is pending."""

    async def settled() -> bool:
        row = await stack.operator.session(session_id)
        return row.get("statusCount") == count and "statusPending" not in row

    await eventually(settled)


async def mark_first_listener_reported(stack: RunningStack, session_id: str) -> None:
    """Record that the first listener was reported, and that no status is pending.

    The timer that the listener's join has set then finds nothing to do.
    """
    update = "SET statusCount = :one, statusLanguages = :one REMOVE statusPending"
    await stack.operator.change_session(session_id, update, ":one", 1)


async def status_is_requested(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, _):
        assert (await speaker.ask("getSessionStatus"))["type"] == "sessionStatus"


async def join_is_reported(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        await speaker.expect(status("newLanguage", 1))


async def small_change_is_reported_after_a_large_one(stack: RunningStack) -> None:
    async with AsyncExitStack() as opened, stack.clients.session() as (speaker, session_id):
        for language in ("es", "fr", "de", "ja"):
            await opened.enter_async_context(stack.clients.listener(session_id, language))
            update = await speaker.expect(new_language)
            # Without a join, only the timer that follows a status can find it.
            count = update["listenerCount"] + 1
            await stack.operator.change_session(
                session_id, "SET listenerCount = :count", ":count", count
            )
            if "statusPending" in await stack.operator.session(session_id):
                await speaker.expect(status("listenerCountChange", count))
                return
        raise AssertionError("no status follows another, or each before its audience changed")


async def disconnect_is_reported(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, session_id):
        async with stack.clients.listener(session_id):
            await mark_first_listener_reported(stack, session_id)
        await speaker.expect(status("listenerCountChange", 0))


async def ghost_found_by_audio_is_reported(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        await mark_first_listener_reported(stack, session_id)
        await stack.operator.add_ghost(session_id, "listener#es")
        await speaker.send_audio(1)
        # The ghost was never counted in, but is counted out.
        await speaker.expect(status("listenerCountChange", 0))


async def ghost_found_by_invoked_audio_is_reported(stack: RunningStack) -> None:
    async with (
        stack.clients.session() as (speaker, session_id),
        stack.clients.listener(session_id),
    ):
        await mark_first_listener_reported(stack, session_id)
        await stack.operator.add_ghost(session_id, "listener#es")
        await stack.operator.invoke("broadcast", audio_request(session_id))
        await speaker.expect(status("listenerCountChange", 0))


async def every_speaker_gets_a_periodic_status(stack: RunningStack) -> None:
    async with stack.clients.session() as (speaker, _):
        await stack.operator.invoke("session_status", TICK)
        await speaker.expect(status("periodic", 0))


async def gone_speaker_loses_the_session(stack: RunningStack) -> None:
    """Make an ended connection the session's speaker."""
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id) as listener,
    ):
        ghost = await stack.operator.add_ghost(session_id, "speaker#")
        await stack.operator.change_session(
            session_id, "SET speakerConnectionId = :ghost", ":ghost", ghost
        )
        await stack.operator.invoke("session_status", TICK)
        await listener.expect("speakerDisconnected")
        await wait_for_members(stack, session_id, "listener#es", "speaker#")
        assert (await listener.expect("sessionEnded"))["reason"] == "speakerLeft"


async def gone_interpreter_is_found_with_a_gone_speaker(stack: RunningStack) -> None:
    """The notice that the speaker is gone finds that the interpreter is gone too."""
    async with (
        stack.clients.session() as (_, session_id),
        stack.clients.listener(session_id, "es") as listener,
    ):
        await give_language_to_a_ghost(stack, session_id)
        ghost = await stack.operator.add_ghost(session_id, "speaker#")
        await stack.operator.change_session(
            session_id, "SET speakerConnectionId = :ghost", ":ghost", ghost
        )
        await stack.operator.invoke("session_status", TICK)
        assert (await listener.expect("channelSourceChanged"))["to"] == "floor"


STATUS_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("control", Resource.STATUS_QUEUE, SEND): join_is_reported,
    ("disconnect", Resource.STATUS_QUEUE, SEND): disconnect_is_reported,
    ("audio_processor", Resource.STATUS_QUEUE, SEND): ghost_found_by_audio_is_reported,
    ("broadcast", Resource.STATUS_QUEUE, SEND): ghost_found_by_invoked_audio_is_reported,
    ("session_status", Resource.STATUS_QUEUE, SEND): small_change_is_reported_after_a_large_one,
    ("session_status", Resource.TIMER_QUEUE, SEND): gone_speaker_loses_the_session,
    ("session_status", Resource.SESSIONS, GET): status_is_requested,
    ("session_status", Resource.SESSIONS, BATCH_GET): every_speaker_gets_a_periodic_status,
    ("session_status", Resource.SESSIONS, UPDATE): join_is_reported,
    ("session_status", Resource.ACTIVE_INDEX, QUERY): every_speaker_gets_a_periodic_status,
    ("session_status", Resource.CONNECTIONS, BATCH_GET): (
        gone_interpreter_is_found_with_a_gone_speaker
    ),
    ("session_status", Resource.CONNECTIONS, GET): status_is_requested,
    ("session_status", Resource.CONNECTIONS, DELETE): gone_speaker_loses_the_session,
    ("session_status", Resource.AUDIENCE_INDEX, QUERY): gone_speaker_loses_the_session,
    ("session_status", Resource.POST_TO_CONNECTION, MANAGE): every_speaker_gets_a_periodic_status,
}
