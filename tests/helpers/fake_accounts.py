"""AudioAccounts in memory, for tests with many instances. It passes the contract tests."""

from __future__ import annotations

from shared.data_access.audio_accounts import Account, Charge
from shared.data_access.errors import StoreUnavailableError


class FakeAccounts:
    """Knows every connection. While `broken`, charges fail; `requests` counts them."""

    def __init__(self) -> None:
        self.broken = False
        self.requests = 0
        self._covered: dict[str, int] = {}

    def charge(
        self, connection_id: str, charge: Charge, last: Account | None = None
    ) -> Account | None:
        """See `AudioAccounts.charge`."""
        self.requests += 1
        if self.broken:
            raise StoreUnavailableError("fake accounts are broken")
        before = self._covered.get(connection_id)
        shared = before != (last.covered_until if last else None)
        goes_on = before is not None and charge.start <= before <= charge.absurd
        if goes_on and before is not None:
            if before + charge.amount_ms > charge.latest:
                return Account(before, charged=False, shared=shared)
            after = before + charge.amount_ms
        else:
            after = charge.start + charge.amount_ms
        self._covered[connection_id] = after
        return Account(after, charged=True, shared=shared)
