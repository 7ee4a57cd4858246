"""A session with interpreters, driven through the functions and observed from outside."""

from __future__ import annotations

from typing import Any

from shared.models.session import Channel
from tests.helpers.clients import Message
from tests.helpers.database.tables import interpreter_leases
from tests.helpers.world import World

# Duration of an interpreter's lease, as in the protocol (ms).
LEASE_MS = 2_500


class InterpretedSession:
    """A session with a speaker and a listener to Spanish."""

    def __init__(self, world: World, **session: Any) -> None:
        self.world = world
        self.speaker, self.session_id = world.create_session(**session)
        self.listener = world.listener(self.session_id, "es")
        self._chunks = 0

    def interpreter(self, user: str = "ines", **more: Any) -> str:
        """Connect and join as interpreter or stand-by for Spanish; return the connection."""
        return self.world.interpreter(self.session_id, "es", user, **more)

    def join(self, connection: str, **more: Any) -> Message:
        """Request to join as interpreter; return the reply."""
        return self.world.ask(
            connection,
            "joinSession",
            sessionId=self.session_id,
            targetLanguage="es",
            role="interpreter",
            **more,
        )

    def pass_time(self, milliseconds: int, *alive: str) -> None:
        """Advance the clock, with a heartbeat of each `alive` connection every second."""
        while milliseconds > 0:
            step = min(milliseconds, 1_000)
            self.world.clock.advance(step)
            milliseconds -= step
            for connection in alive:
                self.heartbeat(connection)

    def heartbeat(self, connection: str) -> Message:
        """Send a heartbeat; return its acknowledgement."""
        reply = self.world.ask(connection, "heartbeat")
        assert reply["type"] == "heartbeatAck", reply
        return reply

    def send_floor_chunk(self) -> None:
        """Send a chunk of the floor."""
        self.send_chunk(self.speaker)

    def send_chunk(self, connection: str) -> bool:
        """Send a chunk; return whether it was accepted."""
        errors = len(self.world.pushes(connection, "error"))
        self._chunks += 1
        self.world.send_audio(connection, self._chunks)
        return len(self.world.pushes(connection, "error")) == errors

    def channel(self) -> Channel | None:
        """The channel as stored, with its leases as renewed."""
        leases, session = interpreter_leases(), self.world.session(self.session_id)
        channel = session.channels.get("es")
        members = {*channel.standbys, channel.connection_id} - {None} if channel else ()
        present = leases.session(self.session_id, [who for who in members if who is not None])
        assert present is not None
        return present.channels.get("es")

    def holder(self) -> str | None:
        """The connection that holds the channel, as stored."""
        return self.world.session(self.session_id).channels["es"].connection_id

    def epoch(self) -> int:
        """The channel's epoch, as stored."""
        return self.world.session(self.session_id).channels["es"].epoch

    def standbys(self) -> set[str]:
        """The connections of the stand-bys, as stored."""
        return set(self.world.session(self.session_id).channels["es"].standbys)

    def source_changes(self) -> list[tuple[str, str, int]]:
        """The channelSourceChanged pushes to the listener: from, to and epoch."""
        pushes = self.world.pushes(self.listener, "channelSourceChanged")
        return [(push["from"], push["to"], push["epoch"]) for push in pushes]

    def received_chunks(self) -> list[tuple[str, int]]:
        """Language and epoch of each chunk pushed to the listener."""
        return [
            (push["language"], push["epoch"]) for push in self.world.pushes(self.listener, "audio")
        ]

    def lease_pushes(self, connection: str) -> list[tuple[str, bool, int | None]]:
        """The interpreterLease pushes to a connection: reason, whether it holds, and epoch."""
        return [
            (push["reason"], push["lease"]["holds"], push["lease"].get("epoch"))
            for push in self.world.pushes(connection, "interpreterLease")
        ]
