"""The composition root of what starts sessions' interpreters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from shared.data_access.interpreter_runs import InterpreterRuns
from shared.outside import Outside
from shared.services.interpreter_starts import InterpreterStarts
from shared.utils.clock import Clock
from shared.utils.identifiers import Identifiers
from shared.utils.settings import ControlSettings, InterpreterStartSettings, load
from shared.utils.telemetry import Telemetry


class InterpreterParts:
    """Made at their first use, as all parts are."""

    def __init__(
        self,
        environment: Mapping[str, str],
        outside: Outside,
        *,
        identifiers: Identifiers,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._environment = environment
        self._outside = outside
        self._identifiers = identifiers
        self._clock = clock
        self._telemetry = telemetry

    @property
    def engines(self) -> tuple[str, ...]:
        """Those that may be asked for here."""
        return load(ControlSettings, self._environment).interpretation_engines

    @cached_property
    def starts(self) -> InterpreterStarts:
        """What starts the function."""
        function = load(InterpreterStartSettings, self._environment).interpreter_function
        return InterpreterStarts(
            InterpreterRuns(self._outside.sessions),
            self._outside.interpreter(function),
            identifiers=self._identifiers,
            clock=self._clock,
            telemetry=self._telemetry,
        )
