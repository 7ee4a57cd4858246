"""Property test of grace periods: only the timer of the present absence ends a session."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.helpers.world import World, new_world


class Floor(RuleBasedStateMachine):
    """A session, its owner's connections and a model of the floor."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = ExitStack()
        self.world: World = self._opened.enter_context(new_world())
        speaker, self.session_id = self.world.create_session()
        self.listener = self.world.listener(self.session_id)
        self.connections = [speaker]
        #: Model: epoch, whether the speaker is away, and the end reason if the session has ended.
        self.epoch = 1
        self.away = False
        self.over: str | None = None

    def teardown(self) -> None:
        self._opened.close()

    @property
    def speaker(self) -> str:
        return self.connections[-1]

    @rule(former=st.sampled_from([0, 0, 0, 1, 2]))
    def disconnect(self, former: int) -> None:
        """$disconnect of the present or a former speaker, perhaps repeated."""
        connection = self.connections[max(-1 - former, -len(self.connections))]
        self.world.disconnect(connection)
        if connection == self.speaker and self.over is None:
            self.away = True

    @rule()
    def comes_back(self) -> None:
        connection = self.world.connect("alice", "speakers")
        reply = self.world.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage="en",
            role="speaker",
        )
        if self.over is not None:
            assert reply["code"] == "SESSION_ENDED"
            return
        self.connections.append(connection)
        self.epoch, self.away = self.epoch + 1, False
        assert reply["epoch"] == self.epoch

    @precondition(lambda self: self.world.timers.set_)
    @rule(former=st.sampled_from([0, 1, 1, 2]))
    def a_timer_rings(self, former: int) -> None:
        """Any timer ever set, late, early or repeated."""
        timers = self.world.timers.set_
        timer, _ = timers[max(-1 - former, -len(timers))]
        assert self.world.fire_timer(timer) == {"batchItemFailures": []}
        if self.away and timer.speaker_epoch == self.epoch and self.over is None:
            self.over = "speakerLeft"

    @rule(wish=st.integers(0, 4))
    def speaker_ends(self, wish: int) -> None:
        if wish:
            return
        reply = self.world.ask(self.speaker, "endSession")
        if self.over is None and not self.away:
            assert reply["type"] == "sessionEnded"
            self.over = "ended"
        else:
            assert reply["type"] == "error"

    @rule()
    def speaks(self) -> None:
        before = len(self.world.pushes(self.listener, "audio"))
        self.world.clock.advance(200)
        self.world.send_audio(self.speaker, before)
        heard = self.world.pushes(self.listener, "audio")[before:]
        allowed = self.over is None and not self.away
        assert [chunk["epoch"] for chunk in heard] == ([self.epoch] if allowed else [])

    @invariant()
    def the_session_is_as_the_model(self) -> None:
        session = self.world.session(self.session_id)
        assert session.end_reason == self.over
        assert session.is_active == (self.over is None)
        assert session.speaker_epoch == self.epoch
        assert session.speaker_connected == (self.over is None and not self.away)

    @invariant()
    def an_absence_has_its_timer(self) -> None:
        if self.away and self.over is None:
            epochs = {timer.speaker_epoch for timer, _ in self.world.timers.set_}
            assert self.epoch in epochs


TestFloor = Floor.TestCase
TestFloor.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
