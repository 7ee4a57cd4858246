"""What can keep the local stack from working, as one family of exceptions.

Their messages are for whoever started the stack: what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path

NEEDS_LINUX = (
    "the local stack needs Linux, or WSL on Windows: AWS's runtime client for Python and the "
    "clean-up of child processes exist only there"
)


class LocalError(Exception):
    """Base of everything that this package raises on purpose."""


class SynthesisError(LocalError):
    """The CDK app did not produce a template."""


class TemplateError(LocalError):
    """The template says something that this package does not understand, or contradicts itself."""


class StartError(LocalError):
    """A part of the stack did not come up."""


class PortTakenError(StartError):
    """Somebody else listens where this stack should."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"port {port} of {host} is taken; stop what uses it, or choose others with --port"
        )


class FunctionInitError(StartError):
    """A function's code failed before it could serve anything."""


class ThrottledError(LocalError):
    """Too many invocations wait for a function already."""


class UnknownFunctionError(LocalError):
    """There is no function of that name."""


class NotRunningError(LocalError):
    """There is no stack to look at."""

    def __init__(self, state: Path) -> None:
        super().__init__(f"no stack runs here ({state}); start one with: python -m local")
