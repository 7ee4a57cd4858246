"""Audio sent by each connection, counted across all instances of the function."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

# A condition fails if another instance wrote first. The row then says what to try next.
_ATTEMPTS = 3


class Charge(msgspec.Struct, frozen=True):
    """A charge of `amount_ms` of audio that arrived at `start` (ms since the epoch).

    It is refused if the account would then reach beyond `latest`. A balance beyond `absurd` comes
    from a clock that was set back, and is ignored.
    """

    start: int
    amount_ms: int
    latest: int
    absurd: int


class Account(msgspec.Struct, frozen=True):
    """End of the audio accepted so far, if played from its arrival (ms since the epoch).

    `charged` is False if the charge was refused; `covered_until` then excludes it. `shared` is True
    if another instance has charged the account since the last charge.
    """

    covered_until: int | None
    charged: bool
    shared: bool = False


class AudioAccounts:
    """One number in each source's connection row, which no other request waits for.

    `table` must not retry: a write whose answer is lost would count twice.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def charge(
        self, connection_id: str, charge: Charge, last: Account | None = None
    ) -> Account | None:
        """Charge audio to a connection. Returns None if the connection is gone.

        `last` is the result of the caller's last charge. It usually tells which of the two writes
        will succeed, so that one request is enough. Raises StoreUnavailableError.
        """
        known = expected = last.covered_until if last else None
        # Other instances keep charging the account, so it is later than the last result says.
        if known is not None and last is not None and last.shared:
            known = max(known, charge.start)
        for _ in range(_ATTEMPTS):
            goes_on = known is not None and charge.start <= known <= charge.absurd
            try:
                item = (
                    self._go_on(connection_id, charge)
                    if goes_on
                    else self._begin(connection_id, charge)
                )
            except ConditionFailedError:
                row = self._table.get(connection_id)
                if row is None:
                    return None
                known = row.get(schema.AUDIO_COVERED_UNTIL)
                if _is_over(known, charge):
                    break
            else:
                before = item.get(schema.AUDIO_COVERED_UNTIL)
                start = before if goes_on and before is not None else charge.start
                return Account(start + charge.amount_ms, charged=True, shared=before != expected)
        return Account(known, charged=False, shared=known != expected)

    def _go_on(self, connection_id: str, charge: Charge) -> dict[str, Any]:
        return self._table.update(
            connection_id,
            "SET #until = #until + :amount",
            condition="#until >= :start AND #until <= :most",
            names={"#until": schema.AUDIO_COVERED_UNTIL},
            values={
                ":amount": charge.amount_ms,
                ":start": charge.start,
                ":most": charge.latest - charge.amount_ms,
            },
        )

    def _begin(self, connection_id: str, charge: Charge) -> dict[str, Any]:
        return self._table.update(
            connection_id,
            "SET #until = :until",
            condition="attribute_not_exists(#until) OR #until < :start OR #until > :absurd",
            names={"#until": schema.AUDIO_COVERED_UNTIL},
            values={
                ":until": charge.start + charge.amount_ms,
                ":start": charge.start,
                ":absurd": charge.absurd,
            },
        )


def _is_over(known: int | None, charge: Charge) -> bool:
    """Whether the balance in the row leaves no room for the charge."""
    if known is None or not charge.start <= known <= charge.absurd:
        return False
    return known + charge.amount_ms > charge.latest
