"""What each function's role allows, while the stack runs, and what was denied."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.iam.principals import Principal
from local.template.model import Function, Statement
from local.template.policy import allows

# Both bound what a long run remembers; connections come and go, and each is a resource.
_MAX_DECISIONS = 20_000
_MAX_DENIALS = 1_000

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that was refused for want of a grant."""

    function: str
    action: str
    resource: str


class RolePolicies:
    """Decides calls by the statements of the caller's role, and remembers denials.

    Each new denial is reported once, in one line: it is the grant that the template lacks.
    """

    def __init__(self, functions: Iterable[Function], report: Report) -> None:
        self._statements = {function.name: function.role.statements for function in functions}
        self._report = report
        self._decisions: dict[tuple[str, str, str], bool] = {}
        #: The last denials, oldest first.
        self.denials: deque[Denial] = deque(maxlen=_MAX_DENIALS)

    def statements(self, function: str) -> tuple[Statement, ...]:
        """What a function's role allows now. Raises KeyError."""
        return self._statements[function]

    def replace(self, function: str, statements: tuple[Statement, ...]) -> None:
        """Let a function's role allow this and nothing else from now on."""
        self._statements[function] = statements
        self._decisions.clear()

    def allow(self, caller: Principal, action: str, resource: str) -> bool:
        """Whether the caller may; the operator may do everything."""
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
            self._remember(Denial(function, action, resource))
        return allowed

    def _remember(self, denial: Denial) -> None:
        if denial not in self.denials:
            self._report(
                f"{denial.function}: its role does not allow {denial.action} on {denial.resource}"
            )
        self.denials.append(denial)
