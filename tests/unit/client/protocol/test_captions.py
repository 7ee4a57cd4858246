"""Captions: which are shown, and their order, however they arrive."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from client.protocol.captions import CaptionOutcome, CaptionTrack
from client.protocol.core import SessionCore
from client.protocol.events import CaptionReceived
from client.protocol.session_state import SessionState
from shared.protocol.interpretation_messages import Caption
from shared.protocol.message_base import encode
from shared.protocol.messages import ChannelSourceChanged, JoinSession
from tests.unit.client.support import JOINED, T0

SESSION = "golden-eagle-427"


def caption(text: str, begin: int = 0, end: int = 1_000, **more: Any) -> Caption:
    """A final Spanish caption of an interval, in ms from T0."""
    fields: dict[str, Any] = {"language": "es", "epoch": 1, "final": True, **more}
    return Caption(
        session_id=SESSION, text=text, timestamp=T0 + begin, end_timestamp=T0 + end, **fields
    )


def partial(text: str, begin: int = 0, end: int = 500, **more: Any) -> Caption:
    return caption(text, begin, end, final=False, **more)


def texts(track: CaptionTrack) -> list[str]:
    return [final.text for final in track.finals]


class TestTrack:
    """The captions as a reader sees them."""

    def test_a_partial_caption_is_replaced_until_the_final_one(self) -> None:
        track = CaptionTrack()

        seen = []
        for item in (
            partial("Buenos", end=400),
            partial("Buenos días", end=800),
            caption("Buenos días."),
        ):
            seen.append((track.push(item), track.partial))

        assert seen == [
            (CaptionOutcome.PARTIAL, partial("Buenos", end=400)),
            (CaptionOutcome.PARTIAL, partial("Buenos días", end=800)),
            (CaptionOutcome.FINAL, None),
        ]
        assert texts(track) == ["Buenos días."]

    def test_a_revised_partial_caption_of_the_same_length_is_shown(self) -> None:
        track = CaptionTrack()
        track.push(partial("Bueno"))

        assert track.push(partial("Buenos")) is CaptionOutcome.PARTIAL
        assert track.push(partial("Buenos")) is CaptionOutcome.STALE

    def test_a_repeated_caption_is_shown_once(self) -> None:
        track = CaptionTrack()

        assert track.push(caption("Hola.")) is CaptionOutcome.FINAL
        assert track.push(caption("Hola.")) is CaptionOutcome.STALE
        assert texts(track) == ["Hola."]

    def test_an_outdated_partial_caption_is_not_shown(self) -> None:
        track = CaptionTrack()
        track.push(partial("uno dos", end=800))

        assert track.push(partial("uno", end=400)) is CaptionOutcome.STALE
        track.push(caption("Uno dos.", 0, 1_000))
        assert (
            track.push(partial("uno dos tres", 0, 1_100)) is CaptionOutcome.STALE
        )  # its final one is there
        assert track.push(partial("algo", 100, 900)) is CaptionOutcome.STALE
        assert track.partial is None
        # Silence around words belongs to both neighbours for some recognisers.
        assert track.push(partial("cuatro", 900, 1_300)) is CaptionOutcome.PARTIAL

    def test_a_final_caption_keeps_the_partial_of_a_later_utterance(self) -> None:
        track = CaptionTrack()
        later = partial("dos", 1_000, 1_500)
        track.push(later)

        assert track.push(caption("Uno.", 0, 1_000)) is CaptionOutcome.FINAL
        assert track.partial == later

    def test_final_captions_are_ordered_by_the_floors_time(self) -> None:
        track = CaptionTrack()

        for begin in (2_000, 0, 1_000):
            assert track.push(caption(f"{begin}", begin, begin + 900)) is CaptionOutcome.FINAL

        assert texts(track) == ["0", "1000", "2000"]

    def test_a_caption_of_an_older_epoch_is_stale(self) -> None:
        track = CaptionTrack()
        track.push(caption("of the first"))
        track.push(partial("of the first", 1_000, 1_500))

        assert track.push(caption("of the second", epoch=2)) is CaptionOutcome.FINAL
        assert track.partial is None
        assert track.push(caption("late", 1_000, 2_000)) is CaptionOutcome.STALE
        assert texts(track) == ["of the first", "of the second"]

    def test_floor_and_language_are_independent(self) -> None:
        track = CaptionTrack()
        track.push(caption("Hola.", 1_000, 2_000, epoch=7))
        track.push(partial("mundo", 2_000, 2_500, epoch=7))

        assert track.push(caption("Hello.", language="en", epoch=2)) is CaptionOutcome.FINAL
        assert track.partial is None
        assert (
            track.push(partial("world", 900, 950, language="en", epoch=2)) is CaptionOutcome.STALE
        )
        assert track.push(caption("Otra vez.", 3_000, 4_000, epoch=8)) is CaptionOutcome.FINAL
        assert track.push(caption("Tarde.", 3_000, 4_000, epoch=7)) is CaptionOutcome.STALE
        assert texts(track) == ["Hola.", "Hello.", "Otra vez."]

    def test_the_track_is_bounded_and_forgotten_captions_do_not_return(self) -> None:
        track = CaptionTrack(max_finals=3)
        for number in range(5):
            track.push(caption(str(number), number * 1_000, number * 1_000 + 900))

        assert texts(track) == ["2", "3", "4"]
        assert track.push(caption("0", 0, 900)) is CaptionOutcome.STALE
        assert texts(track) == ["2", "3", "4"]

    def test_captions_continue_with_another_speaker_clock(self) -> None:
        track = CaptionTrack(max_finals=3)
        hour = 3_600_000
        for number in range(4):
            track.push(caption(str(number), hour + number * 1_000, hour + number * 1_000 + 900))
        track.push(partial("4", hour + 4_000, hour + 4_500))

        assert track.push(partial("then")) is CaptionOutcome.PARTIAL
        assert track.push(caption("Then.")) is CaptionOutcome.FINAL
        assert texts(track) == ["2", "3", "Then."]

    def test_former_languages_are_forgotten(self) -> None:
        track = CaptionTrack(max_finals=3)
        track.push(caption("first", epoch=5))
        for number in range(40):
            track.push(caption("other", language=f"x-{number:02}"))

        assert track.push(caption("again", epoch=4)) is CaptionOutcome.FINAL


@st.composite
def speech(draw: st.DrawFn) -> list[Caption]:
    """Sentences one after another, each with partial captions and its final one."""
    said = []
    begin = 0
    for number in range(draw(st.integers(1, 8))):
        begin += draw(st.integers(0, 500))
        end = begin
        for step in range(draw(st.integers(0, 4))):
            end += draw(st.integers(1, 400))
            said.append(partial(f"{number}.{step}", begin, end))
        end += draw(st.integers(1, 400))
        said.append(caption(f"{number}", begin, end))
        begin = end
    return said


@given(speech(), st.randoms(use_true_random=False))
def test_whatever_the_order_every_sentence_stays_once_and_in_its_place(
    said: list[Caption], chance: random.Random
) -> None:
    arriving = [*said, *chance.sample(said, len(said) // 2)]
    chance.shuffle(arriving)
    track = CaptionTrack()

    shown = [track.push(item) for item in arriving]

    finals = [item for item in said if item.final]
    assert list(track.finals) == finals
    assert shown.count(CaptionOutcome.FINAL) == len(finals)
    assert track.partial is None


@given(speech())
def test_in_order_all_is_shown_and_the_last_is_on_top(said: list[Caption]) -> None:
    track = CaptionTrack()
    for item in said:
        assert track.push(item) is (CaptionOutcome.FINAL if item.final else CaptionOutcome.PARTIAL)
        assert (track.finals[-1] if item.final else track.partial) == item


@given(speech(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_memory_is_bounded_and_in_order_whatever_comes(
    said: list[Caption], max_finals: int, chance: random.Random
) -> None:
    track = CaptionTrack(max_finals)
    arriving = [*said, *said]
    chance.shuffle(arriving)
    for item in arriving:
        track.push(item)
        times = [final.timestamp for final in track.finals]
        assert times == sorted(times)
        assert len(times) <= max_finals


class TestCore:
    """Captions follow the rules of the audio that they belong to."""

    def seated(self, language: str = "es", source: str = "machine", **fields: Any) -> SessionCore:
        core = SessionCore()
        request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language=language))
        reply = {**JOINED, "targetLanguage": language, "channelSource": source, **fields}
        core.receive(msgspec.json.encode({**reply, "requestId": request_id}), T0)
        return core

    def read(self, core: SessionCore, *arriving: Caption) -> list[str]:
        events = [event for item in arriving for event in core.receive(encode(item), T0)]
        assert all(isinstance(event, CaptionReceived) for event in events)
        return [event.caption.text for event in events if isinstance(event, CaptionReceived)]

    def test_a_listener_reads_the_language_that_it_hears(self) -> None:
        spanish, floor = caption("Hola."), caption("Hello.", language="en")

        assert self.read(self.seated(), spanish, floor) == ["Hola."]
        assert self.read(self.seated(source="floor"), spanish, floor) == ["Hello."]
        interpreter = self.seated(source="floor", role="interpreter")
        assert self.read(interpreter, spanish, floor) == ["Hello."]

    def test_a_listener_who_falls_back_to_the_floor_reads_the_floor(self) -> None:
        core = self.seated()
        change = ChannelSourceChanged(
            session_id=SESSION, language="es", from_source="machine", to_source="floor", epoch=3
        )
        core.receive(encode(change), T0)

        spanish, floor = caption("Hola."), caption("Hello.", language="en")
        assert self.read(core, spanish, floor) == ["Hello."]

    def test_captions_of_another_session_are_ignored(self) -> None:
        elsewhere = msgspec.structs.replace(caption("Hola."), session_id="calm-otter-404")
        core = self.seated()

        assert self.read(core, elsewhere) == []
        assert self.read(SessionCore(), caption("Hola.")) == []
        assert core.ignored == 1

    def test_captions_of_a_replaced_interpreter_are_ignored(self) -> None:
        core = self.seated(source="human")
        change = ChannelSourceChanged(
            session_id=SESSION, language="es", from_source="human", to_source="machine", epoch=4
        )
        core.receive(encode(change), T0)

        assert self.read(core, caption("old", epoch=3), caption("new", epoch=4)) == ["new"]

    def test_a_caption_before_the_reply_is_held_until_the_reply(self) -> None:
        core = SessionCore()
        request_id, _ = core.ask(JoinSession(session_id=SESSION, target_language="es"))
        assert core.receive(encode(caption("Hola.")), T0) == []

        reply = {**JOINED, "channelSource": "machine", "requestId": request_id}
        _, event = core.receive(msgspec.json.encode(reply), T0)

        assert event == CaptionReceived(caption("Hola."))

    def test_a_speaker_reads_nothing(self) -> None:
        state = self.seated().state
        assert isinstance(state, SessionState)

        assert not replace(state, role="speaker").accepts(caption("Hola."))
