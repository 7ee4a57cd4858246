"""The protocol core: requests, replies, errors, and relevant audio."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.errors import GATEWAY_FAULT, RequestRefusedError
from client.protocol.core import SessionCore
from client.protocol.events import (
    AudioReceived,
    AudioRefused,
    Event,
    Notification,
    ReplyReceived,
    RequestOutcome,
    RequestRefused,
)
from shared.protocol.message_base import Request
from shared.protocol.messages import (
    ChangeLanguage,
    ChannelSourceChanged,
    CreateSession,
    EndSession,
    Heartbeat,
    JoinSession,
    LeaveSession,
    SessionEnded,
)
from tests.unit.client.support import CREATED, JOINED

SESSION = "golden-eagle-427"
JOIN = JoinSession(session_id=SESSION, target_language="es")


def _receive(core: SessionCore, *messages: dict[str, Any]) -> list[Event | RequestOutcome]:
    return [event for message in messages for event in core.receive(json.dumps(message), 5.0)]


def _ask(
    core: SessionCore, request: Request, reply: dict[str, Any]
) -> list[Event | RequestOutcome]:
    request_id, _ = core.ask(request)
    return _receive(core, {**reply, "requestId": request_id})


def _joined(**changes: Any) -> SessionCore:
    core = SessionCore()
    _ask(core, JOIN, {**JOINED, **changes})
    return core


def _audio(language: str = "en", epoch: int = 1, session: str = SESSION) -> dict[str, Any]:
    chunk = {"type": "audio", "sessionId": session, "language": language, "epoch": epoch}
    return {**chunk, "seq": 0, "timestamp": 1, "audio": "AAAA"}


def _change(source: str, target: str, epoch: int = 1, language: str = "es") -> dict[str, Any]:
    change = {"type": "channelSourceChanged", "sessionId": SESSION, "language": language}
    return {**change, "from": source, "to": target, "epoch": epoch}


def _error(code: str = "FORBIDDEN", **fields: Any) -> dict[str, Any]:
    error = {"type": "error", "status": 403, "code": code, "message": "no", "retryable": False}
    return {**error, **fields}


def _hears(core: SessionCore, message: dict[str, Any]) -> bool:
    return any(isinstance(event, AudioReceived) for event in _receive(core, message))


def test_a_request_is_a_frame_with_an_id_of_its_own() -> None:
    core = SessionCore()
    first, frame = core.ask(CreateSession(source_language="en"))
    second, _ = core.ask(EndSession())
    assert first != second
    expected = {"action": "createSession", "requestId": first, "sourceLanguage": "en"}
    assert json.loads(frame) == expected


def test_audio_is_a_frame_whose_id_is_its_number() -> None:
    frame = json.loads(SessionCore.audio_frame(7, 123, b"\0\1\2"))
    assert frame == {
        "action": "sendAudio",
        "requestId": "audio-7",
        "seq": 7,
        "timestamp": 123,
        "audio": "AAEC",
    }


def test_a_reply_answers_its_request_and_sets_the_state() -> None:
    core = SessionCore()
    (event,) = _ask(core, CreateSession(source_language="en"), CREATED)
    assert isinstance(event, ReplyReceived)
    assert core.state is not None
    assert (core.state.session_id, core.state.role, core.state.epoch) == (SESSION, "speaker", 1)
    assert core.state.audio_language is None
    assert "secret" not in repr(core.state)


def test_replies_may_come_in_any_order() -> None:
    core = SessionCore()
    first, _ = core.ask(Heartbeat())
    second, _ = core.ask(Heartbeat())
    ack = {"type": "heartbeatAck", "timestamp": 1}
    events = _receive(core, {**ack, "requestId": second}, {**ack, "requestId": first})
    assert [event.request_id for event in events if isinstance(event, ReplyReceived)] == [
        second,
        first,
    ]


def test_an_error_refuses_its_request_and_leaves_the_state() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    (event,) = _receive(core, _error("SESSION_NOT_FOUND", requestId=request_id, action="x"))
    assert isinstance(event, RequestRefused)
    assert (event.request_id, event.error.code) == (request_id, "SESSION_NOT_FOUND")
    assert (event.error.status, event.error.retryable) == (403, False)
    assert core.state is None


def test_an_error_about_audio_names_the_chunk() -> None:
    core = _joined()
    events = _receive(
        core,
        _error(requestId="audio-12", action="sendAudio"),
        _error(action="sendAudio"),
        _error(requestId="audio-", action="sendAudio"),
    )
    assert [event.seq for event in events if isinstance(event, AudioRefused)] == [12, None, None]


def test_an_error_without_id_is_about_the_oldest_request() -> None:
    core = SessionCore()
    first, _ = core.ask(JOIN)
    core.ask(Heartbeat())
    (event,) = _receive(core, _error("INVALID_MESSAGE"))
    assert isinstance(event, RequestRefused)
    assert event.request_id == first


@pytest.mark.parametrize("waiting", [True, False])
def test_an_object_of_the_gateway_is_a_retryable_error(waiting: bool) -> None:
    core = SessionCore()
    if waiting:
        core.ask(JOIN)
    fault = {"message": "Internal server error", "connectionId": "c", "requestId": "gateway-own"}
    (event,) = _receive(core, fault)
    assert isinstance(event, RequestRefused if waiting else AudioRefused)
    assert isinstance(event.error, RequestRefusedError)
    assert (event.error.code, event.error.retryable) == (GATEWAY_FAULT, True)


def test_what_is_unknown_or_malformed_is_ignored_and_counted() -> None:
    core = _joined()
    frames: list[str | bytes] = [
        '{"type": "somethingNew", "sessionId": "golden-eagle-427"}',
        '{"type": "audio", "seq": "no number"}',
        '{"type": 7}',
        "[1, 2]",
        "not JSON",
        "{}",
        b"\xff\xfe",
    ]
    assert [event for frame in frames for event in core.receive(frame, 0)] == []
    assert core.ignored == len(frames)


def test_an_unexpected_reply_changes_nothing() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    core.give_up(request_id)
    assert _receive(core, {**JOINED, "requestId": request_id}) == []
    assert _receive(core, _error(requestId=request_id)) == []
    assert core.state is None


def test_without_an_interpreter_the_floor_is_heard() -> None:
    core = _joined(channelSource="floor")
    assert _hears(core, _audio("en"))
    assert not _hears(core, _audio("es"))
    assert not _hears(core, _audio("en", session="other-session-123"))


def test_with_an_interpreter_the_language_is_heard() -> None:
    core = _joined(channelSource="human")
    assert _hears(core, _audio("es"))
    assert not _hears(core, _audio("en"))


def test_an_interpreter_hears_the_floor_whoever_interprets() -> None:
    core = _joined(role="interpreter", channelSource="human")
    assert _hears(core, _audio("en"))
    assert not _hears(core, _audio("es"))


def test_a_change_of_source_changes_what_is_heard() -> None:
    core = _joined(channelSource="floor")
    (event,) = _receive(core, _change("floor", "human", epoch=4))
    assert isinstance(event, Notification)
    assert isinstance(event.message, ChannelSourceChanged)
    assert _hears(core, _audio("es", epoch=4))
    assert not _hears(core, _audio("es", epoch=3)), "the former interpreter's"
    assert not _hears(core, _audio("en"))
    _receive(core, _change("human", "floor", epoch=4))
    assert _hears(core, _audio("en"))
    assert not _hears(core, _audio("es", epoch=4))


@pytest.mark.parametrize("successor", ["human", "machine"])
def test_two_interpreters_are_never_heard_together(successor: str) -> None:
    core = _joined(channelSource="human")
    assert _hears(core, _audio("es", epoch=4))
    _receive(core, _change("human", successor, epoch=5))
    assert not _hears(core, _audio("es", epoch=4))
    assert _hears(core, _audio("es", epoch=5))


def test_an_outdated_change_of_source_changes_nothing() -> None:
    core = _joined(channelSource="human")
    _receive(core, _change("human", "machine", epoch=6), _change("human", "floor", epoch=5))
    assert core.state is not None
    assert core.state.channel_source == "machine"
    assert not _hears(core, _audio("es", epoch=5))


def test_a_change_of_another_language_is_only_noted() -> None:
    core = _joined(channelSource="floor")
    _receive(core, _change("floor", "human", language="fr"))
    assert core.state is not None
    assert core.state.channels == {"fr": "human"}
    assert _hears(core, _audio("en"))


def test_audio_before_the_reply_to_a_join_is_kept() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    early = [_audio("en"), _audio("fr"), _audio("en", session="other-session-123")]
    assert _receive(core, *early) == []
    events = _receive(core, {**JOINED, "requestId": request_id})
    assert [type(event) for event in events] == [ReplyReceived, AudioReceived]


def test_audio_before_the_reply_to_a_change_of_language_is_kept() -> None:
    core = _joined(channelSource="floor")
    request_id, _ = core.ask(ChangeLanguage(target_language="fr"))
    assert not _hears(core, _audio("fr"))
    changed = {"type": "languageChanged", "sessionId": SESSION, "targetLanguage": "fr"}
    reply = {**changed, "channelSource": "human", "requestId": request_id}
    assert [type(event) for event in _receive(core, reply)] == [ReplyReceived, AudioReceived]
    assert not _hears(core, _audio("en"))


def test_a_change_of_source_before_the_reply_is_newer_than_the_reply() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    _receive(core, _change("floor", "human", epoch=2))
    _receive(core, {**JOINED, "channelSource": "floor", "requestId": request_id})
    assert core.state is not None
    assert core.state.channel_source == "human"


def test_held_messages_of_a_refused_join_are_dropped() -> None:
    core = SessionCore()
    request_id, _ = core.ask(JOIN)
    _receive(core, _audio("en"))
    events = _receive(core, _error(requestId=request_id))
    assert [type(event) for event in events] == [RequestRefused]
    assert core.ignored == 1


def test_held_messages_are_bounded() -> None:
    core = SessionCore()
    core.ask(JOIN)
    for _ in range(1_000):
        _receive(core, _audio("en"))
    assert len(core._held) < 100


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (EndSession(), {"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"}),
        (LeaveSession(), {"type": "sessionLeft", "sessionId": SESSION}),
    ],
)
def test_leaving_and_ending_leave_no_session(request_: Request, reply: dict[str, Any]) -> None:
    core = _joined()
    _ask(core, request_, reply)
    assert core.state is None
    assert not _hears(core, _audio("en"))


def test_the_end_of_the_session_is_told() -> None:
    core = _joined()
    ended = {"type": "sessionEnded", "sessionId": SESSION, "reason": "speakerLeft"}
    assert _receive(core, {**ended, "sessionId": "other-session-123"}) == []
    (event,) = _receive(core, ended)
    assert event == Notification(SessionEnded(session_id=SESSION, reason="speakerLeft"))
    assert core.state is None
