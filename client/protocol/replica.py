"""What one device knows of what its user watches, kept in step with the user's other devices.

No input or output: local operations become requests, and whatever the service says is merged, in
any order and however often it comes. `client.flows.device_sync` moves the bytes.
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

# A command that comes twice does so soon: the service forgets its id after a day.
_REMEMBERED_COMMANDS = 1_024

_Place = tuple[str, str]  # the kind, and the content's or the command's id


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a content has been watched."""

    position_seconds: float
    duration_seconds: float


class SavedReplica(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A replica as it is kept in a file; commands that were not sent are not sent later."""

    device_id: str
    since: int = 0
    latest: Hlc | None = None
    items: list[SyncMessage] = []
    pending: list[Sync] = []
    commands: list[str] = []


class DeviceReplica:
    """One device's copy of its user's state. Of each content the message with the greater clock
    counts, here as in the service, so all copies come to the same.

    What was said here and has not been accepted yet is `pending`, and counts already; if it is
    refused, what the service knows counts again.
    """

    def __init__(
        self,
        device_id: str,
        now_ms: Callable[[], float],
        *,
        saved: SavedReplica | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """`now_ms` is the time (ms since the epoch), best by the service's clock; `new_id` makes
        UUIDs.
        """
        self.device_id = device_id
        self._now_ms = now_ms
        self._new_id = new_id
        saved = saved or SavedReplica(device_id=device_id)
        self.since = saved.since
        self._clock = HybridClock(device_id, saved.latest)
        self._accepted: dict[_Place, SyncMessage] = {_place(item): item for item in saved.items}
        self._pending: dict[_Place, Sync] = {_place(change): change for change in saved.pending}
        self._commands = OrderedDict.fromkeys(saved.commands)

    @property
    def watchlist(self) -> frozenset[str]:
        """The contents on the watchlist."""
        return frozenset(
            content_id
            for (kind, content_id), message in self._counting().items()
            if kind == "watchlistUpdate" and message.operation == "add"
        )

    @property
    def progress(self) -> Mapping[str, Progress]:
        """How far each content has been watched."""
        return {
            content_id: Progress(message.position_seconds, message.duration_seconds)
            for (_, content_id), message in self._counting().items()
            if message.position_seconds is not None and message.duration_seconds is not None
        }

    @property
    def pending(self) -> list[Sync]:
        """What has not been accepted yet, in the order in which it was said."""
        return sorted(self._pending.values(), key=lambda change: change.hlc)

    def add(self, content_id: str) -> Sync:
        """Put a content (1-128 characters) on the watchlist."""
        return self._watch(content_id, "add")

    def remove(self, content_id: str) -> Sync:
        """Take a content from the watchlist."""
        return self._watch(content_id, "remove")

    def watched(self, content_id: str, position_seconds: float, duration_seconds: float) -> Sync:
        """Say how far a content has been watched: 0 <= position <= duration."""
        return self._say(
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
        """Tell another device to do something, such as play, pause, seek or handoff. Once."""
        return self._say(
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
        """Merge what another device said. Whether it is news: a state that counts now, or a
        command that this device has not had yet.
        """
        self._clock.merge(message.hlc, round(self._now_ms()))
        if message.kind == "deviceCommand":
            return self._take_command(message)
        place = _place(message)
        before = self._pending.get(place) or self._accepted.get(place)
        self._accept(message)
        return before is None or message.hlc > before.hlc

    def apply_snapshot(self, page: SyncSnapshot) -> list[SyncMessage]:
        """Merge a page of the service's state; what of it is news. Once the last page is merged,
        `since` is what to ask the next time.
        """
        news = [item for item in page.items if self.apply(item)]
        if page.cursor is None:
            self.since = page.timestamp
        return news

    def accepted(self, change: Sync, reply: SyncAccepted) -> None:
        """The service has answered a pending change: it counts, or what it says does."""
        self.refused(change)
        if reply.current is not None:
            self.apply(reply.current)
        elif change.kind != "deviceCommand":
            self._accept(_as_told(change, self.device_id))

    def refused(self, change: Sync) -> None:
        """A pending change is pending no more, and never was."""
        place = _place(change)
        waiting = self._pending.get(place)
        if waiting is not None and waiting.hlc == change.hlc:
            del self._pending[place]

    def restamp(self) -> None:
        """Say all that is pending anew, at the time that it is now: the service has refused a clock
        that was ahead, so nobody has seen those stamps.
        """
        seen = max((item.hlc for item in self._accepted.values()), default=None)
        self._clock = HybridClock(self.device_id, seen)
        for change in self.pending:
            self._pending[_place(change)] = msgspec.structs.replace(change, hlc=self._tick())

    def saved(self) -> SavedReplica:
        """All of it, for the next start."""
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

    def _watch(self, content_id: str, operation: Operation) -> Sync:
        return self._say(
            Sync(
                kind="watchlistUpdate",
                hlc=self._tick(),
                content_id=content_id,
                operation=operation,
            )
        )

    def _say(self, change: Sync) -> Sync:
        # Of one content only the last word counts, so what it was to be before need not be sent.
        self._pending[_place(change)] = change
        return change

    def _counting(self) -> dict[_Place, SyncMessage | Sync]:
        """What counts of each content."""
        return {**self._accepted, **self._pending}

    def _accept(self, message: SyncMessage) -> None:
        place = _place(message)
        before, waiting = self._accepted.get(place), self._pending.get(place)
        if before is None or message.hlc >= before.hlc:
            self._accepted[place] = message
        # Of the same clock it is this very change: kept, the others may not have been told yet.
        if waiting is not None and waiting.hlc < message.hlc:
            del self._pending[place]

    def _take_command(self, message: SyncMessage) -> bool:
        command_id = message.command_id
        if command_id is None or command_id in self._commands:
            return False
        if message.target_device_id != self.device_id:
            return False
        self._commands[command_id] = None
        if len(self._commands) > _REMEMBERED_COMMANDS:
            self._commands.popitem(last=False)
        return True


def _place(message: SyncMessage | Sync) -> _Place:
    return message.kind, message.content_id or message.command_id or ""


def _as_told(change: Sync, device_id: str) -> SyncMessage:
    """What this device said, as the others are told of it."""
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
