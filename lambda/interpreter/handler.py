"""Invoked without anybody waiting for it: one run of a session's interpreter."""

import asyncio
import os

from interpreter.function.machine_factory import interpreter_over
from interpreter.function.run import InterpreterRun, RunTimes
from shared.entrypoints.invocation import InvocationHandler, timed_event_handler
from shared.models.interpreter_run import RunRequest
from shared.wiring.interpreters import InterpreterApp


def build(app: InterpreterApp) -> InvocationHandler:
    """The handler over the given parts."""
    run = InterpreterRun(
        app.runs,
        app.starts.start,
        interpreter_over(app.settings.websocket_url, app.telemetry),
        RunTimes(run=app.settings.interpreter_run_seconds),
        clock=app.clock,
        telemetry=app.telemetry,
    )

    def serve(request: RunRequest, remaining_seconds: float) -> None:
        asyncio.run(run.serve(request, remaining_seconds))

    return timed_event_handler(RunRequest, serve, telemetry=app.telemetry)


lambda_handler = build(InterpreterApp(os.environ))
