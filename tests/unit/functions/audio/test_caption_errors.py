"""sendCaption: errors pushed to the sender."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.world import World
from tests.unit.functions.audio.captions import (
    error_codes,
    join_as_machine,
    only_error,
    received_captions,
)


class TestErrors:
    """Errors are pushed to the sender; nothing is delivered."""

    @pytest.mark.parametrize(
        ("fields", "code", "named"),
        [
            ({"text": ""}, "INVALID_CAPTION", "text: empty"),
            ({"text": " \n\u2003"}, "INVALID_CAPTION", "text: empty"),
            ({"text": "x" * 1001}, "INVALID_CAPTION", "text: 1001 characters"),
            ({"text": "a\x1b[2Jb"}, "INVALID_CAPTION", "text: control character U+001B"),
            ({"text": "a\tb"}, "INVALID_CAPTION", "text: control character U+0009"),
            ({"text": "a\x9bb"}, "INVALID_CAPTION", "text: control character U+009B"),
            ({"timestamp": 9, "endTimestamp": 8}, "INVALID_CAPTION", "endTimestamp:"),
            ({"text": 7}, "INVALID_MESSAGE", "text:"),
            ({"final": "yes"}, "INVALID_MESSAGE", "final:"),
            ({"timestamp": -1}, "INVALID_MESSAGE", "timestamp:"),
            ({"endTimestamp": None}, "INVALID_MESSAGE", "endTimestamp:"),
            ({"spoken": 1}, "INVALID_MESSAGE", "spoken:"),
            ({"language": "spanish"}, "INVALID_LANGUAGE", "language:"),
            ({"language": ""}, "INVALID_LANGUAGE", "language:"),
            ({"text": "ñ" * 2500}, "MESSAGE_TOO_LARGE", "message:"),
        ],
    )
    def test_invalid_values_are_refused(
        self, world: World, fields: dict[str, Any], code: str, named: str
    ) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)

        world.send_caption(interpreter, **{"requestId": "r", **fields})

        refused = only_error(world, interpreter)
        assert refused["code"] == code
        assert refused["message"].startswith(named)
        if code != "MESSAGE_TOO_LARGE":
            assert (refused["action"], refused["requestId"]) == ("sendCaption", "r")
        assert received_captions(world, listener) == []

    def test_a_thousand_characters_of_any_unicode_plane_are_accepted(self, world: World) -> None:
        _, session_id = world.create_session()
        interpreter, listener = world.interpreter(session_id), world.listener(session_id)
        # In UTF-8. JSON escapes take 12 bytes for one of these characters.
        text = "é" * 999 + "😀"
        body = (
            '{"action": "sendCaption", "final": true, "timestamp": 1, "endTimestamp": 2,'
            f' "text": "{text}"}}'
        )

        world.send_text(interpreter, "sendCaption", body)

        assert received_captions(world, listener) == [("es", text)]

    def test_only_interpreters_may_send_captions(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener, outsider = world.listener(session_id), world.connect()

        for sender in (speaker, listener, outsider):
            world.send_caption(sender)
        world.send_caption("unknown")

        assert error_codes(world, speaker) == error_codes(world, listener) == ["FORBIDDEN"]
        assert error_codes(world, outsider) == ["NOT_IN_SESSION"]
        assert error_codes(world, "unknown") == ["CONNECTION_NOT_FOUND"]
        assert received_captions(world, listener) == []

    def test_captions_in_another_language_are_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        spanish, french = world.interpreter(session_id, "es"), world.listener(session_id, "fr")

        world.send_caption(spanish, language="fr")

        assert only_error(world, spanish)["message"] == (
            "sendCaption: only the interpreter of fr may"
        )
        assert received_captions(world, french) == []

    def test_a_standby_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        world.interpreter(session_id)
        waiting = world.interpreter(session_id, "es", "ivan", standby=True)

        world.send_caption(waiting)

        assert error_codes(world, waiting) == ["FORBIDDEN"]
        assert received_captions(world, listener) == []

    def test_an_interpreter_who_was_taken_over_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        former = world.interpreter(session_id)
        present = world.interpreter(session_id, "es", "ivan", standby=True)
        world.send_caption(former, "of the first")
        world.ask(present, "takeOver")

        for sender in (former, present):
            world.send_caption(sender, "of the second")

        assert error_codes(world, former) == ["FORBIDDEN"]
        texts = [(m["text"], m["epoch"]) for m in world.pushes(listener, "caption")]
        assert texts == [("of the first", 1), ("of the second", 2)]

    def test_an_interpreter_whose_lease_expired_is_refused(self, world: World) -> None:
        speaker, session_id = world.create_session()
        listener = world.listener(session_id)
        stalled = join_as_machine(world, session_id)
        world.clock.advance(3_000)
        world.send_audio(speaker, 0)

        world.send_caption(stalled)
        world.send_caption(stalled, "Hello.", language="en")

        assert error_codes(world, stalled) == ["FORBIDDEN", "FORBIDDEN"]
        assert received_captions(world, listener) == []

    def test_an_interpreter_who_lost_the_language_is_refused(self, world: World) -> None:
        _, session_id = world.create_session()
        listener = world.listener(session_id)
        former = world.interpreter(session_id)
        world.send_caption(former, "first")
        world.ask(former, "leaveSession")
        world.interpreter(session_id)

        world.send_caption(former, "second")

        assert error_codes(world, former) == ["NOT_IN_SESSION"]
        assert received_captions(world, listener) == [("es", "first")]
