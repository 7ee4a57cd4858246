"""What happens in a session, in words."""

from __future__ import annotations

import shlex

from cli.console import Display
from client.protocol.announcements import to_announcement
from client.protocol.events import CaughtUp, Disconnected, Notice, Notification, Reconnected
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
    "floor": "the floor, because nobody interprets it now",
    "human": "an interpreter",
    "machine": "a machine that interprets",
}
_GOT: dict[LeaseReason, str] = {
    "promoted": ", because whoever was it is gone",
    "handedOver": ": it was handed over to you",
}
_LOST: dict[LeaseReason, str] = {
    "takenOver": "Somebody has taken {} over.",
    "handedOver": "You have handed {} over.",
    "silent": "You were silent for too long to remain the voice of {}.",
}
_BANNERS: dict[MessageType, str] = {
    "info": "bold white on blue",
    "warning": "bold black on yellow",
    "alert": "bold white on red",
}


def show_join_commands(
    display: Display, session: SessionCreated, url: str | None, token_url: str | None
) -> None:
    """Tell the speaker the session's id, and how others come in: at `url` if it is no default,
    interpreters with a token from `token_url`. To a session by link the commands have its secret.
    """
    at = f" --url {url}" if url else ""
    tokens = f" --token-url {token_url}" if token_url else ""
    client = "python -m cli"
    code = shlex.quote(str(JoinCode(session.session_id, session.secret)))
    display.print(f"Session {session.session_id}", style="bold green")
    display.print(f"  listen:    {client} listen {code} --language es{at}")
    display.print(f"  interpret: {client} interpret {code} FILE.wav --language es{at}{tokens}")


def show_joined(display: Display, reply: SessionJoined) -> None:
    """Tell what one joined and whom one hears."""
    if reply.role == "interpreter" and reply.lease is not None and not reply.lease.holds:
        display.print(
            f"You wait for your turn to be the voice of {reply.target_language} "
            f"in {reply.session_id}."
        )
    elif reply.role == "interpreter":
        display.print(f"You are the voice of {reply.target_language} in {reply.session_id}.")
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
    """Tell what changed, if it means something to a person."""
    match event:
        case Disconnected(reason=reason, seconds=seconds):
            display.print(f"Lost: {reason}. Trying for {seconds:.0f} s to come back …")
        case Reconnected(reply=reply, seconds=seconds):
            display.print(f"Back in {reply.session_id} after {seconds:.1f} s.")
            _show_interruptions(display, reply)
        case CaughtUp(seconds=seconds):
            display.print(
                f"The network is too slow: sound came {seconds:.1f} s late; now it is live."
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
            display.print(f"The speaker has lost the connection; up to {seconds} s to come back.")
        case SpeakerReconnected():
            display.print("The speaker is back.")
        case ConnectionTimeout(idle_seconds=seconds):
            display.print(f"The service has not heard from here for {seconds} s, and hangs up.")
        case SessionEnded(reason=reason):
            show_session_end(display, reason)
        case InterpreterLease() as told:
            _show_lease(display, told)
        case SessionStatus() as status:
            display.set_audience(status)
        case Announcement() | ActiveAnnouncement() as message:
            if announcement := to_announcement(message):
                show_announcement(display, announcement)
        case AnnouncementCleared(scope=scope):
            whose = "speaker's " if scope == "session" else ""
            display.print(f"The {whose}announcement is over.")
        case _:
            pass


def _show_lease(display: Display, told: InterpreterLease) -> None:
    language, reason = told.lease.language, told.reason
    if told.lease.holds:
        display.print(f"You are the voice of {language} now{_GOT.get(reason, '')}.")
    else:
        why = _LOST.get(reason, "The service did not hear from here in time; {} is not yours now.")
        display.print(f"{why.format(language)} You wait for your turn.")


def show_announcement(display: Display, announcement: Announcement) -> None:
    """Show an announcement, in the colour of its type."""
    kind = announcement.message_type
    by = " by the speaker" if announcement.scope == "session" else ""
    weight = "" if kind == "info" else f" ({kind})"
    display.print(f"Announcement{by}{weight}: {announcement.message}", style=_BANNERS[kind])


def _describe_state(state: BroadcastState) -> str:
    if state.is_broadcasting():
        return f"The broadcast is on, at a volume of {state.volume:.0%}."
    silences = [
        (not state.is_active, "over"),
        (state.is_paused, "paused"),
        (state.is_muted, "muted"),
    ]
    return f"The broadcast is {' and '.join(word for holds, word in silences if holds)}."


def show_session_end(display: Display, reason: str | None) -> None:
    """Tell that the session is over, or (None) that it goes on."""
    if reason is None:
        display.print("The session stays open.")
    else:
        display.print(f"The session is over: {_REASONS.get(reason, reason)}.")
