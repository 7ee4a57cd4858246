"""How much audio a connection has sent, counted over all instances of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.data_access.table import ConditionFailedError, Table
from shared.models import schema

# A failed condition means that another instance was first; reading says what to try next.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Charge:
    """Audio of `amount_ms` that arrived from `start` on.

    It is refused if the account would then be covered beyond `latest`. What is covered beyond
    `absurd` comes from a clock that was set back, and counts as nothing.
    """

    start: int
    amount_ms: int
    latest: int
    absurd: int


@dataclass(frozen=True, slots=True)
class Account:
    """Until when the audio accepted so far lasts if played from its arrival on. `charged` is false
    if the charge was refused, and is not in it. `shared` says that others had charged it since.
    """

    covered_until: int | None
    charged: bool
    shared: bool = False


class AudioAccounts:
    """One number in each source's own connection row: no row that other requests wait for.

    `table` should try its requests once: a write whose answer is lost counts twice otherwise.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def charge(
        self, connection_id: str, charge: Charge, last: Account | None = None
    ) -> Account | None:
        """Charge audio to a connection; None if the connection is gone.

        `last` is what the caller was answered last: while nothing unusual happens it tells which
        of two writes is right, so that one request is enough. Raises StoreUnavailableError.
        """
        known = expected = last.covered_until if last else None
        # Others have charged it since, then: it is not as far in the past as it seems.
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
    """Whether the charge is to be refused, as the row stands."""
    if known is None or not charge.start <= known <= charge.absurd:
        return False
    return known + charge.amount_ms > charge.latest
