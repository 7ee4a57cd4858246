"""The composition root of what starts sessions' interpreters, and of that function itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from shared.interpretation.run_starter import RunStarter
from shared.interpretation.run_store import RunStore
from shared.interpretation.session_interpretation import SessionInterpretation
from shared.interpretation.slot_store import SlotStore
from shared.utils.clock import Clock, SystemClock
from shared.utils.identifiers import Identifiers, RandomIdentifiers
from shared.utils.settings import (
    ControlSettings,
    InterpreterSettings,
    InterpreterStartSettings,
    load,
)
from shared.utils.telemetry import PowertoolsTelemetry, Telemetry
from shared.wiring.aws_resources import AwsResources, Overrides


class InterpreterParts:
    """Made at their first use, as all parts are."""

    def __init__(
        self,
        environment: Mapping[str, str],
        outside: AwsResources,
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

    @cached_property
    def for_sessions(self) -> SessionInterpretation:
        """What opening a session needs of machine interpretation."""
        settings = load(ControlSettings, self._environment)
        slots = SlotStore(self._outside.sessions, settings.max_interpreted_sessions)
        return SessionInterpretation(slots, self.starts, settings.interpretation_engines)

    @cached_property
    def starts(self) -> RunStarter:
        """What starts the function."""
        function = load(InterpreterStartSettings, self._environment).interpreter_function
        return RunStarter(
            RunStore(self._outside.sessions),
            self._outside.interpreter(function),
            identifiers=self._identifiers,
            clock=self._clock,
            telemetry=self._telemetry,
        )


class InterpreterApp:
    """The parts of the function `interpreter`, but for the engine and the connections, of which
    nothing here knows.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
        doubles: Overrides | None = None,
    ) -> None:
        self._environment = environment
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or PowertoolsTelemetry()
        self._outside = AwsResources(environment, self.clock, doubles or Overrides())

    @cached_property
    def settings(self) -> InterpreterSettings:
        """Where clients connect, and how long a run lasts. Raises SettingsError."""
        return load(InterpreterSettings, self._environment)

    @cached_property
    def runs(self) -> RunStore:
        """The runs of all sessions."""
        return RunStore(self._outside.sessions_named(self.settings.sessions_table))

    @cached_property
    def starts(self) -> RunStarter:
        """What starts a successor."""
        return RunStarter(
            self.runs,
            self._outside.interpreter(self.settings.interpreter_function),
            identifiers=RandomIdentifiers(),
            clock=self.clock,
            telemetry=self.telemetry,
        )
