"""Interpreters and stand-bys of each language, stored in the session's row.

Each change is one conditional write of single fields, because joins and leaves of the same channel
run concurrently. `shared.models.succession_rules` computes the changes. The row has the leases as
they were granted; `shared.data_access.interpreter_leases` has their renewals.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shared.data_access.listener_counts import ACTIVE
from shared.data_access.pending_notifications import channel_subject, notification_attribute
from shared.data_access.session_items import CHANNELS_EPOCH, channel_item, standby_item
from shared.data_access.table import Table
from shared.data_access.unused_channels import remove_unused_channels
from shared.models.session import MAX_LANGUAGES, Channel, Session, SessionLifecycle, Standby
from shared.models.succession_rules import MAX_STANDBYS

_GRANTED = ("leaseUntil", "heardAt")
_FIELDS = ("epoch", "source", "connectionId", "former", *_GRANTED)


class ChannelConditions(msgspec.Struct, frozen=True):
    """Further conditions of a change, compared with the channel as it was read.

    `standbys_unchanged`: no stand-by has come or gone. `standby_room`: there is room for one more.
    """

    standbys_unchanged: bool = False
    standby_room: bool = False


_NO_FURTHER_CONDITIONS = ChannelConditions()


class InterpreterChannels:
    """Writes the channels of a session. All methods raise StoreUnavailableError."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def change(
        self,
        session_id: str,
        language: str,
        before: Channel | None,
        after: Channel,
        conditions: ChannelConditions = _NO_FURTHER_CONDITIONS,
        *,
        notify_members: bool = False,
    ) -> bool:
        """Replace `before`, the channel as it was read, with `after`.

        False if the interpreter or its epoch has changed, a condition does not hold, the stand-by
        to be promoted has left, or the session has ended. `notify_members` also writes a pending
        notification.
        """
        update = _Update(language)
        if notify_members:
            update.names["#news"] = notification_attribute(channel_subject(language))
            update.set("#news", after.epoch)
        if before is None:
            update.require(f"attribute_not_exists({update.channel})")
            update.require(f"size(#channels) < {update.value('most', MAX_LANGUAGES)}")
            update.names["#forgotten"] = CHANNELS_EPOCH
            known = update.value("epoch", after.epoch)
            update.require(f"(attribute_not_exists(#forgotten) OR #forgotten < {known})")
            update.set(update.channel, channel_item(after))
        else:
            _require_same_interpreter(update, before)
            _require_conditions(update, before, after, conditions)
            _write_differences(update, before, after)
        return self._write(session_id, update)

    def remove_unused_channels(self, session: Session) -> bool:
        """Make room for a channel of `session`, just read. False if all are in use."""
        return remove_unused_channels(self._table, session)

    def remove_standby(self, session_id: str, language: str, connection_id: str) -> bool:
        """Remove a stand-by. False if this connection is not a stand-by for the language."""
        update = _Update(language)
        path = update.standby(connection_id)
        update.require(f"attribute_exists({path})")
        update.removes.append(path)
        return self._write(session_id, update)

    def move_standby(
        self, session_id: str, language: str, old: str, new: str, standby: Standby
    ) -> bool:
        """Replace stand-by `old` with `new`. False if `old` is no longer a stand-by."""
        update = _Update(language)
        old_path = update.standby(old)
        update.require(f"attribute_exists({old_path})")
        update.removes.append(old_path)
        update.set(update.standby(new), standby_item(standby))
        return self._write(session_id, update)

    def _write(self, session_id: str, update: _Update) -> bool:
        before = self._table.update_if(
            session_id,
            update.expression(),
            condition=" AND ".join(update.conditions),
            names=update.names,
            values=update.values,
        )
        return before is not None


class _Update(msgspec.Struct):
    """Builds an update of one channel, with only the names it uses."""

    language: str
    names: dict[str, str] = msgspec.field(default_factory=dict)
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    conditions: list[str] = msgspec.field(default_factory=list)
    sets: list[str] = msgspec.field(default_factory=list)
    removes: list[str] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        self.names |= {"#status": "status", "#channels": "channels", "#language": self.language}
        self.require(ACTIVE)
        self.value("active", SessionLifecycle.ACTIVE.value)

    @property
    def channel(self) -> str:
        """Path of the channel."""
        return "#channels.#language"

    def path(self, name: str) -> str:
        """Path of a field of the channel."""
        self.names[f"#{name}"] = name
        return f"{self.channel}.#{name}"

    def standby(self, connection_id: str) -> str:
        """Path of a stand-by."""
        known = {stored: alias for alias, stored in self.names.items() if alias.startswith("#who")}
        alias = known.get(connection_id, f"#who{len(known)}")
        self.names[alias] = connection_id
        return f"{self.path('standbys')}.{alias}"

    def value(self, name: str, value: Any) -> str:
        """Add a value and return its placeholder. Names are unique within an update."""
        self.values[f":{name}"] = value
        return f":{name}"

    def require(self, condition: str) -> None:
        """Add a condition."""
        self.conditions.append(condition)

    def set(self, path: str, value: Any) -> None:
        """Set the value at a path."""
        self.sets.append(f"{path} = {self.value(f'set{len(self.sets)}', value)}")

    def expression(self) -> str:
        """Build the update expression."""
        clauses = []
        if self.sets:
            clauses.append(f"SET {', '.join(self.sets)}")
        if self.removes:
            clauses.append(f"REMOVE {', '.join(self.removes)}")
        return " ".join(clauses)


def _require_same_interpreter(update: _Update, before: Channel) -> None:
    """Require the interpreter and epoch that the channel was read with."""
    holder = update.path("connectionId")
    if before.connection_id is None:
        update.require(f"attribute_not_exists({holder})")
    else:
        update.require(f"{holder} = {update.value('holder', before.connection_id)}")
    update.require(f"{update.path('epoch')} = {update.value('epoch', before.epoch)}")


def _require_conditions(
    update: _Update, before: Channel, after: Channel, conditions: ChannelConditions
) -> None:
    needs_standbys = conditions.standbys_unchanged or conditions.standby_room
    standbys = update.path("standbys") if needs_standbys else ""
    if conditions.standbys_unchanged:
        update.require(f"size({standbys}) = {update.value('waiting', len(before.standbys))}")
        for who in before.standbys:
            if who in after.standbys:
                update.require(f"attribute_exists({update.standby(who)})")
    if conditions.standby_room:
        leave = len(before.standbys.keys() - after.standbys.keys())
        update.require(f"size({standbys}) < {update.value('room', MAX_STANDBYS + leave)}")


def _write_differences(update: _Update, before: Channel, after: Channel) -> None:
    was, becomes = channel_item(before), channel_item(after)
    # A renewal is not in the row, so an equal lease of the former interpreter may not be either.
    is_granted = before.epoch != after.epoch
    for name in _FIELDS:
        if was.get(name) == becomes.get(name) and not (is_granted and name in _GRANTED):
            continue
        if name in becomes:
            update.set(update.path(name), becomes[name])
        else:
            update.removes.append(update.path(name))
    for who in before.standbys:
        if who in after.standbys:
            continue
        update.removes.append(update.standby(who))
        if who == after.connection_id:
            update.require(f"attribute_exists({update.standby(who)})")
    for who, place in after.standbys.items():
        if who not in before.standbys:
            update.set(update.standby(who), standby_item(place))
