"""Selects the tests that can run against a deployed API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.conformance.catalogue import MARK, Behaviour, Requirement
from tests.conformance.dialects import Dialect, ProbeDialect, default_message, detect_dialect

_TIMEOUT_SECONDS = 20.0
# Requirements that no deployed API meets, with the reason.
_LOCAL_ONLY = {
    Requirement.CLOCK: "needs a manual clock",
    Requirement.PROCESS: "tests HTTP APIs, and the probe has none",
}


@dataclass(frozen=True)
class Deployed:
    """The deployed APIs to test; `strict_url` is the probe's second API."""

    url: str
    dialect: Dialect
    strict_url: str | None = None
    token: str | None = field(default=None, repr=False)
    # Whether to run tests that take half a minute each.
    slow: bool = False


DEPLOYED = pytest.StashKey[Deployed]()


def from_environment(environment: Mapping[str, str]) -> Deployed | None:
    """The APIs of `make conformance URL=…`, or None without a URL. Raises pytest.UsageError."""
    url = environment.get("CONFORMANCE_URL")
    if not url:
        return None
    token = environment.get("CONFORMANCE_TOKEN") or None
    return Deployed(
        url,
        _dialect(url, token),
        environment.get("CONFORMANCE_STRICT_URL") or None,
        token,
        bool(environment.get("CONFORMANCE_SLOW")),
    )


def _dialect(url: str, token: str | None) -> Dialect:
    if not url.startswith(("wss://", "ws://")):
        raise pytest.UsageError(f"URL={url}: expected wss://HOST/STAGE or ws://HOST/STAGE")
    address = f"{url}?token={token}" if token else url
    try:
        with connect(address, compression=None, open_timeout=_TIMEOUT_SECONDS) as client:
            client.send(default_message())
            answer = client.recv(_TIMEOUT_SECONDS)
    except (OSError, WebSocketException) as error:
        raise pytest.UsageError(f"URL={url}: the API does not answer: {error!r}") from error
    try:
        dialect = detect_dialect(json.loads(answer))
    except (ValueError, AttributeError):
        dialect = None
    if dialect is None:
        raise pytest.UsageError(
            f"URL={url}: the API is neither the probe nor a Lingocast stack; it answers "
            f"{answer!r}; `make conformance-deploy` deploys the probe"
        )
    return dialect


def skip_reasons(items: Iterable[pytest.Item], deployed: Deployed) -> dict[pytest.Item, str]:
    """The tests that cannot run there, each with the reason."""
    reasons = {}
    for item in items:
        mark = item.get_closest_marker(MARK)
        reason = skip_reason(mark.args[0] if mark else None, deployed)
        if reason:
            reasons[item] = reason
    return reasons


def skip_reason(row: Behaviour | None, deployed: Deployed) -> str:
    """Reason why the test of a behaviour cannot run there, or an empty string."""
    if row is None:
        return "tests the suite itself"
    is_probe = isinstance(deployed.dialect, ProbeDialect)
    if row.requires in _LOCAL_ONLY:
        return _LOCAL_ONLY[row.requires]
    if row.requires is not Requirement.MESSAGES and not is_probe:
        return "needs the probe: make conformance-deploy"
    if row.requires is Requirement.STRICT and deployed.strict_url is None:
        return "needs the strict probe: STRICT_URL=wss://…"
    if row.slow and not deployed.slow:
        return "takes half a minute: SLOW=1"
    return ""
