"""AWS credentials that mean something only here, made anew for each run."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LocalCredentials:
    """Temporary credentials, as a function's role would give them; repr shows no secret."""

    access_key: str = field(default_factory=lambda: "ASIA" + secrets.token_hex(8).upper())
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
