"""Fits a stage to its Region: interpretation engines, quota and throttles."""

from __future__ import annotations

from dataclasses import replace

from infrastructure.catalogue.http_routes import HTTP_ROUTES
from infrastructure.catalogue.routes import ROUTES
from infrastructure.stage.config import ConfigError, StageConfig
from infrastructure.stage.regions import ANY_REGION, REGIONS, UNKNOWN_REGION, Region
from infrastructure.stage.throttles import Throttle
from shared.utils import settings
from shared.utils.setting_values import NO_ENGINE, engines

_AWS_ENGINE = "aws"
# The share of the account's requests a second that all routes together may use. The rest is for
# deliveries.
_ROUTES_SHARE = 0.5
_MIN_QUOTA = 100


def fit_to_region(
    config: StageConfig, region: str | None, requests_per_second: int | None = None
) -> StageConfig:
    """The stage, adapted to a Region; None is no Region in particular.

    `requests_per_second` is the account's quota, if it is not the Region's default. Raises
    ConfigError for settings that the Region cannot serve.
    """
    facts = ANY_REGION if region is None else REGIONS.get(region, UNKNOWN_REGION)
    if region is not None and region not in REGIONS:
        config = _with_note(
            config,
            f"Region {region} is not in infrastructure/stage/regions.py: assuming "
            f"{facts.requests_per_second} API Gateway requests/s and no machine interpretation",
        )
    config = _with_engines(config, region, facts)
    quota = requests_per_second or facts.requests_per_second
    return _with_quota(config, quota, f" in {region}" if region else "")


def requests_per_second_from(value: object) -> int | None:
    """The context's `apiRequestsPerSecond`, a whole number. Raises ConfigError."""
    if value is None:
        return None
    text = str(value)
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < _MIN_QUOTA:
        raise ConfigError(
            f"apiRequestsPerSecond: expected the account's quota, a whole number of at least "
            f"{_MIN_QUOTA}, not {value!r}"
        )
    return number


def routes_rate(config: StageConfig) -> int:
    """The sum of the rates of all routes of both APIs (requests a second)."""
    throttles = {route.key: config.throttle for route in ROUTES}
    throttles |= {route.key: config.http_throttle for route in HTTP_ROUTES}
    return sum(config.route_throttles.get(key, other).rate for key, other in throttles.items())


def _with_engines(config: StageConfig, region: str | None, facts: Region) -> StageConfig:
    if not (missing := facts.missing_services):
        return config
    chosen = config.settings.get(settings.INTERPRETATION_ENGINES)
    lacking = f"Region {region} has no {' and no '.join(missing)}"
    if chosen is None:
        return _with_note(
            replace(
                config, settings={**config.settings, settings.INTERPRETATION_ENGINES: NO_ENGINE}
            ),
            f"{lacking}: no machine interpretation (INTERPRETATION_ENGINES={NO_ENGINE})",
        )
    if _AWS_ENGINE in engines(chosen):
        raise ConfigError(
            f"settings: INTERPRETATION_ENGINES: {lacking}, which the engine {_AWS_ENGINE} needs; "
            f"remove the engine, or set {NO_ENGINE}"
        )
    return config


def _with_quota(config: StageConfig, quota: int, where: str) -> StageConfig:
    """Set the quota, which the alarm follows; a smaller one scales all throttles down."""
    assumed = config.api_requests_per_second
    if quota < assumed:
        config = _with_note(
            _scale(config, quota, assumed),
            f"API Gateway's quota{where} is {quota} requests/s, not {assumed}: all throttles of "
            f"{config.stage} are scaled to {100 * quota // assumed} % "
            "(set apiRequestsPerSecond=... if the quota has been raised)",
        )
    config = replace(config, api_requests_per_second=quota)
    rates, limit = routes_rate(config), int(quota * _ROUTES_SHARE)
    if rates > limit:
        raise ConfigError(
            f"the routes of {config.stage} may take {rates} requests/s, but only {limit} of the "
            f"account's {quota}{where} are for routes, the rest for deliveries: raise the quota "
            "and set apiRequestsPerSecond=..., or lower the throttles in "
            "infrastructure/stage/throttles.py"
        )
    return config


def _scale(config: StageConfig, quota: int, assumed: int) -> StageConfig:
    def scaled(throttle: Throttle) -> Throttle:
        return Throttle(
            rate=max(1, throttle.rate * quota // assumed),
            burst=max(1, throttle.burst * quota // assumed),
        )

    return replace(
        config,
        throttle=scaled(config.throttle),
        http_throttle=scaled(config.http_throttle),
        throttles={key: scaled(item) for key, item in config.throttles.items()},
    )


def _with_note(config: StageConfig, note: str) -> StageConfig:
    return replace(config, notes=(*config.notes, note))
