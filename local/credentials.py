"""AWS credentials that mean something only here.

They are the same in every run, so that `aws --endpoint-url ...` works beside the stack. They guard
nothing: the stack listens on the loopback interface alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LocalCredentials:
    """Temporary credentials in the form that a function's role gives it; repr hides them."""

    access_key: str = "ASIALINGOCASTLOCAL00"
    secret_key: str = field(default="lingocast-local-secret", repr=False)
    token: str = field(default="lingocast-local-session-token", repr=False)
