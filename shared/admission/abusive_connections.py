"""Closing connections that go on beyond their budgets, and remembering where they came from."""

from __future__ import annotations

from contextlib import suppress

from shared.admission.address_store import AbusiveAddressStore
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller
from shared.models.delivery import ConnectionSender, Outcome
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Who floods seldom reads, and a farewell that does not get through is no loss (ms).
_FAREWELL_MS = 300
_CLOSE_MS = 1_000


class AbusiveConnections:
    """Closes them by @connections, which lets nobody choose the code of the closing frame: on AWS
    it is 1000 (https://github.com/boto/boto3/issues/3789). Hence the farewell, which says why.
    """

    def __init__(
        self,
        sender: ConnectionSender,
        addresses: AbusiveAddressStore,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._sender = sender
        self._addresses = addresses
        self._clock = clock
        self._telemetry = telemetry

    def close(self, caller: Caller, farewell: bytes) -> bool:
        """Send `farewell` and close; False if the connection may still be there. Safe to repeat:
        of several instances that close a connection, one holds it against the address.
        """
        connection_id = caller.connection_id
        self._sender.post(connection_id, farewell, self._clock.now_ms() + _FAREWELL_MS)
        outcome = self._sender.delete(connection_id, self._clock.now_ms() + _CLOSE_MS)
        if outcome is Outcome.SENT:
            self._telemetry.count("AbusiveConnectionsClosed")
            self.suspect(caller)
        return outcome in {Outcome.SENT, Outcome.GONE}

    def suspect(self, caller: Caller) -> None:
        """Hold the connection against its address. If that is not possible now, nothing is lost
        but one of many.
        """
        if caller.address is not None:
            with suppress(StoreUnavailableError):
                self._addresses.mark(caller.address, self._clock.now_ms())
