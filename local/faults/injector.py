"""Decides which opportunities become faults, and counts both."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from local.faults.plan import Fault, FaultPlan, Place, is_named
from shared.utils.clock import Clock

# Faults that only take time, so that others may follow at the same opportunity.
_DELAYS = frozenset({"post-delay", "message-delay", "database-delay"})


class FaultCount:
    """How often a fault could have occurred, and how often it did."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.opportunities = 0
        self.occurrences = 0

    def __str__(self) -> str:
        return f"{self.fault.kind}: {self.occurrences} of {self.opportunities} opportunities"

    def as_json(self) -> dict[str, str | int]:
        """The fault's kind and counts."""
        return {
            "kind": self.fault.kind,
            "opportunities": self.opportunities,
            "occurrences": self.occurrences,
        }


class FaultInjector:
    """The plan in effect, which can be replaced at any time.

    Each fault of a plan has random streams of its own, which depend on the seed, its kind and its
    place among the faults of that kind. So whether the n-th opportunity becomes a fault depends
    neither on the time nor on other kinds.
    """

    def __init__(self, plan: FaultPlan, clock: Clock) -> None:
        self._clock = clock
        self._active: dict[Place, list[_ActiveFault]] = {}
        #: Counts of the faults of the plan, in its order.
        self.counts: list[FaultCount] = []
        self.use(plan)

    def use(self, plan: FaultPlan) -> None:
        """Put a plan into effect instead of the present one; counts and times start again."""
        self._began = self._clock.monotonic()
        self._active = {"post": [], "message": [], "database": []}
        self.counts = []
        of_kind: dict[str, int] = {}
        for fault in plan.faults:
            number = of_kind[fault.kind] = of_kind.get(fault.kind, 0) + 1
            active = _ActiveFault(fault, f"{plan.seed}/{fault.kind}/{number}")
            self._active[fault.at].append(active)
            self.counts.append(active.count)

    def occurrences(self, kind: str) -> int:
        """How often faults of a kind have occurred."""
        return sum(each.occurrences for each in self.counts if each.fault.kind == kind)

    def missed(self, fault: Fault) -> None:
        """Uncount a fault that was drawn but found nothing to strike."""
        for count in self.counts:
            if count.fault is fault:
                count.occurrences -= 1

    def draw(self, place: Place, subject: Mapping[str, str]) -> list[Fault]:
        """The faults of one opportunity: delays, then at most one of another kind."""
        active = self._active[place]
        if not active:
            return []
        seconds = self._clock.monotonic() - self._began
        delays: list[Fault] = []
        others: list[Fault] = []
        for each in active:
            # Every fault draws, so that none depends on those before it.
            if not each.strikes(subject, seconds):
                continue
            found = delays if each.count.fault.kind in _DELAYS else others
            if found is delays or not others:
                each.count.occurrences += 1
                found.append(each.count.fault)
        return delays + others

    def report(self) -> list[str]:
        """A line for each fault of the plan."""
        return [f"fault {count}" for count in self.counts]


class _ActiveFault:
    """A fault of the plan in effect."""

    def __init__(self, fault: Fault, seed: str) -> None:
        self.count = FaultCount(fault)
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        # Connections are drawn in the order of their first opportunity.
        self._connection_random = Random(f"{seed}/connections")  # noqa: S311
        self._connections: dict[str, bool] = {}

    def strikes(self, subject: Mapping[str, str], seconds: float) -> bool:
        """Whether the fault occurs now; `seconds` since the plan was put into effect."""
        fault, count = self.count.fault, self.count
        if seconds < fault.after_s or (fault.until_s is not None and seconds >= fault.until_s):
            return False
        if not all(self._selects(name, subject) for name in fault.selectors):
            return False
        count.opportunities += 1
        struck = self._random.random() < fault.probability
        if fault.limit is not None and count.occurrences >= fault.limit:
            return False
        return struck if fault.nth is None else count.opportunities == fault.nth

    def _selects(self, name: str, subject: Mapping[str, str]) -> bool:
        wanted, actual = getattr(self.count.fault, name), subject.get(name, "")
        if name == "connection":
            return (wanted is None or actual == wanted) and self._is_affected(actual)
        if name == "route" and wanted is None:
            return not actual.startswith("$")  # a client's messages
        return wanted is None or is_named(actual, wanted)

    def _is_affected(self, connection: str) -> bool:
        share = getattr(self.count.fault, "connections", 1.0)
        if share == 1:
            return True
        if connection not in self._connections:
            self._connections[connection] = self._connection_random.random() < share
        return self._connections[connection]
