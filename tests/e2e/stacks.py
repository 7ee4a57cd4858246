"""Running stacks whose rules of time run when a test says so, not in the middle of it.

A periodic status between a join and the status that the join brings about says first what that
would have said; then no status follows.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from local.endpoints import Endpoints
from local.launch import launch

# Longer than any test.
_NEVER_SECONDS = 3_600


def launch_quiet(*arguments: str) -> AbstractContextManager[Endpoints]:
    """As `launch`, with more of its arguments."""
    return launch(extra_args=[f"--schedule-seconds={_NEVER_SECONDS}", *arguments])
