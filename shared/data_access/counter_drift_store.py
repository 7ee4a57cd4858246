"""Counter drift found by reconciliation, stored in the session's row."""

from __future__ import annotations

from typing import Any

from shared.data_access.listener_counts import ACTIVE
from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models.counter_drift import CounterDrift
from shared.models.session import SessionLifecycle

_FINDING = "countsFinding"


class CounterDriftStore:
    """Stores one drift per session. Writes return False if the session has ended."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, session_id: str) -> CounterDrift | None:
        """Read the drift found by the last check, strongly consistent."""
        found = (self._table.get(session_id) or {}).get(_FINDING)
        return _from_item(found) if found else None

    def save(self, session_id: str, drift: CounterDrift) -> bool:
        """Store a drift until the next check, replacing an older one."""
        return self._update(session_id, "SET #finding = :finding", {":finding": _to_item(drift)})

    def clear(self, session_id: str) -> bool:
        """Remove the stored drift: the counters are right."""
        return self._update(session_id, "REMOVE #finding", {})

    def correct(self, session_id: str, drift: CounterDrift) -> bool:
        """Add the missing counts, once per stored drift.

        False if another check has corrected it, or a counter would become negative. The correction
        is relative, so joins and leaves in the meantime are preserved.
        """
        names = {
            "#finding": _FINDING,
            "#foundAt": "foundAt",
            "#count": "listenerCount",
        }
        if drift.languages:  # DynamoDB refuses names that are not used
            names["#counts"] = "languageCounts"
        values: dict[str, Any] = {":foundAt": drift.found_at, ":all": drift.listeners}
        sets = ["#count = #count + :all"]
        conditions = ["#finding.#foundAt = :foundAt"]
        _require_enough(conditions, values, "#count", "all", drift.listeners)
        for number, (language, change) in enumerate(drift.languages.items()):
            counter = f"#counts.#l{number}"
            names[f"#l{number}"] = language
            values[f":c{number}"] = change
            if change > 0:
                values[":zero"] = 0
                sets.append(f"{counter} = if_not_exists({counter}, :zero) + :c{number}")
            else:
                sets.append(f"{counter} = {counter} + :c{number}")
            _require_enough(conditions, values, counter, f"c{number}", change)
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
                values={":active": SessionLifecycle.ACTIVE.value, **values},
            )
        except ConditionFailedError:
            return False
        return True


def _require_enough(
    conditions: list[str], values: dict[str, Any], counter: str, name: str, change: int
) -> None:
    """Add the condition that a counter is at least as large as its decrease."""
    if change < 0:
        values[f":least_{name}"] = -change
        conditions.append(f"{counter} >= :least_{name}")


def _to_item(drift: CounterDrift) -> Item:
    return {
        "foundAt": drift.found_at,
        "listeners": drift.listeners,
        "languages": dict(drift.languages),
    }


def _from_item(item: Item) -> CounterDrift:
    return CounterDrift(item["foundAt"], item["listeners"], item["languages"])
