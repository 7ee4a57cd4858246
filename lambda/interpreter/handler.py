"""One run of a session's machine interpreter, invoked asynchronously."""

import asyncio
import os

from interpreter.function.machine_factory import interpreter_factory
from interpreter.function.run import InterpreterRun, RunTimes
from shared.entrypoints.invocation import InvocationHandler, timed_event_handler
from shared.models.interpreter_run import RunRequest
from shared.wiring.interpreter import InterpreterApp


def build(app: InterpreterApp) -> InvocationHandler:
    """Build the handler."""
    run = InterpreterRun(
        app.run_store,
        app.run_starter.start,
        interpreter_factory(app.settings.websocket_url, app.telemetry),
        RunTimes(run=app.settings.interpreter_run_seconds),
        clock=app.clock,
        telemetry=app.telemetry,
    )

    def serve(request: RunRequest, remaining_seconds: float) -> None:
        asyncio.run(run.serve(request, remaining_seconds))

    return timed_event_handler(RunRequest, serve, telemetry=app.telemetry)


lambda_handler = build(InterpreterApp(os.environ))
