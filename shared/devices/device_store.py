"""The devices table: which devices a user has, and on which connection each one is now."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.data_access.errors import StoreUnavailableError
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.devices.device import KnownDevice
from shared.models import schema

ONLINE_BUCKETS = 8

_PREFIX = "device#"
_CONNECTION = "connectionId"
_OFFLINE_SINCE = "offlineSince"
# The connection that the device was on before, until it has been told.
_REPLACED = "replacedConnectionId"
# Each lost race was another connection of the same device; this many at once are a fault.
_ATTEMPTS = 5


class DeviceStore:
    """Reads and writes devices. All methods raise StoreUnavailableError.

    That a device goes offline is fenced by its connection: what is said of an older one is of no
    effect.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, user_id: str) -> list[KnownDevice]:
        """All devices of a user, by id; one query, strongly consistent."""
        items = self._table.query_partition(
            "#user = :user AND begins_with(#item, :prefix)",
            names={"#user": schema.USER_ID, "#item": schema.DEVICE_ITEM},
            values={":user": user_id, ":prefix": _PREFIX},
        )
        return [_device(item) for item in items]

    def come_online(self, user_id: str, device: KnownDevice) -> KnownDevice | None:
        """The device is on that connection now, whatever there was; returns that, or None.

        Whoever gets another connection back has replaced it, and nobody else has. It is returned
        again until it is `dismissed`.
        """
        place = _PREFIX + device.device_id
        for _ in range(_ATTEMPTS):
            before = self._table.get((user_id, place)) or {}
            former = before.get(_CONNECTION)
            if former in {None, device.connection_id}:
                former = before.get(_REPLACED)
            if self._put(user_id, device, before.get(_CONNECTION), former):
                if not before:
                    return None
                return replace(_device(before), connection_id=former or before.get(_CONNECTION))
        raise StoreUnavailableError("put_item: others were always first")

    def dismissed(self, user_id: str, device_id: str, connection_id: str) -> None:
        """The connection that this one has replaced knows of it."""
        self._table.update_if(
            (user_id, _PREFIX + device_id),
            "REMOVE #replaced",
            condition="#connection = :connection",
            names={"#replaced": _REPLACED, "#connection": _CONNECTION},
            values={":connection": connection_id},
        )

    def _put(
        self, user_id: str, device: KnownDevice, seen: str | None, replaced: str | None
    ) -> bool:
        """Write the device unless its connection has changed since it was `seen`."""
        item = {
            schema.USER_ID: user_id,
            schema.DEVICE_ITEM: _PREFIX + device.device_id,
            "name": device.name,
            "kind": device.kind,
            _CONNECTION: device.connection_id,
            _REPLACED: replaced,
            schema.ONLINE_BUCKET: _bucket(user_id),
        }
        try:
            self._table.put_if(
                item,
                condition="attribute_not_exists(#connection)"
                if seen is None
                else "#connection = :seen",
                names={"#connection": _CONNECTION},
                values={} if seen is None else {":seen": seen},
            )
        except ConditionFailedError:
            return False
        return True

    def go_offline(self, user_id: str, device_id: str, connection_id: str, now_ms: int) -> bool:
        """That connection is over; False if the device is not on it."""
        try:
            self._table.update(
                (user_id, _PREFIX + device_id),
                "SET #since = :now REMOVE #connection, #bucket",
                condition="#connection = :connection",
                names={
                    "#since": _OFFLINE_SINCE,
                    "#connection": _CONNECTION,
                    "#bucket": schema.ONLINE_BUCKET,
                },
                values={":now": now_ms, ":connection": connection_id},
            )
        except ConditionFailedError:
            return False
        return True

    def forget(self, user_id: str, device: KnownDevice) -> bool:
        """Remove a device that is offline; False if it has come online or is gone."""
        try:
            self._table.delete_if(
                (user_id, _PREFIX + device.device_id),
                condition="#since = :since",
                names={"#since": _OFFLINE_SINCE},
                values={":since": device.offline_since},
            )
        except ConditionFailedError:
            return False
        return True

    @staticmethod
    def buckets() -> tuple[str, ...]:
        """The partitions of the index of devices that are online, each to be read by itself."""
        return tuple(map(str, range(ONLINE_BUCKETS)))

    def online(self, bucket: str) -> Iterator[tuple[str, str]]:
        """User and device of all that are online, page by page; eventually consistent."""
        items = self._table.query(
            schema.ONLINE_INDEX,
            "#bucket = :bucket",
            names={"#bucket": schema.ONLINE_BUCKET},
            values={":bucket": bucket},
        )
        for item in items:
            yield item[schema.USER_ID], item[schema.DEVICE_ITEM].removeprefix(_PREFIX)

    def read(self, devices: Sequence[tuple[str, str]]) -> list[tuple[str, KnownDevice]]:
        """Each of these, by user and device, with its user, if there is one; in any order,
        eventually consistent.
        """
        keys = [(user_id, _PREFIX + device_id) for user_id, device_id in devices]
        return [(item[schema.USER_ID], _device(item)) for item in self._table.batch_get(keys)]


def _bucket(user_id: str) -> str:
    return str(zlib.crc32(user_id.encode()) % ONLINE_BUCKETS)


def _device(item: Item) -> KnownDevice:
    return KnownDevice(
        device_id=item[schema.DEVICE_ITEM].removeprefix(_PREFIX),
        name=item["name"],
        kind=item["kind"],
        connection_id=item.get(_CONNECTION),
        offline_since=item.get(_OFFLINE_SINCE),
    )
