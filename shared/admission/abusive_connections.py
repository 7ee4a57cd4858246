"""Closes abusive connections and marks their addresses."""

from __future__ import annotations

from contextlib import suppress

from shared.admission.address_store import AbusiveAddressStore
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller
from shared.models.delivery import ConnectionSender, Outcome
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

# Flooding clients seldom read, and losing the last error does no harm (ms).
_LAST_ERROR_MS = 300
_CLOSE_MS = 1_000


class AbusiveConnections:
    """Closes connections through @connections.

    The code of the closing frame is always 1000 on AWS
    (https://github.com/boto/boto3/issues/3789), so an error message before it gives the reason.
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

    def close(self, caller: Caller, last_error: bytes) -> bool:
        """Send `last_error` and close; False if the connection may still be open.

        Safe to repeat: if several instances close a connection, only one marks the address.
        """
        connection_id = caller.connection_id
        self._sender.post(connection_id, last_error, self._clock.now_ms() + _LAST_ERROR_MS)
        outcome = self._sender.delete(connection_id, self._clock.now_ms() + _CLOSE_MS)
        if outcome is Outcome.SENT:
            self._telemetry.count("AbusiveConnectionsClosed")
            self.mark_address(caller)
        return outcome in {Outcome.SENT, Outcome.GONE}

    def mark_address(self, caller: Caller) -> None:
        """Add a mark to the caller's address; storage errors are ignored."""
        if caller.address is not None:
            with suppress(StoreUnavailableError):
                self._addresses.mark(caller.address, self._clock.now_ms())
