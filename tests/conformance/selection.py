"""Which tests can be run against a deployed API, and why the others cannot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.conformance.catalogue import MARK, Behaviour, Needs
from tests.conformance.dialects import Dialect, ProbeDialect, question, recognize

_PATIENCE_SECONDS = 20.0
# What no deployed API can be asked, and why.
_NOWHERE = {
    Needs.CLOCK: "needs a clock that a test can move",
    Needs.PROCESS: "is about HTTP APIs, and the probe has none",
}


@dataclass(frozen=True)
class Deployed:
    """The APIs that are asked; `strict_url` is the probe's second one."""

    url: str
    dialect: Dialect
    strict_url: str | None = None
    token: str | None = field(default=None, repr=False)
    # Whether tests may take half a minute each.
    slow: bool = False


DEPLOYED = pytest.StashKey[Deployed]()


def from_environment(environment: Mapping[str, str]) -> Deployed | None:
    """What `make conformance URL=…` names; None if nothing. Raises pytest.UsageError."""
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
        with connect(address, compression=None, open_timeout=_PATIENCE_SECONDS) as client:
            client.send(question())
            answer = client.recv(_PATIENCE_SECONDS)
    except (OSError, WebSocketException) as error:
        raise pytest.UsageError(f"URL={url}: no answer from there: {error!r}") from error
    try:
        dialect = recognize(json.loads(answer))
    except (ValueError, AttributeError):
        dialect = None
    if dialect is None:
        raise pytest.UsageError(
            f"URL={url}: neither the probe nor a Lingocast stack answers there, but {answer!r}; "
            "`make conformance-deploy` deploys the probe"
        )
    return dialect


def left_out(items: Iterable[pytest.Item], deployed: Deployed) -> dict[pytest.Item, str]:
    """The tests that cannot be run there, each with the reason."""
    reasons = {}
    for item in items:
        mark = item.get_closest_marker(MARK)
        reason = why_not(mark.args[0] if mark else None, deployed)
        if reason:
            reasons[item] = reason
    return reasons


def why_not(row: Behaviour | None, deployed: Deployed) -> str:
    """Why the test of a behaviour cannot be run there; empty if it can."""
    if row is None:
        return "is about this suite, not about API Gateway"
    is_probe = isinstance(deployed.dialect, ProbeDialect)
    if row.needs in _NOWHERE:
        return _NOWHERE[row.needs]
    if row.needs is not Needs.MESSAGES and not is_probe:
        return "needs the probe: make conformance-deploy"
    if row.needs is Needs.STRICT and deployed.strict_url is None:
        return "needs the strict probe: STRICT_URL=wss://…"
    if row.slow and not deployed.slow:
        return "takes half a minute: SLOW=1"
    return ""
