"""Slowing handshakes from addresses whose connections keep being closed for abuse.

Hundreds of listeners in one hall share an address. So a few abusive connections slow nobody down,
nobody is ever refused for what another one did, and no handshake waits longer than two seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.admission.address_store import AbusiveAddressStore
from shared.data_access.errors import StoreUnavailableError
from shared.models.connection import Caller
from shared.utils.clock import Clock
from shared.utils.telemetry import Telemetry

#: So many within ten minutes cost nothing; each further one adds a step to the delay (ms).
FREE_MARKS = 10
STEP_MS = 100
MOST_MS = 2_000


class HandshakeDelays:
    """Delays handshakes, about `at_once` of them at a time over all instances: a delay holds an
    execution, and slowing must not take those that honest handshakes need. Who comes while as many
    wait already does not wait.
    """

    def __init__(
        self,
        addresses: AbusiveAddressStore,
        *,
        at_once: int,
        pause: Callable[[float], None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._addresses = addresses
        self._interval_ms = max(MOST_MS // at_once, 1)
        self._pause = pause
        self._clock = clock
        self._telemetry = telemetry

    def delaying(self, service: Callable[[Caller], object]) -> Callable[[Caller], object]:
        """`service`, after the delay that the caller's address deserves."""

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
            if not delay_ms or not self._addresses.take_turn(now, self._interval_ms, MOST_MS):
                return
        except StoreUnavailableError:
            return  # no reason to keep anybody out
        self._telemetry.count("HandshakesDelayed")
        self._pause(delay_ms / 1000)


def delay_of(marks: int) -> int:
    """How long a handshake waits (ms) whose address has so many abusive connections."""
    return min(max(marks - FREE_MARKS, 0) * STEP_MS, MOST_MS)
