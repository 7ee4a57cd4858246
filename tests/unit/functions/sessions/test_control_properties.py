"""Property test of the controls: any order, any connection, disagreeing clocks.

The state equals the model's, and every change is newer than all earlier ones.
"""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.helpers.clients import Message
from tests.helpers.world import World, new_world

FLAGS = {
    "pauseBroadcast": ("isPaused", True),
    "resumeBroadcast": ("isPaused", False),
    "muteBroadcast": ("isMuted", True),
    "unmuteBroadcast": ("isMuted", False),
}


class Controls(RuleBasedStateMachine):
    """A session with a listener, its owner's connections and a model of its state."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        speaker, self.session_id = self.world.create_session()
        self.listener = self.world.listener(self.session_id)
        self.speakers = [speaker]
        self.away = self.over = False
        #: Model: the state without its time, and the time of the last change.
        self.model: Message = {"isActive": True, "isPaused": False, "isMuted": False, "volume": 1.0}
        self.latest = self.world.session(self.session_id).broadcast_state.last_state_change
        self.seq = 0

    def teardown(self) -> None:
        self._opened.close()

    @rule(milliseconds=st.integers(-2_000, 5_000))
    def another_instance_answers_next(self, milliseconds: int) -> None:
        self.world.clock.advance(milliseconds)

    @rule(
        action=st.sampled_from([*FLAGS]),
        who=st.sampled_from(["speaker", "speaker", "speaker", "former", "listener"]),
    )
    def a_flag_is_set(self, action: str, who: str) -> None:
        flag, value = FLAGS[action]
        self._control(who, action, {flag: value})

    @rule(
        volume=st.sampled_from([0, 0.5, 1, -0.1, 1.01, True, "1"]),
        who=st.sampled_from(["speaker", "speaker", "former", "listener"]),
    )
    def the_volume_is_set(self, volume: object, who: str) -> None:
        valid = volume in (0, 0.5, 1) and volume is not True
        self._control(who, "setVolume", {"volume": volume}, valid=valid, volume=volume)

    @rule()
    def the_owner_comes_back(self) -> None:
        connection = self.world.connect("alice", "speakers")
        reply = self.world.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage="en",
            role="speaker",
        )
        if not self.over:
            self.speakers.append(connection)
            self.away = False
            assert reply["broadcastState"] == {**self.model, "lastStateChange": self.latest}

    @rule()
    def the_speaker_drops(self) -> None:
        self.world.disconnect(self.speakers[-1])
        self.away = True

    @rule(wish=st.integers(0, 7))
    def the_speaker_ends(self, wish: int) -> None:
        if wish:
            return
        reply = self.world.ask(self.speakers[-1], "endSession")
        if reply["type"] == "sessionEnded":
            assert (self.away, self.over) == (False, False)
            self.over = True
            self.model["isActive"] = False
            after = self.world.session(self.session_id).broadcast_state.last_state_change
            assert after > self.latest
            self.latest = after

    @rule()
    def the_speaker_speaks(self) -> None:
        self.seq += 1
        before = len(self.world.pushes(self.listener, "audio"))
        self.world.send_audio(self.speakers[-1], self.seq)
        heard = len(self.world.pushes(self.listener, "audio")) - before
        stopped = self.model["isPaused"] or self.model["isMuted"]
        if stopped or self.away or self.over:
            assert heard == 0

    @invariant()
    def the_stored_state_is_the_models(self) -> None:
        stored = self.world.session(self.session_id).broadcast_state.to_dict()
        assert stored == {**self.model, "lastStateChange": self.latest}

    @invariant()
    def listeners_hear_changes_in_order(self) -> None:
        pushes = self.world.pushes(self.listener, "broadcastStateChanged")
        times = [push["broadcastState"]["lastStateChange"] for push in pushes]
        assert times == sorted(times)

    def _control(
        self, who: str, action: str, change: Message, *, valid: bool = True, **fields: object
    ) -> None:
        connection = {
            "speaker": self.speakers[-1],
            "former": self.speakers[0],
            "listener": self.listener,
        }[who]
        allowed = valid and connection == self.speakers[-1] and not (self.away or self.over)
        pushed = len(self.world.pushes(self.listener, "broadcastStateChanged"))

        reply = self.world.ask(connection, action, **fields)

        news = self.world.pushes(self.listener, "broadcastStateChanged")[pushed:]
        if not allowed:
            assert reply["type"] == "error"
            assert news == []
            return
        state = reply["broadcastState"]
        changed = {**self.model, **change} != self.model
        self.model.update(change)
        assert (state["lastStateChange"] > self.latest) == changed
        self.latest = state["lastStateChange"]
        assert state == {**self.model, "lastStateChange": self.latest}
        assert news == [reply]


TestControls = Controls.TestCase
TestControls.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
