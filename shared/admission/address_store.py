"""Addresses with abusive connections, and the queue of delayed handshakes.

Addresses are personal data. The key of a row is an HMAC of the address under a random salt, which
is replaced and deleted every hour. The rows are in the table of connections, but in none of its
indexes.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable

from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

# How long a mark lasts (ms).
MARK_LIFETIME_MS = 10 * 60 * 1000
_SALT_MS = 60 * 60 * 1000
# Without a salt, no address was marked this hour. How long an instance trusts such a read (ms).
_ABSENT_MS = 5_000
_MARKS = "marks"
_SALT = "salt"
_BUSY_UNTIL = "busyUntil"
_DELAYS = "delays#"
_MAX_MARKS = 1_000


class AbusiveAddressStore:
    """Counts marks by address hash. All methods raise StoreUnavailableError."""

    def __init__(self, connections: Table, secret: Callable[[], str]) -> None:
        self._table = connections
        self._secret = secret
        # The salt of the current hour, by hour.
        self._salts: dict[int, str] = {}
        self._absent_until = 0

    def mark(self, address: str, now_ms: int) -> None:
        """Add a mark to an address."""
        key = _row_of(address, self._salt(now_ms))
        expires_at = (now_ms + MARK_LIFETIME_MS) // 1000
        counted = self._table.update_if(
            key,
            "SET #marks = #marks + :one, #expires = :expires",
            condition="#expires > :now AND #marks < :most",
            names={"#marks": _MARKS, "#expires": schema.EXPIRES_AT},
            values={
                ":one": 1,
                ":now": now_ms // 1000,
                ":expires": expires_at,
                ":most": _MAX_MARKS,
            },
        )
        if counted is None:
            # The row is missing, full or expired: DynamoDB deletes expired rows hours late.
            self._start(key, now_ms // 1000, expires_at)

    def marks(self, address: str, now_ms: int) -> int:
        """The number of marks that have not expired."""
        salt = self._known_salt(now_ms)
        if salt is None:
            return 0
        row = self._table.get(_row_of(address, salt))
        if row is None or row.get(schema.EXPIRES_AT, 0) <= now_ms // 1000:
            return 0
        found = row.get(_MARKS, 0)
        return found if isinstance(found, int) else 0

    def reserve_delay(self, now_ms: int, interval_ms: int, max_ms: int) -> bool:
        """Reserve a slot for a delayed handshake; False if all are taken.

        One slot frees up per `interval_ms`; at most `max_ms // interval_ms` are taken at a time.
        """
        names = {"#until": _BUSY_UNTIL, "#expires": schema.EXPIRES_AT}
        expires_at = (now_ms + MARK_LIFETIME_MS) // 1000
        queued = self._table.update_if(
            _DELAYS,
            "SET #until = #until + :interval, #expires = :expires",
            condition="#until BETWEEN :now AND :latest",
            names=names,
            values={
                ":interval": interval_ms,
                ":now": now_ms,
                ":latest": now_ms + max_ms - interval_ms,
                ":expires": expires_at,
            },
        )
        if queued is not None:
            return True
        try:
            self._table.upsert(
                _DELAYS,
                "SET #until = :until, #expires = :expires",
                condition="attribute_not_exists(#until) OR #until < :now",
                names=names,
                values={":until": now_ms + interval_ms, ":now": now_ms, ":expires": expires_at},
            )
        except ConditionFailedError:
            return False
        return True

    def _start(self, key: str, now_seconds: int, expires_at: int) -> None:
        try:
            self._table.upsert(
                key,
                "SET #marks = :one, #expires = :expires",
                condition="attribute_not_exists(#expires) OR #expires <= :now",
                names={"#marks": _MARKS, "#expires": schema.EXPIRES_AT},
                values={":one": 1, ":now": now_seconds, ":expires": expires_at},
            )
        except ConditionFailedError:
            return  # another instance was first, or the row is full

    def _salt(self, now_ms: int) -> str:
        """The salt of this hour, created if it does not exist."""
        known = self._known_salt(now_ms)
        if known is not None:
            return known
        hour, created = now_ms // _SALT_MS, self._secret()
        try:
            self._table.upsert(
                _salt_row(hour),
                "SET #salt = :salt, #expires = :expires",
                condition="attribute_not_exists(#salt)",
                names={"#salt": _SALT, "#expires": schema.EXPIRES_AT},
                values={":salt": created, ":expires": (hour + 1) * _SALT_MS // 1000},
            )
        except ConditionFailedError:
            self._absent_until = 0
            return self._known_salt(now_ms) or created
        self._salts = {hour: created}
        return created

    def _known_salt(self, now_ms: int) -> str | None:
        hour = now_ms // _SALT_MS
        known = self._salts.get(hour)
        if known is None and not 0 < self._absent_until - now_ms <= _ABSENT_MS:
            row = self._table.get(_salt_row(hour))
            if row is None:
                self._absent_until = now_ms + _ABSENT_MS
                return None
            known = str(row[_SALT])
            self._salts = {hour: known}
        return known


def _salt_row(hour: int) -> str:
    return f"salt#{hour}"


def _row_of(address: str, salt: str) -> str:
    digest = hmac.new(salt.encode(), _network_of(address).encode(), hashlib.sha256)
    return f"address#{digest.hexdigest()[:32]}"


def _network_of(address: str) -> str:
    """The address; for IPv6 its /64 network, which belongs to one client as a whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
