"""AWS credentials that are valid only in the local stack.

They are the same in every run, so `aws --endpoint-url ...` works with the stack and signatures are
reproducible. They protect nothing: the stack listens only on the loopback interface. A function's
credentials serve to identify it.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from dataclasses import dataclass, field
from hashlib import sha512


@dataclass(frozen=True)
class LocalCredentials:
    """Temporary credentials as of an assumed role; `repr` hides the secrets.

    The defaults are those of the operator, the developer who runs the stack and may do everything.
    """

    access_key: str = "ASIALINGOCASTLOCAL00"
    secret_key: str = field(default="lingocast-local-secret", repr=False)
    token: str = field(default="lingocast-local-session-token", repr=False)

    @classmethod
    def of_function(cls, name: str) -> LocalCredentials:
        """A function's credentials, derived from its name, in the format of AWS's."""
        digest = sha512(f"lingocast-local:{name}".encode()).digest()
        return cls(
            access_key="ASIA" + b32encode(digest[:10]).decode(),
            secret_key=b64encode(digest[10:40]).decode(),
            token=b64encode(digest[40:]).decode().rstrip("="),
        )

    def environment(self) -> dict[str, str]:
        """The environment variables in which Lambda passes credentials to a function."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }
