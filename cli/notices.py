"""One-line descriptions of what happens in a session."""

from __future__ import annotations

import shlex

from cli.console import Display, describe_interruption
from client.protocol.announcements import to_announcement
from client.protocol.events import (
    CaughtUp,
    Disconnected,
    Interruption,
    Notice,
    Notification,
    Reconnected,
)
from client.protocol.join_code import JoinCode
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import LeaseReason
from shared.models.terms import ChannelSource
from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementCleared,
    MessageType,
)
from shared.protocol.interpretation_messages import InterpreterLease
from shared.protocol.messages import (
    BroadcastStateChanged,
    ChannelSourceChanged,
    ConnectionTimeout,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SessionStatus,
    SpeakerDisconnected,
    SpeakerReconnected,
)

_REASONS = {"ended": "the speaker ended it", "speakerLeft": "the speaker left"}
_SOURCES: dict[ChannelSource, str] = {
    "floor": "the floor (no interpreter)",
    "human": "an interpreter",
    "machine": "a machine interpreter",
}
_ACQUIRED: dict[LeaseReason, str] = {
    "promoted": ", because the previous interpreter is gone",
    "handedOver": ": the previous interpreter handed over to you",
}
_LOST: dict[LeaseReason, str] = {
    "takenOver": "Another interpreter has taken over {}.",
    "handedOver": "You have handed over {}.",
    "silent": "You have lost {}: you were silent for too long.",
}
_BANNERS: dict[MessageType, str] = {
    "info": "bold white on blue",
    "warning": "bold black on yellow",
    "alert": "bold white on red",
}


def show_join_commands(
    display: Display, session: SessionCreated, url: str | None, token_url: str | None
) -> None:
    """Print the session's ID and the commands to join it.

    `url` is None for the default URL; interpreters fetch a token from `token_url`. For a session by
    link the commands contain its secret.
    """
    at = f" --url {url}" if url else ""
    tokens = f" --token-url {token_url}" if token_url else ""
    client = "python -m cli"
    code = shlex.quote(str(JoinCode(session.session_id, session.secret)))
    display.print(f"Session {session.session_id}", style="bold green")
    display.print(f"  listen:    {client} listen {code} --language es{at}")
    display.print(f"  interpret: {client} interpret {code} FILE.wav --language es{at}{tokens}")


def show_joined(display: Display, reply: SessionJoined) -> None:
    """Print the joined session, and which source the user hears."""
    if reply.role == "interpreter" and reply.lease is not None and not reply.lease.holds:
        display.print(f"You are a stand-by for {reply.target_language} in {reply.session_id}.")
    elif reply.role == "interpreter":
        display.print(f"You interpret into {reply.target_language} in {reply.session_id}.")
    elif reply.target_language == reply.source_language:
        display.print(f"You are in {reply.session_id} and hear the speaker.")
    else:
        heard = _SOURCES[reply.channel_source]
        display.print(
            f"You are in {reply.session_id}; in {reply.target_language} you hear {heard}."
        )
    _show_interruptions(display, reply)


def _show_interruptions(display: Display, reply: SessionJoined) -> None:
    if not reply.broadcast_state.is_broadcasting():
        display.print(_describe_state(reply.broadcast_state))
    if not reply.speaker_connected:
        display.print("The speaker is not connected at the moment.")


def show_notice(display: Display, event: Notice) -> None:
    """Print an event, if it matters to the user."""
    match event:
        case Disconnected(reason=reason, seconds=seconds):
            display.print(f"Disconnected: {reason}. Reconnecting for up to {seconds:.0f} s …")
        case Reconnected(reply=reply, seconds=seconds):
            display.print(f"Reconnected to {reply.session_id} after {seconds:.1f} s.")
            _show_interruptions(display, reply)
        case Interruption():
            display.print(describe_interruption(event))
        case CaughtUp(seconds=seconds):
            display.print(
                f"The network is too slow: sound was {seconds:.1f} s late; skipped to live."
            )
        case Notification():
            _show_message(display, event)


def _show_message(display: Display, event: Notification) -> None:
    match event.message:
        case ChannelSourceChanged() as change:
            display.print(f"In {change.language} you now hear {_SOURCES[change.to_source]}.")
        case BroadcastStateChanged(broadcast_state=state):
            display.print(_describe_state(state))
        case SpeakerDisconnected(grace_seconds=seconds):
            display.print(
                f"The speaker lost the connection and has up to {seconds} s to reconnect."
            )
        case SpeakerReconnected():
            display.print("The speaker is back.")
        case ConnectionTimeout(idle_seconds=seconds):
            display.print(f"The service is closing this connection: idle for {seconds} s.")
        case SessionEnded(reason=reason):
            show_session_end(display, reason)
        case InterpreterLease() as message:
            _show_lease(display, message)
        case SessionStatus() as status:
            display.set_audience(status)
        case Announcement() | ActiveAnnouncement() as message:
            if announcement := to_announcement(message):
                show_announcement(display, announcement)
        case AnnouncementCleared(scope=scope):
            whose = "speaker's " if scope == "session" else ""
            display.print(f"The {whose}announcement was cleared.")
        case _:
            pass


def _show_lease(display: Display, message: InterpreterLease) -> None:
    language, reason = message.lease.language, message.reason
    if message.lease.holds:
        display.print(f"You interpret into {language} now{_ACQUIRED.get(reason, '')}.")
    else:
        why = _LOST.get(reason, "You have lost {}: the service did not hear from you in time.")
        display.print(f"{why.format(language)} You are now a stand-by.")


def show_announcement(display: Display, announcement: Announcement) -> None:
    """Print an announcement in the colour of its type."""
    kind = announcement.message_type
    by = " by the speaker" if announcement.scope == "session" else ""
    suffix = "" if kind == "info" else f" ({kind})"
    display.print(f"Announcement{by}{suffix}: {announcement.message}", style=_BANNERS[kind])


def _describe_state(state: BroadcastState) -> str:
    if state.is_broadcasting():
        return f"The broadcast is on, at a volume of {state.volume:.0%}."
    reasons = [
        (not state.is_active, "over"),
        (state.is_paused, "paused"),
        (state.is_muted, "muted"),
    ]
    return f"The broadcast is {' and '.join(word for holds, word in reasons if holds)}."


def show_session_end(display: Display, reason: str | None) -> None:
    """Print why the session ended, or for None that it stays open."""
    if reason is None:
        display.print("The session stays open.")
    else:
        display.print(f"The session is over: {_REASONS.get(reason, reason)}.")
