"""Delays handshakes from addresses with many abusive connections.

Hundreds of listeners in one hall share an address. So the first abusive connections cause no delay,
no handshake is ever refused for its address, and none waits longer than two seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.admission.address_store import AbusiveAddressStore
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

#: Marks that cause no delay. Each further one adds a step (ms).
FREE_MARKS = 10
STEP_MS = 100
MAX_DELAY_MS = 2_000


class HandshakeDelays:
    """Delays at most about `max_concurrent` handshakes at a time over all instances.

    A delay holds an execution, and honest handshakes need executions too. Once that many wait,
    further handshakes pass without a delay.
    """

    def __init__(
        self,
        addresses: AbusiveAddressStore,
        *,
        max_concurrent: int,
        sleep: Callable[[float], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._addresses = addresses
        self._interval_ms = max(MAX_DELAY_MS // max_concurrent, 1)
        self._sleep = sleep
        self._clock = clock
        self._telemetry = telemetry

    def delaying(self, service: Callable[[Caller], object]) -> Callable[[Caller], object]:
        """`service`, preceded by the delay of the caller's address."""

        def delayed(caller: Caller) -> object:
            self._wait(caller)
            return service(caller)

        return delayed

    def _wait(self, caller: Caller) -> None:
        if caller.address is None:
            return
        now = self._clock.now_ms()
        try:
            delay_ms = delay_of(self._addresses.marks(caller.address, now))
            if not delay_ms or not self._addresses.reserve_delay(
                now, self._interval_ms, MAX_DELAY_MS
            ):
                return
        except StoreUnavailableError:
            return  # handshakes do not depend on the marks
        self._telemetry.count("HandshakesDelayed")
        self._sleep(delay_ms / 1000)


def delay_of(marks: int) -> int:
    """The delay (ms) of a handshake from an address with that many marks."""
    return min(max(marks - FREE_MARKS, 0) * STEP_MS, MAX_DELAY_MS)
