"""The permissions of the functions' roles, and a record of denied calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.iam.principals import Principal
from local.template.model import Function, Statement
from local.template.policy import allows

# Limits on memory in a long run: every connection is a resource of its own.
_MAX_DECISIONS = 20_000
_MAX_DENIALS = 1_000

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that the caller's role does not allow."""

    function: str
    action: str
    resource: str


class RolePolicies:
    """Evaluates calls against the statements of the caller's role and records denials.

    Each distinct denial is reported once, in one line that names the missing grant.
    """

    def __init__(self, functions: Iterable[Function], report: Report) -> None:
        self._statements = {function.name: function.role.statements for function in functions}
        self._report = report
        self._decisions: dict[tuple[str, str, str], bool] = {}
        #: The latest denials, oldest first.
        self.denials: deque[Denial] = deque(maxlen=_MAX_DENIALS)

    def statements(self, function: str) -> tuple[Statement, ...]:
        """Current statements of a function's role. Raises KeyError."""
        return self._statements[function]

    def replace(self, function: str, statements: tuple[Statement, ...]) -> None:
        """Replace the statements of a function's role."""
        self._statements[function] = statements
        self._decisions.clear()

    def allow(self, caller: Principal, action: str, resource: str) -> bool:
        """Whether the caller may perform the action; the operator always may."""
        function = caller.function
        if function is None:
            return True
        key = (function, action, resource)
        allowed = self._decisions.get(key)
        if allowed is None:
            allowed = allows(self._statements[function], action, resource)
            if len(self._decisions) >= _MAX_DECISIONS:
                self._decisions.clear()
            self._decisions[key] = allowed
        if not allowed:
            self._record(Denial(function, action, resource))
        return allowed

    def _record(self, denial: Denial) -> None:
        if denial not in self.denials:
            self._report(
                f"{denial.function}: its role does not allow {denial.action} on {denial.resource}"
            )
        self.denials.append(denial)
