"""The source of a listener's audio while interpreters change and messages are reordered."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from client.protocol.core import SessionCore
from client.protocol.events import AudioReceived, Notification
from shared.protocol.messages import JoinSession
from tests.unit.client.support import JOINED

SESSION = "golden-eagle-427"
Message = dict[str, Any]


def listening(**more: Any) -> SessionCore:
    """A listener of es; `more` overrides fields of its join reply."""
    core = SessionCore()
    request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
    reply = {**JOINED, "channelSource": "floor", "channels": {}, **more, "requestId": request_id}
    core.receive(json.dumps(reply), 0.0)
    return core


def change(source: str, target: str, epoch: int) -> Message:
    about = {"type": "channelSourceChanged", "sessionId": SESSION, "language": "es"}
    return {**about, "from": source, "to": target, "epoch": epoch}


def hears(core: SessionCore, language: str, epoch: int) -> bool:
    about = {"type": "audio", "sessionId": SESSION, "language": language, "epoch": epoch}
    chunk = {**about, "seq": 0, "timestamp": 1, "audio": "AAAA"}
    return any(isinstance(event, AudioReceived) for event in core.receive(json.dumps(chunk), 0.0))


def told(core: SessionCore, message: Message) -> bool:
    return any(isinstance(event, Notification) for event in core.receive(json.dumps(message), 0.0))


def history(targets: list[str]) -> list[Message]:
    """The changes of a channel that went from one source to the next, as the service numbers them:
    an interpreter has the next epoch, what falls to the floor keeps it.
    """
    changes, source, epoch = [], "floor", 0
    for target in targets:
        if target == source == "floor":
            continue
        epoch += target != "floor"
        changes.append(change(source, target, epoch))
        source = target
    return changes


HISTORIES = st.lists(st.sampled_from(["floor", "human", "machine"]), min_size=1, max_size=12).map(
    history
)


def test_one_interpreter_after_the_other_and_each_time_the_floor_again() -> None:
    core = listening()

    for epoch in range(1, 4):
        assert told(core, change("floor", "human", epoch))
        assert (hears(core, "es", epoch), hears(core, "en", 1)) == (True, False)
        assert told(core, change("human", "floor", epoch))
        assert (hears(core, "es", epoch), hears(core, "en", 1)) == (False, True)


def test_after_a_takeover_the_former_interpreter_is_not_heard() -> None:
    core = listening()
    told(core, change("floor", "human", 4))
    told(core, change("human", "human", 5))

    assert (hears(core, "es", 4), hears(core, "es", 5)) == (False, True)


@given(HISTORIES, st.data())
def test_in_whichever_order_the_news_comes_the_last_source_is_heard(
    changes: list[Message], data: st.DataObject
) -> None:
    core = listening()
    shuffled = data.draw(st.permutations(changes + data.draw(st.sampled_from([[], changes]))))

    for message in shuffled:
        told(core, message)

    assert core.state is not None
    assert core.state.channel_source == (changes[-1]["to"] if changes else "floor")


@given(HISTORIES)
def test_an_outdated_change_is_no_news(changes: list[Message]) -> None:
    core = listening()
    if not changes:
        return

    assert told(core, changes[-1])
    assert not any(told(core, message) for message in changes)
