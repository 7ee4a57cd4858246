"""AWS credentials that mean something only here.

They are the same in every run, so that `aws --endpoint-url ...` works beside the stack and what
was signed once can be compared. They guard nothing: the stack listens on the loopback interface
alone. Telling functions apart is all that theirs are for.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from dataclasses import dataclass, field
from hashlib import sha512


@dataclass(frozen=True)
class LocalCredentials:
    """Temporary credentials in the form that a role gives; repr hides them.

    The defaults are the operator's: whoever runs the stack, who may do everything.
    """

    access_key: str = "ASIALINGOCASTLOCAL00"
    secret_key: str = field(default="lingocast-local-secret", repr=False)
    token: str = field(default="lingocast-local-session-token", repr=False)

    @classmethod
    def of_function(cls, name: str) -> LocalCredentials:
        """A function's own, made of its name: as long and of the same letters as AWS's."""
        digest = sha512(f"lingocast-local:{name}".encode()).digest()
        return cls(
            access_key="ASIA" + b32encode(digest[:10]).decode(),
            secret_key=b64encode(digest[10:40]).decode(),
            token=b64encode(digest[40:]).decode().rstrip("="),
        )

    def environment(self) -> dict[str, str]:
        """The variables in which Lambda gives credentials to a function."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }
