"""Interpreters in their booths, seen from outside: what they are told, what listeners are."""

from __future__ import annotations

from typing import Any

from tests.helpers.clients import Message
from tests.helpers.world import World

# How long a lease lasts without a sign of life, as the protocol has it (ms).
LEASE_MS = 2_500


class Theatre:
    """A session with a speaker, and a listener of Spanish."""

    def __init__(self, world: World, **session: Any) -> None:
        self.world = world
        self.speaker, self.session_id = world.create_session(**session)
        self.listener = world.listener(self.session_id, "es")
        self._seqs = 0

    def interpreter(self, user: str = "ines", **more: Any) -> str:
        """One who interprets Spanish, or waits for it."""
        return self.world.interpreter(self.session_id, "es", user, **more)

    def join(self, connection: str, **more: Any) -> Message:
        """The answer to an interpreter who joins."""
        return self.world.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage="es",
            role="interpreter",
            **more,
        )

    def pass_time(self, milliseconds: int, *alive: str) -> None:
        """Time passes, a second at a time, in which those send heartbeats."""
        while milliseconds > 0:
            step = min(milliseconds, 1_000)
            self.world.clock.advance(step)
            milliseconds -= step
            for connection in alive:
                self.beat(connection)

    def beat(self, connection: str) -> Message:
        """A heartbeat's answer."""
        reply = self.world.ask(connection, "heartbeat")
        assert reply["type"] == "heartbeatAck", reply
        return reply

    def floor_speaks(self) -> None:
        """A chunk of the floor."""
        self.speaks(self.speaker)

    def speaks(self, connection: str) -> bool:
        """A chunk of anybody; whether it was accepted."""
        errors = len(self.world.pushes(connection, "error"))
        self._seqs += 1
        self.world.send_audio(connection, self._seqs)
        return len(self.world.pushes(connection, "error")) == errors

    def voice(self) -> str | None:
        """The connection that interprets, as it is stored."""
        return self.world.session(self.session_id).channels["es"].connection_id

    def epoch(self) -> int:
        """The channel's epoch, as it is stored."""
        return self.world.session(self.session_id).channels["es"].epoch

    def waiting(self) -> set[str]:
        """Who is stored as waiting."""
        return set(self.world.session(self.session_id).channels["es"].standbys)

    def changes(self) -> list[tuple[str, str, int]]:
        """What the listener was told of whom they hear."""
        told = self.world.pushes(self.listener, "channelSourceChanged")
        return [(push["from"], push["to"], push["epoch"]) for push in told]

    def heard(self) -> list[tuple[str, int]]:
        """Language and epoch of each chunk that the listener got."""
        return [
            (push["language"], push["epoch"]) for push in self.world.pushes(self.listener, "audio")
        ]

    def leases(self, connection: str) -> list[tuple[str, bool, int | None]]:
        """What an interpreter was told of its lease, unasked: why, whether it holds, its epoch."""
        return [
            (push["reason"], push["lease"]["holds"], push["lease"].get("epoch"))
            for push in self.world.pushes(connection, "interpreterLease")
        ]
