"""Certificate authorities for libcurl."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_SYSTEM_CA_BUNDLE = Path("/etc/pki/tls/certs/ca-bundle.crt")


def default_ca_bundle() -> str:
    """Return the certificate authorities of Lambda's operating system, else botocore's.

    pycurl's wheel knows only the former path, which for example Debian lacks.
    """
    if _SYSTEM_CA_BUNDLE.exists():
        return str(_SYSTEM_CA_BUNDLE)
    return str(files("botocore") / "cacert.pem")
