"""Succession rules for the interpreters of a language.

Pure functions from one state of a channel to the next; `shared.data_access.interpreter_channels`
writes the difference conditionally. Times are ms since the epoch. An interpreter or stand-by is
alive until its lease runs out.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from shared.models.interpretation import InterpreterSource, Lease
from shared.models.session import LEASE_MS, OVERLAP_MS, Channel, FormerSource, Standby

# Maximum stand-bys of a language. Each takes about 80 B of the session's row, which is read for
# every chunk.
MAX_STANDBYS = 8


def is_alive(lease_until: int, now: int) -> bool:
    """Whether a lease has not run out."""
    return now <= lease_until


def is_expired(channel: Channel, now: int) -> bool:
    """Whether the channel has an interpreter whose lease has run out."""
    return channel.connection_id is not None and not is_alive(channel.lease_until, now)


def live_standbys(channel: Channel, now: int) -> list[str]:
    """Live stand-bys, next first: people before machines, then by longest wait."""
    alive = _alive(channel.standbys, now)
    return sorted(alive, key=lambda who: (alive[who].source == "machine", alive[who].since, who))


def acquire(
    channel: Channel | None,
    connection_id: str,
    source: InterpreterSource,
    now: int,
    *,
    first_epoch: int = 1,
) -> Channel:
    """Give a free channel to a connection. A new channel gets `first_epoch`."""
    return Channel(
        epoch=channel.epoch + 1 if channel else first_epoch,
        source=source,
        connection_id=connection_id,
        lease_until=now + LEASE_MS,
        heard_at=now,
        standbys=_without(channel.standbys, connection_id) if channel else {},
    )


def promote_next(channel: Channel, now: int, *, stays_until: int | None = None) -> Channel:
    """Replace a lost interpreter by the next stand-by, if there is one.

    With `stays_until` the former interpreter becomes the last stand-by, with that lease. Stand-bys
    whose lease has run out are removed.
    """
    standbys = _alive(channel.standbys, now)
    ahead = live_standbys(channel, now)
    if stays_until is not None and channel.connection_id is not None:
        standbys[channel.connection_id] = Standby(
            channel.source, _behind(standbys, now), stays_until
        )
    if not ahead:
        return replace(channel, connection_id=None, former=None, standbys=standbys)
    chosen = standbys.pop(ahead[0])
    return _held_by(channel, ahead[0], chosen.source, standbys, now)


def take_over(channel: Channel, connection_id: str, source: InterpreterSource, now: int) -> Channel:
    """Replace the present interpreter, which becomes a stand-by if it is alive."""
    standbys = _without(channel.standbys, connection_id)
    former = channel.connection_id
    if former is not None and is_alive(channel.lease_until, now):
        standbys[former] = Standby(channel.source, _behind(standbys, now), channel.lease_until)
    return _held_by(channel, connection_id, source, standbys, now)


def add_standby(
    channel: Channel, connection_id: str, source: InterpreterSource, now: int
) -> Channel:
    """Add a stand-by, and remove those whose lease has run out."""
    newcomer = Standby(source, _behind(channel.standbys, now), now + LEASE_MS)
    return replace(channel, standbys={**_alive(channel.standbys, now), connection_id: newcomer})


def roll_over(channel: Channel, old: str, new: str, now: int) -> Channel | None:
    """Give an old connection's place to a new one. None if the old one has no place.

    An interpreter's old connection may send for a while longer. The new one counts as heard: what
    the old one sent is recorded in the old one's row.
    """
    if channel.connection_id == old:
        return replace(
            channel,
            epoch=channel.epoch + 1,
            connection_id=new,
            former=FormerSource(old, channel.epoch, now + OVERLAP_MS),
            lease_until=now + LEASE_MS,
            heard_at=now,
        )
    place = channel.standbys.get(old)
    if place is None:
        return None
    moved = replace(place, lease_until=now + LEASE_MS)
    return replace(channel, standbys={**_without(channel.standbys, old), new: moved})


def lease_of(language: str, channel: Channel | None, connection_id: str, now: int) -> Lease | None:
    """An interpreter's lease on a language. None if it is neither holder nor stand-by."""
    if channel is None:
        return None
    others = sum(who != connection_id for who in live_standbys(channel, now))
    if channel.connection_id == connection_id:
        return Lease(
            language=language,
            holds=True,
            epoch=channel.epoch,
            standbys=others,
            lease_until=channel.lease_until,
        )
    place = channel.standbys.get(connection_id)
    if place is None:
        return None
    return Lease(language=language, holds=False, standbys=others, lease_until=place.lease_until)


def _held_by(
    channel: Channel,
    connection_id: str,
    source: InterpreterSource,
    standbys: Mapping[str, Standby],
    now: int,
) -> Channel:
    return Channel(
        epoch=channel.epoch + 1,
        source=source,
        connection_id=connection_id,
        lease_until=now + LEASE_MS,
        heard_at=now,
        standbys=standbys,
    )


def _behind(standbys: Mapping[str, Standby], now: int) -> int:
    """Waiting time of a new last stand-by: after all others, even if clocks disagree."""
    return max([now, *(place.since + 1 for place in standbys.values())])


def _alive(standbys: Mapping[str, Standby], now: int) -> dict[str, Standby]:
    return {who: place for who, place in standbys.items() if is_alive(place.lease_until, now)}


def _without(standbys: Mapping[str, Standby], connection_id: str) -> dict[str, Standby]:
    return {who: place for who, place in standbys.items() if who != connection_id}
