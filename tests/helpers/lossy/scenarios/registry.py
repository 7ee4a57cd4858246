"""Registry of the scenarios, by request type or event name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from tests.helpers.lossy.world import SessionSetup

Action = Callable[[], object]
Check = Callable[[], None]
Prepare = Callable[[SessionSetup], tuple[Action, Check]]


@dataclass(frozen=True)
class Scenario:
    """A request, timer or scheduled task to run under faults.

    `prepare` returns the action that meets the faults, and the check to run after it.
    """

    name: str
    prepare: Prepare
    #: True if no client or queue retries the action: scheduled tasks must repair the loss.
    repaired_by_schedule: bool = False


#: Keys are request types, and names of events that no client requests.
SCENARIOS: defaultdict[object, list[Scenario]] = defaultdict(list)


def scenario(
    subject: object, *, name: str | None = None, repaired_by_schedule: bool = False
) -> Callable[[Prepare], Prepare]:
    """Register the decorated function as a scenario of a request type or named event."""

    def register(prepare: Prepare) -> Prepare:
        SCENARIOS[subject].append(Scenario(name or prepare.__name__, prepare, repaired_by_schedule))
        return prepare

    return register
