"""App of the interpreter function, which runs one session's machine interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from shared.interpretation.run_starter import RunStarter
from shared.interpretation.run_store import RunStore
from shared.utils.clock import Clock, SystemClock
from shared.utils.identifiers import RandomIdentifiers
from shared.utils.settings import InterpreterSettings, load
from shared.utils.telemetry import PowertoolsTelemetry, Telemetry
from shared.wiring.aws_resources import AwsResources, Overrides


class InterpreterApp:
    """The parts of the interpreter function, except engine and connections.

    Those are in the package `interpreter`, which `shared` does not import.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clock: Clock | None = None,
        telemetry: Telemetry | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        self._environment = environment
        self.clock = clock or SystemClock()
        self.telemetry = telemetry or PowertoolsTelemetry()
        self._aws = AwsResources(environment, self.clock, overrides or Overrides())

    @cached_property
    def settings(self) -> InterpreterSettings:
        """Settings of the interpreter function. Raises SettingsError."""
        return load(InterpreterSettings, self._environment)

    @cached_property
    def run_store(self) -> RunStore:
        return RunStore(self._aws.sessions_named(self.settings.sessions_table))

    @cached_property
    def run_starter(self) -> RunStarter:
        """Starts the successor of a run."""
        return RunStarter(
            self.run_store,
            self._aws.interpreter(self.settings.interpreter_function),
            identifiers=RandomIdentifiers(),
            clock=self.clock,
            telemetry=self.telemetry,
        )
