"""Exceptions of the local stack.

Each message tells the developer what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path

NEEDS_LINUX = (
    "the local stack needs Linux, or WSL on Windows: AWS's runtime client for Python and the "
    "clean-up of child processes exist only there"
)


class LocalError(Exception):
    """Base class of the local stack's exceptions."""


class SynthesisError(LocalError):
    """The CDK app did not produce a template."""


class TemplateError(LocalError):
    """The template is inconsistent or uses something that the local stack does not support."""


class StartError(LocalError):
    """A part of the stack failed to start."""


class PortTakenError(StartError):
    """Another process uses the port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} of {host} is taken; stop the process that uses it, or choose another "
            "with --port"
        )


class FunctionInitError(StartError):
    """A function failed during initialization."""


class ThrottledError(LocalError):
    """A function's queue of waiting invocations is full."""


class UnknownFunctionError(LocalError):
    """No function has this name."""


class NotRunningError(LocalError):
    """No local stack is running."""

    def __init__(self, state: Path) -> None:
        super().__init__(f"no stack runs here ({state}); start one with: python -m local")
