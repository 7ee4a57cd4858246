"""Fits a stage to the Region that it is deployed to: its engines, its quota, its throttles."""

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
# Of the account's requests a second: what all routes together may take, so that deliveries have
# the rest.
_ROUTES_SHARE = 0.5
_LEAST_REQUESTS = 100


def fit_to_region(
    config: StageConfig, region: str | None, requests_per_second: int | None = None
) -> StageConfig:
    """The stage as the Region can carry it; None is no Region in particular.

    `requests_per_second` is the account's quota where it is not the Region's default.

    Raises ConfigError for what was asked for and cannot be.
    """
    facts = ANY_REGION if region is None else REGIONS.get(region, UNKNOWN_REGION)
    if region is not None and region not in REGIONS:
        config = _noted(
            config,
            f"Region {region} is not in infrastructure/stage/regions.py: taken to have "
            f"{facts.requests_per_second} API Gateway requests/s and no machine interpretation",
        )
    config = _with_engines(config, region, facts)
    quota = requests_per_second or facts.requests_per_second
    return _with_quota(config, quota, f" in {region}" if region else "")


def requests_per_second_from(value: object) -> int | None:
    """The context `apiRequestsPerSecond`: a whole number, or nothing. Raises ConfigError."""
    if value is None:
        return None
    text = str(value)
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < _LEAST_REQUESTS:
        raise ConfigError(
            f"apiRequestsPerSecond: expected the account's quota, a whole number of at least "
            f"{_LEAST_REQUESTS}, not {value!r}"
        )
    return number


def routes_rate(config: StageConfig) -> int:
    """How many requests a second all routes of both APIs together may take."""
    throttles = {route.key: config.throttle for route in ROUTES}
    throttles |= {route.key: config.http_throttle for route in HTTP_ROUTES}
    return sum(config.route_throttles.get(key, other).rate for key, other in throttles.items())


def _with_engines(config: StageConfig, region: str | None, facts: Region) -> StageConfig:
    if not (missing := facts.missing_services):
        return config
    chosen = config.settings.get(settings.INTERPRETATION_ENGINES)
    lacking = f"Region {region} has no {' and no '.join(missing)}"
    if chosen is None:
        return _noted(
            replace(
                config, settings={**config.settings, settings.INTERPRETATION_ENGINES: NO_ENGINE}
            ),
            f"{lacking}: no machine interpretation (INTERPRETATION_ENGINES={NO_ENGINE})",
        )
    if _AWS_ENGINE in engines(chosen):
        raise ConfigError(
            f"settings: INTERPRETATION_ENGINES: {lacking}, which the engine {_AWS_ENGINE} needs; "
            f"leave it out, or say {NO_ENGINE}"
        )
    return config


def _with_quota(config: StageConfig, quota: int, where: str) -> StageConfig:
    """The alarm follows the quota; throttles are made smaller with it, never larger."""
    made_for = config.api_requests_per_second
    if quota < made_for:
        config = _noted(
            _scaled(config, quota, made_for),
            f"API Gateway takes {quota} requests/s{where}, not {made_for}: every throttle of "
            f"{config.stage} is {100 * quota // made_for} % of what it says "
            "(apiRequestsPerSecond=... where the quota has been raised)",
        )
    config = replace(config, api_requests_per_second=quota)
    allowed, most = routes_rate(config), int(quota * _ROUTES_SHARE)
    if allowed > most:
        raise ConfigError(
            f"the routes of {config.stage} may take {allowed} requests/s, but of the account's "
            f"{quota}{where} only {most} are for them, the rest for deliveries: raise the quota "
            "and say so (apiRequestsPerSecond=...), or lower the throttles in "
            "infrastructure/stage/throttles.py"
        )
    return config


def _scaled(config: StageConfig, quota: int, made_for: int) -> StageConfig:
    def less(throttle: Throttle) -> Throttle:
        return Throttle(
            rate=max(1, throttle.rate * quota // made_for),
            burst=max(1, throttle.burst * quota // made_for),
        )

    return replace(
        config,
        throttle=less(config.throttle),
        http_throttle=less(config.http_throttle),
        throttles={key: less(item) for key, item in config.throttles.items()},
    )


def _noted(config: StageConfig, note: str) -> StageConfig:
    return replace(config, notes=(*config.notes, note))
