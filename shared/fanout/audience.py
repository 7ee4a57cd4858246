"""Audiences of a fan-out.

`shared.services.broadcast_handler` sends to these audiences:

* LanguageAudience: everyone who hears a language of a session, for audio and captions;
* MembersAudience: all members of a session, for changes of the session;
* ListenersAudience: the listeners of one language, for changes of its channel;
* MemberAudience: one member, for a change of their own place;
* RecipientsAudience: connections that read one language, for announcements;
* DevicesAudience: a user's devices.

An audience yields connection ids; the fan-out needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from shared.data_access.connections_repository import ConnectionsRepository
from shared.fanout.rosters import RosterSource
from shared.models.connection import Seat
from shared.models.session import Session


class Audience(Protocol):
    """Recipients of a message, with a `label` for results and logs."""

    @property
    def session_id(self) -> str:
        """The session that the audience belongs to."""

    @property
    def label(self) -> str:
        """A language, or another name of the group."""

    def connection_ids(self) -> Sequence[str]:
        """The recipients. Raises StoreUnavailableError if they cannot be looked up."""


class LanguageAudience(msgspec.Struct, frozen=True):
    """Everyone who hears a language of a session, except the sender.

    The floor includes listeners whose language has no interpreter.
    """

    session: Session
    label: str
    rosters: RosterSource
    except_for: str | None = None

    @property
    def session_id(self) -> str:
        """The session that the audience belongs to."""
        return self.session.session_id

    def connection_ids(self) -> Sequence[str]:
        """Read the language's seats; for the floor, the roster, by the session's channels."""
        if self.label != self.session.source_language:
            seats = self.rosters.of(self.session_id, Seat("listener", self.label))
            return _without(self.except_for, seats.members())
        recipients = self.rosters.of(self.session_id).floor_recipients(self.session)
        return _without(self.except_for, recipients)


class MembersAudience(msgspec.Struct, frozen=True):
    """All members of a session, except the one who caused the message."""

    session_id: str
    rosters: RosterSource
    except_for: str | None = None
    label: str = "everyone"

    def connection_ids(self) -> Sequence[str]:
        """Return all members but one."""
        return _without(self.except_for, self.rosters.of(self.session_id).members())


class ListenersAudience(msgspec.Struct, frozen=True):
    """The listeners of one language, read from the index instead of the roster."""

    session_id: str
    label: str
    connections: ConnectionsRepository

    def connection_ids(self) -> Sequence[str]:
        """Query the seats of the language."""
        return self.connections.seated(self.session_id, Seat("listener", self.label))


class MemberAudience(msgspec.Struct, frozen=True):
    """A single member of a session."""

    session_id: str
    connection_id: str
    label: str = "one"

    def connection_ids(self) -> Sequence[str]:
        """Return the one connection."""
        return [self.connection_id]


class RecipientsAudience(msgspec.Struct, frozen=True):
    """Connections that read one language, looked up beforehand.

    One lookup serves all languages of an announcement.
    """

    session_id: str
    label: str
    recipients: Sequence[str]

    def connection_ids(self) -> Sequence[str]:
        """Return the connections as they were looked up."""
        return self.recipients


class DevicesAudience(msgspec.Struct, frozen=True):
    """The connections of one user's devices. They belong to no session."""

    online: Callable[[], Sequence[str]]
    session_id: str = ""
    label: str = "devices"

    def connection_ids(self) -> Sequence[str]:
        """Run one strongly consistent query."""
        return self.online()


def _without(connection_id: str | None, members: Sequence[str]) -> Sequence[str]:
    if connection_id is None:
        return members
    return [member for member in members if member != connection_id]
