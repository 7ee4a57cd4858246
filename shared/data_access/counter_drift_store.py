"""What checks have found in sessions' counters: remembered in the session's row, then put right."""

from __future__ import annotations

from typing import Any

from shared.data_access.listener_counts import ACTIVE
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models.counter_drift import CounterDrift
from shared.models.session import SessionStatus

_FINDING = "countsFinding"


class CounterDriftStore:
    """At most one a session. Methods return False if the session has changed hands meanwhile."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def last(self, session_id: str) -> CounterDrift | None:
        """What was found the last time, strongly consistent."""
        found = (self._table.get(session_id) or {}).get(_FINDING)
        return _from_item(found) if found else None

    def remember(self, session_id: str, finding: CounterDrift) -> bool:
        """Keep a finding until the next check, in place of an older one."""
        return self._update(session_id, "SET #finding = :finding", {":finding": _to_item(finding)})

    def forget(self, session_id: str) -> bool:
        """There is nothing to be found any more."""
        return self._update(session_id, "REMOVE #finding", {})

    def correct(self, session_id: str, finding: CounterDrift) -> bool:
        """Add what is missing, once for a finding; False if another check did, or if a counter
        would get negative. Whoever comes or goes meanwhile is counted beside it.
        """
        names = {
            "#finding": _FINDING,
            "#foundAt": "foundAt",
            "#count": "listenerCount",
        }
        if finding.languages:  # DynamoDB refuses names that are not used
            names["#counts"] = "languageCounts"
        values: dict[str, Any] = {":foundAt": finding.found_at, ":all": finding.listeners}
        sets = ["#count = #count + :all"]
        conditions = ["#finding.#foundAt = :foundAt"]
        _not_below(conditions, values, "#count", "all", finding.listeners)
        for number, (language, change) in enumerate(finding.languages.items()):
            counter = f"#counts.#l{number}"
            names[f"#l{number}"] = language
            values[f":c{number}"] = change
            if change > 0:
                values[":zero"] = 0
                sets.append(f"{counter} = if_not_exists({counter}, :zero) + :c{number}")
            else:
                sets.append(f"{counter} = {counter} + :c{number}")
            _not_below(conditions, values, counter, f"c{number}", change)
        return self._update(
            session_id,
            f"SET {', '.join(sets)} REMOVE #finding",
            values,
            condition=" AND ".join(conditions),
            names=names,
        )

    def _update(
        self,
        session_id: str,
        expression: str,
        values: dict[str, Any],
        *,
        condition: str = "",
        names: dict[str, str] | None = None,
    ) -> bool:
        try:
            self._table.update(
                session_id,
                expression,
                condition=f"{ACTIVE} AND {condition}" if condition else ACTIVE,
                names={"#status": "status", **(names or {"#finding": _FINDING})},
                values={":active": SessionStatus.ACTIVE.value, **values},
            )
        except ConditionFailedError:
            return False
        return True


def _not_below(
    conditions: list[str], values: dict[str, Any], counter: str, name: str, change: int
) -> None:
    """A counter from which something is taken must hold as much."""
    if change < 0:
        values[f":least_{name}"] = -change
        conditions.append(f"{counter} >= :least_{name}")


def _to_item(finding: CounterDrift) -> Item:
    return {
        "foundAt": finding.found_at,
        "listeners": finding.listeners,
        "languages": dict(finding.languages),
    }


def _from_item(item: Item) -> CounterDrift:
    return CounterDrift(item["foundAt"], item["listeners"], item["languages"])
