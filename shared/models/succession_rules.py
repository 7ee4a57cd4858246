"""Who interprets a language, and who does next: the rules alone, from one state of a channel to the
one after it. `shared.data_access.interpreter_leases` writes the difference under a condition.

Times are ms since the epoch. Someone is alive until their lease runs out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.models.interpretation import InterpreterSource, Lease
from shared.models.session import LEASE_MS, OVERLAP_MS, Channel, FormerSource, Standby

# So many may wait for a language. Each takes some 80 B of the session's item, which is read for
# every chunk.
MAX_STANDBYS = 8


def is_alive(lease_until: int, now: int) -> bool:
    """Whether who has that lease is believed to be there."""
    return now <= lease_until


def is_held(channel: Channel | None, now: int) -> bool:
    """Whether somebody who is alive interprets the language."""
    return (
        channel is not None
        and channel.connection_id is not None
        and is_alive(channel.lease_until, now)
    )


def is_expired(channel: Channel, now: int) -> bool:
    """Whether the language has an interpreter whose lease has run out."""
    return channel.connection_id is not None and not is_alive(channel.lease_until, now)


def live_standbys(channel: Channel, now: int) -> list[str]:
    """Who waits and is alive, the next one first: people before machines, the longest waiting
    before the others.
    """
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
    """Somebody interprets a language that nobody does; `first_epoch` is that of a new channel."""
    return Channel(
        epoch=channel.epoch + 1 if channel else first_epoch,
        source=source,
        connection_id=connection_id,
        lease_until=now + LEASE_MS,
        heard_at=now,
        standbys=_without(channel.standbys, connection_id) if channel else {},
    )


def promote_next(channel: Channel, now: int, *, stays_until: int | None = None) -> Channel:
    """The interpreter is lost: the next one who waits takes their place, or nobody.

    With `stays_until` the one who is lost waits behind the others, with that lease. Who waited and
    is not alive does not wait any more.
    """
    standbys = _alive(channel.standbys, now)
    ahead = live_standbys(channel, now)
    if stays_until is not None and channel.connection_id is not None:
        standbys[channel.connection_id] = Standby(
            channel.source, _behind(standbys, now), stays_until
        )
    if not ahead:
        # The lease that was lost stays, as a mark of its time. Only a former version had none.
        return replace(
            channel,
            connection_id=None,
            former=None,
            standbys=standbys,
            lease_until=channel.lease_until or now,
        )
    chosen = standbys.pop(ahead[0])
    return _held_by(channel, ahead[0], chosen.source, standbys, now)


def take_over(channel: Channel, connection_id: str, source: InterpreterSource, now: int) -> Channel:
    """Somebody takes the place of the present interpreter, who waits from now on if alive."""
    standbys = _without(channel.standbys, connection_id)
    former = channel.connection_id
    if former is not None and is_alive(channel.lease_until, now):
        standbys[former] = Standby(channel.source, _behind(standbys, now), channel.lease_until)
    return _held_by(channel, connection_id, source, standbys, now)


def add_standby(
    channel: Channel, connection_id: str, source: InterpreterSource, now: int
) -> Channel:
    """Somebody waits from now on; who waited and is not alive does not any more."""
    newcomer = Standby(source, _behind(channel.standbys, now), now + LEASE_MS)
    return replace(channel, standbys={**_alive(channel.standbys, now), connection_id: newcomer})


def roll_over(channel: Channel, old: str, new: str, now: int) -> Channel | None:
    """A new connection has the place of an old one, which as the interpreter is heard beside it for
    a while; None if the old one has none.
    """
    if channel.connection_id == old:
        return replace(
            channel,
            epoch=channel.epoch + 1,
            connection_id=new,
            former=FormerSource(old, channel.epoch, now + OVERLAP_MS),
            lease_until=now + LEASE_MS,
        )
    place = channel.standbys.get(old)
    if place is None:
        return None
    moved = replace(place, lease_until=now + LEASE_MS)
    return replace(channel, standbys={**_without(channel.standbys, old), new: moved})


def lease_of(language: str, channel: Channel | None, connection_id: str, now: int) -> Lease | None:
    """What an interpreter has of a language; None without a place in it."""
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
    """Since when the last one waits: after all others, whatever the service's clocks say."""
    return max([now, *(place.since + 1 for place in standbys.values())])


def _alive(standbys: Mapping[str, Standby], now: int) -> dict[str, Standby]:
    return {who: place for who, place in standbys.items() if is_alive(place.lease_until, now)}


def _without(standbys: Mapping[str, Standby], connection_id: str) -> dict[str, Standby]:
    return {who: place for who, place in standbys.items() if who != connection_id}
