"""One device's replica of its user's watchlist and progress. No I/O.

Local operations become requests. Messages of the service are merged, in any order and any number
of times. `client.flows.device_sync` does the I/O.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.models.hlc import Hlc, HybridClock
from shared.protocol.device_messages import Operation, Sync, SyncAccepted, SyncMessage, SyncSnapshot

# Command ids to remember, to recognise repeats; the service forgets an id after a day.
_MAX_COMMANDS = 1_024

_Key = tuple[str, str]  # kind, and content or command id


@dataclass(frozen=True, slots=True)
class Progress:
    """Playback progress of a content."""

    position_seconds: float
    duration_seconds: float


class SavedReplica(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A replica's file format. Unsent commands are not saved."""

    device_id: str
    since: int = 0
    latest: Hlc | None = None
    items: list[SyncMessage] = []
    pending: list[Sync] = []
    commands: list[str] = []


class DeviceReplica:
    """One device's copy of its user's state.

    For each content, the message with the greater clock wins, as in the service, so all replicas
    converge. Local changes that the service has not accepted yet are `pending`; they apply at
    once, and are rolled back if the service refuses them.
    """

    def __init__(
        self,
        device_id: str,
        now_ms: Callable[[], float],
        *,
        saved: SavedReplica | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """`now_ms` is the time in ms since the epoch, preferably the service's; `new_id` makes
        UUIDs.
        """
        self.device_id = device_id
        self._now_ms = now_ms
        self._new_id = new_id
        saved = saved or SavedReplica(device_id=device_id)
        self.since = saved.since
        self._clock = HybridClock(device_id, saved.latest)
        self._accepted: dict[_Key, SyncMessage] = {_key(item): item for item in saved.items}
        self._pending: dict[_Key, Sync] = {_key(change): change for change in saved.pending}
        self._commands = OrderedDict.fromkeys(saved.commands)

    @property
    def watchlist(self) -> frozenset[str]:
        """Contents on the watchlist."""
        return frozenset(
            content_id
            for (kind, content_id), message in self._effective().items()
            if kind == "watchlistUpdate" and message.operation == "add"
        )

    @property
    def progress(self) -> Mapping[str, Progress]:
        """Playback progress by content."""
        return {
            content_id: Progress(message.position_seconds, message.duration_seconds)
            for (_, content_id), message in self._effective().items()
            if message.position_seconds is not None and message.duration_seconds is not None
        }

    @property
    def pending(self) -> list[Sync]:
        """Changes not accepted yet, oldest first."""
        return sorted(self._pending.values(), key=lambda change: change.hlc)

    def add(self, content_id: str) -> Sync:
        """Add a content id (1-128 characters) to the watchlist."""
        return self._update_watchlist(content_id, "add")

    def remove(self, content_id: str) -> Sync:
        """Remove a content from the watchlist."""
        return self._update_watchlist(content_id, "remove")

    def set_progress(
        self, content_id: str, position_seconds: float, duration_seconds: float
    ) -> Sync:
        """Set a content's playback progress: 0 <= position <= duration."""
        return self._enqueue(
            Sync(
                kind="progressUpdate",
                hlc=self._tick(),
                content_id=content_id,
                position_seconds=position_seconds,
                duration_seconds=duration_seconds,
            )
        )

    def command(
        self, target_device_id: str, command: str, arguments: dict[str, Any] | None = None
    ) -> Sync:
        """Send a command to another device, such as play, pause, seek or handoff."""
        return self._enqueue(
            Sync(
                kind="deviceCommand",
                hlc=self._tick(),
                command_id=self._new_id(),
                target_device_id=target_device_id,
                command=command,
                arguments=arguments,
            )
        )

    def apply(self, message: SyncMessage) -> bool:
        """Merge another device's message and return whether it is news.

        News is a state that now applies, or a command that this device has not received before.
        """
        self._clock.merge(message.hlc, round(self._now_ms()))
        if message.kind == "deviceCommand":
            return self._is_new_command(message)
        key = _key(message)
        before = self._pending.get(key) or self._accepted.get(key)
        self._accept(message)
        return before is None or message.hlc > before.hlc

    def apply_snapshot(self, page: SyncSnapshot) -> list[SyncMessage]:
        """Merge a page of the service's state and return its news.

        After the last page, `since` is the time to pass to the next snapshot request.
        """
        news = [item for item in page.items if self.apply(item)]
        if page.cursor is None:
            self.since = page.timestamp
        return news

    def confirm(self, change: Sync, reply: SyncAccepted) -> None:
        """Apply the service's reply to a pending change: the change, or the newer state in it."""
        self.discard(change)
        if reply.current is not None:
            self.apply(reply.current)
        elif change.kind != "deviceCommand":
            self._accept(_to_message(change, self.device_id))

    def discard(self, change: Sync) -> None:
        """Roll back a pending change."""
        key = _key(change)
        pending = self._pending.get(key)
        if pending is not None and pending.hlc == change.hlc:
            del self._pending[key]

    def restamp(self) -> None:
        """Give all pending changes new timestamps.

        For use after the service refused a clock that was ahead: no other device has seen the old
        timestamps.
        """
        seen = max((item.hlc for item in self._accepted.values()), default=None)
        self._clock = HybridClock(self.device_id, seen)
        for change in self.pending:
            self._pending[_key(change)] = msgspec.structs.replace(change, hlc=self._tick())

    def saved(self) -> SavedReplica:
        """Return the replica in its file format."""
        return SavedReplica(
            device_id=self.device_id,
            since=self.since,
            latest=self._clock.latest,
            items=list(self._accepted.values()),
            pending=[change for change in self.pending if change.kind != "deviceCommand"],
            commands=list(self._commands),
        )

    def _tick(self) -> Hlc:
        return self._clock.tick(round(self._now_ms()))

    def _update_watchlist(self, content_id: str, operation: Operation) -> Sync:
        return self._enqueue(
            Sync(
                kind="watchlistUpdate",
                hlc=self._tick(),
                content_id=content_id,
                operation=operation,
            )
        )

    def _enqueue(self, change: Sync) -> Sync:
        # The last change of a content wins, so an earlier pending one need not be sent.
        self._pending[_key(change)] = change
        return change

    def _effective(self) -> dict[_Key, SyncMessage | Sync]:
        """Return the winning message of each content."""
        return {**self._accepted, **self._pending}

    def _accept(self, message: SyncMessage) -> None:
        key = _key(message)
        before, pending = self._accepted.get(key), self._pending.get(key)
        if before is None or message.hlc >= before.hlc:
            self._accepted[key] = message
        # An equal clock means the same change: keep it pending, others may not have received it.
        if pending is not None and pending.hlc < message.hlc:
            del self._pending[key]

    def _is_new_command(self, message: SyncMessage) -> bool:
        command_id = message.command_id
        if command_id is None or command_id in self._commands:
            return False
        if message.target_device_id != self.device_id:
            return False
        self._commands[command_id] = None
        if len(self._commands) > _MAX_COMMANDS:
            self._commands.popitem(last=False)
        return True


def _key(message: SyncMessage | Sync) -> _Key:
    return message.kind, message.content_id or message.command_id or ""


def _to_message(change: Sync, device_id: str) -> SyncMessage:
    """Convert this device's change to the message that other devices receive."""
    return SyncMessage(
        kind=change.kind,
        hlc=change.hlc,
        timestamp=change.hlc.wall_ms,
        origin_device_id=device_id,
        content_id=change.content_id,
        operation=change.operation,
        position_seconds=change.position_seconds,
        duration_seconds=change.duration_seconds,
    )
