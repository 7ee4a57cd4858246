"""Applies the CDK's context of one deployment to a stage's configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from infrastructure.stage.config import (
    ConfigError,
    ConnectIdentity,
    CustomDomain,
    DeliveryMode,
    GatewayLogRole,
    StageConfig,
    stage_config,
)
from infrastructure.stage.machine_slots import fit_to_streams
from infrastructure.stage.region_limits import fit_to_region, requests_per_second_from
from shared.utils import setting_values, settings

DEFAULT_STAGE = "dev"
# The value of `alarmEmail` for no e-mail.
NOBODY = "none"
_CDK_JSON = Path(__file__).parents[2] / "cdk.json"
_EXAMPLE = '{"SHARD_SIZE": "10"}'
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_CERTIFICATE = re.compile(r"arn:[a-z-]+:acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+")
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def config_from(context: Callable[[str], object], region: str | None = None) -> StageConfig:
    """The stage's configuration, with the values of `context`, all optional.

    - `stage`: its name
    - `settings`: function settings, an object or its JSON as text
    - `allowedOrigins`: origins of browsers, a list or text with commas
    - `gatewayLogRole`: create, existing or off
    - `identitySource`: of the handshake, none or host
    - `alarmEmail`: an address, or none
    - `reservedConcurrency`: off for no reserved executions
    - `protection`: off for a first deployment
    - `delivery`: canary or at-once
    - `region`: where the stage is deployed to; overrides the parameter
    - `apiRequestsPerSecond`, `transcribeStreams`: the account's quotas in the Region
    - `domainName`, `certificateArn`, `hostedZoneId`: a domain for the WebSocket API

    Raises ConfigError, naming the wrong value and the allowed ones.
    """
    config = stage_config(str(context("stage") or DEFAULT_STAGE))
    config = _with_settings(config, settings_from(context("settings")))
    config = _with_origins(config, context("allowedOrigins"))
    config = _with_log_role(config, context("gatewayLogRole"))
    config = _with_delivery(config, context("delivery"))
    config = _with_identity(config, context("identitySource"))
    config = _with_alarm_email(config, context("alarmEmail"))
    config = _with_concurrency(config, context("reservedConcurrency"))
    config = _with_protection(config, context("protection"))
    config = fit_to_streams(config, context("transcribeStreams"))
    quota = requests_per_second_from(context("apiRequestsPerSecond"))
    region = _region_from(context("region")) or region
    domain = _domain_from(
        context("domainName"), context("certificateArn"), context("hostedZoneId"), region
    )
    return fit_to_region(replace(config, domain=domain), region, quota)


def cdk_json_context() -> dict[str, Any]:
    """The context in `cdk.json`, which only the CDK's command line applies by itself."""
    context: dict[str, Any] = json.loads(_CDK_JSON.read_text())["context"]
    return context


def settings_from(value: object) -> dict[str, str]:
    """The function settings in the context's `settings`: an object or JSON text.

    The command line passes all values as text. Raises ConfigError.
    """
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"settings: not JSON ({error}); expected {_EXAMPLE}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"settings: expected an object like {_EXAMPLE}")
    return {name: _text(name, item) for name, item in value.items()}


def _text(name: str, value: object) -> str:
    """The value as environment variables hold it: numbers become text."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ConfigError(f"settings: {name}: expected text or a whole number")
    return str(value)


def _with_settings(config: StageConfig, overrides: dict[str, str]) -> StageConfig:
    chosen = {**config.settings, **overrides}
    try:
        settings.check_tunable(chosen)
    except settings.SettingsError as error:
        raise ConfigError(f"settings: {error}") from None
    return replace(config, settings=chosen)


def _with_origins(config: StageConfig, value: object) -> StageConfig:
    """Set the allowed origins of browsers, a setting of the authorizer."""
    if value is None:
        return config
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ConfigError("allowedOrigins: expected a list such as https://talks.example.org")
    try:
        origins = setting_values.origins(",".join(listed)) if listed else ()
    except ValueError as error:
        raise ConfigError(f"allowedOrigins: {error}") from None
    if not origins:
        return config
    return replace(
        config, settings={**config.settings, settings.ALLOWED_ORIGINS: ",".join(origins)}
    )


def _with_log_role(config: StageConfig, value: object) -> StageConfig:
    if value is None:
        return config
    try:
        return replace(config, gateway_log_role=GatewayLogRole(value))
    except ValueError:
        known = ", ".join(role.value for role in GatewayLogRole)
        raise ConfigError(f"gatewayLogRole: expected one of {known}, not {value!r}") from None


def _with_delivery(config: StageConfig, value: object) -> StageConfig:
    """Set how a stage with aliases delivers.

    It cannot be plain: removing the aliases would leave the API without functions for a moment.
    """
    if value is None:
        return config
    choices = [item for item in DeliveryMode if item is not DeliveryMode.PLAIN]
    if config.delivery is DeliveryMode.PLAIN:
        raise ConfigError(f"delivery: {config.stage} has no aliases; leave delivery out")
    for item in choices:
        if item.value == value:
            return replace(config, delivery=item)
    known = ", ".join(item.value for item in choices)
    raise ConfigError(f"delivery: expected one of {known}, not {value!r}")


def _with_identity(config: StageConfig, value: object) -> StageConfig:
    if value is None:
        return config
    try:
        return replace(config, connect_identity=ConnectIdentity(value))
    except ValueError:
        known = ", ".join(identity.value for identity in ConnectIdentity)
        raise ConfigError(f"identitySource: expected one of {known}, not {value!r}") from None


def _with_alarm_email(config: StageConfig, value: object) -> StageConfig:
    if value is None or value == NOBODY:
        return config
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise ConfigError(f"alarmEmail: expected an e-mail address or {NOBODY}, not {value!r}")
    return replace(config, alarm_email=value, alarm_topic=True)


def _with_concurrency(config: StageConfig, value: object) -> StageConfig:
    if value is None:
        return config
    if value != "off":
        raise ConfigError(
            f"reservedConcurrency: expected off, not {value!r}; leave it out otherwise"
        )
    return replace(config, reserved_concurrency={})


def _with_protection(config: StageConfig, value: object) -> StageConfig:
    if value is None:
        return config
    if value != "off":
        raise ConfigError(f"protection: expected off, not {value!r}; leave it out otherwise")
    return config.unprotected()


def _region_from(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _REGION.fullmatch(value):
        raise ConfigError(f"region: expected a Region like eu-central-1, not {value!r}")
    return value


def _domain_from(
    name: object, certificate: object, zone: object, region: str | None
) -> CustomDomain | None:
    if name is None:
        for key, value in (("certificateArn", certificate), ("hostedZoneId", zone)):
            if value is not None:
                raise ConfigError(f"{key}: needs domainName; add it")
        return None
    if not isinstance(name, str) or not _DOMAIN.fullmatch(name):
        raise ConfigError(f"domainName: expected a name like live.example.org, not {name!r}")
    found = _CERTIFICATE.fullmatch(certificate) if isinstance(certificate, str) else None
    if found is None:
        raise ConfigError(
            "certificateArn: expected the ARN of an ACM certificate for "
            f"{name}, not {certificate!r}"
        )
    if region is not None and found[1] != region:
        raise ConfigError(
            f"certificateArn: the certificate is in {found[1]}, the stage in {region}; API Gateway "
            "needs one in its own Region"
        )
    if zone is not None and not (isinstance(zone, str) and _ZONE.fullmatch(zone)):
        raise ConfigError(f"hostedZoneId: expected an id like Z0123456789ABCDEFGHIJ, not {zone!r}")
    return CustomDomain(name, str(certificate), zone)
