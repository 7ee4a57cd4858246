"""Every text decodes to a request, or to an error that says what is wrong."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entrypoints.request_decoder import Head, MalformedRequestError, RequestDecoder
from shared.protocol.message_base import Request, action_of, encode
from shared.protocol.messages import Heartbeat, JoinSession, SendAudio
from shared.protocol.requests import ACTIONS, SPECS
from shared.utils.json_outline import is_valid_unicode

decoder: RequestDecoder[Request] = RequestDecoder(SPECS)


def fault(text: str) -> MalformedRequestError:
    with pytest.raises(MalformedRequestError) as caught:
        decoder.decode(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "INVALID_MESSAGE", "message: not JSON"),
        ("nope", "INVALID_MESSAGE", "message: not JSON"),
        ("[" * 100_000, "INVALID_MESSAGE", "message: not JSON"),
        ('"\ud800"', "INVALID_MESSAGE", "message: not JSON"),
        ("[]", "INVALID_MESSAGE", "message: not a JSON object"),
        ("{}", "INVALID_MESSAGE", "action: missing"),
        ('{"action": 5}', "INVALID_MESSAGE", "action: not a string"),
        ('{"action": "dance"}', "UNKNOWN_ACTION", "action: not one of"),
        ('{"action": "joinSession"}', "INVALID_MESSAGE", "sessionId: missing"),
        (
            '{"action": "joinSession", "sessionId": 1}',
            "INVALID_MESSAGE",
            "sessionId: expected str, got int",
        ),
        (
            '{"action": "createSession", "sourceLanguage": "en", "audioFormat": {"chunkMs": true}}',
            "INVALID_MESSAGE",
            "audioFormat.chunkMs: expected int",
        ),
        (
            '{"action": "joinSession", "sessionId": "s", "targetLanguage": "t", "role": "king"}',
            "INVALID_MESSAGE",
            "role: 'king' is not one of speaker, listener, interpreter",
        ),
        (
            '{"action": "announce", "scope": "all", "message": "half a smile: \\ud83d"}',
            "INVALID_MESSAGE",
            "message: half of a surrogate pair",
        ),
        (
            '{"action": "announce", "scope": "all", "translations": {"es": "\\udc00"}}',
            "INVALID_MESSAGE",
            "translations: half of a surrogate pair",
        ),
        (
            '{"action": "announce", "scope": "everybody", "message": "m"}',
            "INVALID_MESSAGE",
            "scope: 'everybody' is not one of all, session",
        ),
        (
            '{"action": "announce", "scope": "all", "message": "m", "messageType": "Info"}',
            "INVALID_MESSAGE",
            "messageType: 'Info' is not one of info, warning, alert",
        ),
        (
            '{"action": "sync", "kind": "dance"}',
            "INVALID_MESSAGE",
            "kind: 'dance' is not one of watchlistUpdate, progressUpdate, deviceCommand",
        ),
        (
            '{"action": "clearAnnouncement", "scope": "' + "x" * 4_000 + '"}',
            "INVALID_MESSAGE",
            "scope: this is not one of all, session",
        ),
        (
            '{"action": "sendAudio", "seq": "x", "audio": "\\ud800"}',
            "INVALID_MESSAGE",
            "seq: expected int, got str",
        ),
        (
            '{"action": "sendAudio", "seq": 0, "timestamp": 1, "audio": "\\ud800"}',
            "INVALID_MESSAGE",
            "audio: half of a surrogate pair",
        ),
        (
            '{"action": "heartbeat", "\\ud800": 1}',
            "INVALID_MESSAGE",
            "message: half of a surrogate pair",
        ),
        (
            '{"action": "heartbeat", "clientTime": 1' + "0" * 5_000 + "}",
            "INVALID_MESSAGE",
            "clientTime: Integer value out of range",
        ),
        (
            '{"action": "heartbeat", "x": ' + "[" * 20_000 + "]" * 20_000 + "}",
            "INVALID_MESSAGE",
            "x: nested too deeply",
        ),
        (
            '\ufeff{"action": "heartbeat"}',
            "INVALID_MESSAGE",
            "message: begins with a byte order mark",
        ),
        ('{"action": "\\ud800"}', "INVALID_MESSAGE", "action: half of a surrogate pair"),
        ('{"action": "' + "x" * 100 + '"}', "UNKNOWN_ACTION", "action: not one of"),
        (
            '{"action": "heartbeat", "clientTime": NaN}',
            "INVALID_MESSAGE",
            "message: not JSON",
        ),
    ],
)
def test_faults_name_the_field(text: str, code: str, message: str) -> None:
    error = fault(text)

    assert error.code == code
    assert error.message.startswith(message)


def test_errors_repeat_action_and_request_id() -> None:
    head = fault('{"action": "joinSession", "requestId": "r7"}').head
    assert (head.action, head.request_id) == ("joinSession", "r7")

    halved = fault('{"action": "announce", "message": "\\ud83d", "requestId": "r7"}').head
    assert (halved.action, halved.request_id) == ("announce", "r7")

    head = fault('{"action": "\\ud83d", "message": "x", "requestId": "\\udfff"}').head
    assert (head.action, head.request_id) == (None, None)

    long = fault(json.dumps({"action": "heartbeat", "requestId": "r" * 65})).head
    assert long.request_id is None


def test_requests_come_back_as_they_were_encoded() -> None:
    for request in (
        Heartbeat(client_time=3, request_id="a"),
        SendAudio(seq=1, timestamp=2, audio=b"\x00\xff"),
        JoinSession(session_id="golden-eagle-427", target_language="es"),
    ):
        assert decoder.decode(encode(request).decode()) == request


def test_unknown_fields_are_ignored() -> None:
    assert decoder.decode('{"action": "heartbeat", "colour": "red"}') == Heartbeat()


def _outcome(text: str) -> Request | MalformedRequestError:
    try:
        return decoder.decode(text)
    except MalformedRequestError as error:
        return error


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
actions = st.sampled_from(["createSession", "joinSession", "sendAudio", "heartbeat", "x", 5])
fields = st.sampled_from(
    ["sessionId", "targetLanguage", "role", "seq", "timestamp", "audio", "audioFormat", "requestId"]
)


@given(
    st.one_of(
        st.text(max_size=50),
        json_values.map(json.dumps),
        st.builds(
            lambda action, rest: json.dumps({"action": action, **rest}),
            actions,
            st.dictionaries(fields, json_values, max_size=5),
        ),
    )
)
def test_every_text_becomes_a_request_or_a_named_fault(text: str) -> None:
    outcome = _outcome(text)
    if isinstance(outcome, MalformedRequestError):
        assert outcome.code in {"INVALID_MESSAGE", "UNKNOWN_ACTION"}
        assert ": " in outcome.message


# JSON values as text: some that a strict decoder rejects, and some that it accepts.
ODD = (
    *('"\\ud800"', '["\\udc00"]', '{"\\ud800": 0}', '"\ud800"', '"\\ud83d\\ude00"', "1e999"),
    *("-1" + "0" * 5_000, "[" * 5_000 + "]" * 5_000, '{"a":' * 5_000 + "0" + "}" * 5_000),
    *('"\\u0000"', "-0", "0.1e-999", "null", "true", '""', '"x"', '"AAAA"', "[]", "{}", "5"),
)
names = sorted({name for kind in SPECS for name in kind.__struct_encode_fields__})
members = st.tuples(
    st.sampled_from([name for name in names if name != "requestId"] + ["x", "\\ud800"]),
    st.sampled_from(ODD),
)


@given(
    st.sampled_from(sorted(ACTIONS)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
    st.lists(members, max_size=4),
    st.randoms(use_true_random=False),
)
def test_faults_of_json_objects_always_repeat_action_and_request_id(
    action: str, request_id: str, more: list[tuple[str, str]], order: Random
) -> None:
    written = [("action", json.dumps(action)), ("requestId", json.dumps(request_id)), *more]
    order.shuffle(written)
    text = "{" + ",".join(f'"{name}": {value}' for name, value in written) + "}"
    outcome = _outcome(text)
    if isinstance(outcome, MalformedRequestError):
        assert outcome.head == Head(action, request_id)
        assert "not JSON" not in outcome.message
        assert is_valid_unicode(outcome.message)
    else:
        assert (action_of(type(outcome)), outcome.request_id) == (action, request_id)
