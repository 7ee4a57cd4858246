"""Who hears or reads something. Every fan-out is to one of these audiences, and all of them go
through `shared.services.broadcast_handler`:

* LanguageAudience: whoever hears a language of a session, for audio and captions;
* MembersAudience: everyone in a session, for what happens to it;
* ListenersAudience: the listeners of a language, for what happens to that;
* MemberAudience: one member, for what happens to them alone;
* RecipientsAudience: those of a crowd (everyone connected, or in a session) who read one language,
  for announcements;
* DevicesAudience: a user's devices.

An audience yields connection ids; the fan-out asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.data_access.connections_repository import ConnectionsRepository
from shared.fanout.rosters import RosterSource
from shared.models.connection import Seat
from shared.models.session import Session


class Audience(Protocol):
    """Somebody to send to; `label` names them in results and logs."""

    @property
    def session_id(self) -> str:
        """The session that the audience belongs to."""

    @property
    def label(self) -> str:
        """A language, or another name of the group."""

    def connection_ids(self) -> Sequence[str]:
        """The recipients. Raises StoreUnavailableError if they cannot be looked up."""


@dataclass(frozen=True)
class LanguageAudience:
    """Whoever hears a language of a session, the floor's fallback included, less who sends."""

    session: Session
    label: str
    rosters: RosterSource
    except_for: str | None = None

    @property
    def session_id(self) -> str:
        """The session that the audience belongs to."""
        return self.session.session_id

    def connection_ids(self) -> Sequence[str]:
        """From the roster, by what the session says of its channels."""
        hearing = self.rosters.of(self.session_id).recipients(self.session, self.label)
        return [member for member in hearing if member != self.except_for]


@dataclass(frozen=True)
class MembersAudience:
    """Everyone in a session, less whoever caused the message."""

    session_id: str
    rosters: RosterSource
    except_for: str | None = None
    label: str = "everyone"

    def connection_ids(self) -> Sequence[str]:
        """All members but one."""
        return self.rosters.of(self.session_id).members_except(self.except_for)


@dataclass(frozen=True)
class ListenersAudience:
    """The listeners of one language, by the index alone: for what only they need to know."""

    session_id: str
    label: str
    connections: ConnectionsRepository

    def connection_ids(self) -> Sequence[str]:
        """One query of the language's seats."""
        return self.connections.seated(self.session_id, Seat("listener", self.label))


@dataclass(frozen=True)
class MemberAudience:
    """One member, who is told something of their own."""

    session_id: str
    connection_id: str
    label: str = "one"

    def connection_ids(self) -> Sequence[str]:
        """That one."""
        return [self.connection_id]


@dataclass(frozen=True)
class RecipientsAudience:
    """Those of a crowd whose texts are in one language. The crowd was looked up once for all its
    languages: what everybody is told at the same time goes to one crowd.
    """

    session_id: str
    label: str
    readers: Sequence[str]

    def connection_ids(self) -> Sequence[str]:
        """As they were found."""
        return self.readers


@dataclass(frozen=True)
class DevicesAudience:
    """Connections of one user's devices, which belong to no session."""

    online: Callable[[], Sequence[str]]
    session_id: str = ""
    label: str = "devices"

    def connection_ids(self) -> Sequence[str]:
        """One query, strongly consistent."""
        return self.online()
