"""Settings reach the functions from the stage's configuration and the context."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infrastructure.catalogue.function_spec import FunctionSpec
from infrastructure.catalogue.function_table import AUDIO_PROCESSOR, CONTROL
from infrastructure.stage.config import ConfigError, GatewayLogRole
from infrastructure.stage.context import config_from, settings_from
from shared.utils.settings import AuthorizerSettings, load
from tests.infrastructure.assembly import NO_BUNDLING, Assembly, run_app, synthesize

ISSUER = {"TOKEN_ISSUER": "https://issuer.example/pool", "TOKEN_CLIENT_ID": "client"}


def variables(assembly: Assembly, spec: FunctionSpec) -> dict[str, Any]:
    found: dict[str, Any] = assembly.function(spec.name)["Environment"]["Variables"]
    return found


def test_the_context_reaches_every_function_that_reads_the_setting(tmp_path: Path) -> None:
    # The command line passes text only.
    text = json.dumps({"MAX_LISTENERS": "50", "FANOUT_CONCURRENCY": 7})
    tuned = synthesize(tmp_path / "cdk.out", context={**NO_BUNDLING, "settings": text})

    for spec in (AUDIO_PROCESSOR, CONTROL):
        assert variables(tuned, spec)["MAX_LISTENERS"] == "50"
        assert variables(tuned, spec)["FANOUT_CONCURRENCY"] == "7"
    authorizer = tuned.function("authorizer")["Environment"]["Variables"]
    assert not {"MAX_LISTENERS", "FANOUT_CONCURRENCY"} & set(authorizer)


def test_invalid_settings_are_reported_before_anything_is_written(tmp_path: Path) -> None:
    context = {**NO_BUNDLING, "settings": {"MAX_LISTENER": "50", "MAX_LISTENERS": "none"}}
    done = run_app(tmp_path / "cdk.out", context)

    assert done.returncode == 1
    assert done.stderr.startswith("app.py: settings: MAX_LISTENER: no such setting; there are: ")
    assert "MAX_LISTENERS: must be a whole number of at least 1, not 'none'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("cdk.out/*.template.json"))


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("SHARD_SIZE=10", r"settings: not JSON .*; expected \{"),
        ("[1]", "settings: expected an object"),
        ({"MAX_LISTENERS": True}, "settings: MAX_LISTENERS: expected text or a whole number"),
        ({"MAX_LISTENERS": None}, "settings: MAX_LISTENERS: expected text or a whole number"),
    ],
)
def test_settings_of_another_type_are_refused(context: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        settings_from(context)


def test_a_missing_context_changes_nothing() -> None:
    assert settings_from(None) == {}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_an_override_replaces_only_its_own_setting(stage: str) -> None:
    before = config_from({"stage": stage}.get)
    after = config_from({"stage": stage, "settings": {"MAX_LISTENERS": "50"}}.get)

    assert replace(after, settings={}) == replace(before, settings={})
    assert after.settings == {**before.settings, "MAX_LISTENERS": "50"}


@pytest.mark.parametrize(
    "origins",
    [
        ["https://Talks.example.org", "http://localhost:3000"],
        "https://talks.example.org:443, http://localhost:3000",
    ],
)
def test_allowed_origins_reach_the_authorizer(origins: object) -> None:
    config = config_from({"stage": "prod", "allowedOrigins": origins}.get)

    assert config.settings["ALLOWED_ORIGINS"] == (
        "https://talks.example.org:443,http://localhost:3000"
    )
    settings = load(AuthorizerSettings, {**config.settings, **ISSUER})
    assert settings.allowed_origins == ("https://talks.example.org:443", "http://localhost:3000")


def test_without_origins_any_browser_may_connect() -> None:
    for context in ({"stage": "prod"}, {"stage": "prod", "allowedOrigins": []}):
        config = config_from(context.get)
        assert load(AuthorizerSettings, {**config.settings, **ISSUER}).allowed_origins == ()


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        ("*", r"allowedOrigins: expected an origin .*, not '\*'"),
        ("https://talks.example.org/path", "allowedOrigins: expected an origin"),
        ("", "allowedOrigins: expected an origin"),
        ([7], "allowedOrigins: expected a list"),
        ({"a": 1}, "allowedOrigins: expected a list"),
    ],
)
def test_invalid_origins_are_refused(origins: object, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        config_from({"stage": "dev", "allowedOrigins": origins}.get)


def test_the_other_options_of_a_deployment() -> None:
    context = {
        "stage": "prod",
        "gatewayLogRole": "existing",
        "alarmEmail": "ops@example.org",
        "reservedConcurrency": "off",
    }
    config = config_from(context.get)

    assert config.gateway_log_role is GatewayLogRole.EXISTING
    assert config.alarm_email == "ops@example.org"
    assert not config.reserved_concurrency


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"gatewayLogRole": "none"}, "gatewayLogRole: expected one of create, existing, off"),
        ({"identitySource": "token"}, "identitySource: expected one of none, host, not 'token'"),
        ({"alarmEmail": "ops"}, "alarmEmail: expected an e-mail address or none, not 'ops'"),
        ({"reservedConcurrency": "100"}, "reservedConcurrency: expected off, not '100'"),
        ({"protection": "on"}, "protection: expected off, not 'on'"),
        ({"stage": 7}, "unknown stage '7'; there are: dev, prod"),
    ],
)
def test_unknown_values_are_refused(context: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        config_from(context.get)
