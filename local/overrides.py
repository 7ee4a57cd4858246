"""Settings of functions for one run, from the command line and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from shared.utils.settings import (
    INTERPRETATION_ENGINES,
    SHARD_SIZE,
    SettingsError,
    check_tunable,
    tunable,
)
from shared.utils.text_arguments import NOT_UTF8, is_text

_MAX_AUDIENCE = 10_000
_MIN_SHARD_SIZE = 500


def shard_size(cores: int) -> int:
    """Recipients of one function, if all functions and the gateway share this machine's cores.

    A post costs the gateway about as much as its sender, so that more senders than half of the
    cores only add work (docs/decisions/0038-price-of-a-delivery.md).
    """
    senders = max(1, cores // 2)
    return max(_MIN_SHARD_SIZE, _MAX_AUDIENCE // senders)


# Replaces the settings of stages in every local run: engines that need no AWS, and shards for
# functions without a core of their own.
LOCAL_SETTINGS = {
    INTERPRETATION_ENGINES: "aws,offline,scripted",
    SHARD_SIZE: str(shard_size(os.cpu_count() or 1)),
}
# Services that functions call and the local stack does not have; the default is AWS.
_ENDPOINTS = tuple(
    f"AWS_ENDPOINT_URL_{service}" for service in ("POLLY", "TRANSCRIBE_STREAMING", "TRANSLATE")
)


def function_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Collect settings from NAME=VALUE arguments and from variables of the same names.

    Arguments override the environment, later arguments override earlier ones. Raises SettingsError
    that names every unknown or invalid setting.
    """
    chosen = {name: environment[name] for name in tunable() if environment.get(name)}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise SettingsError(f"expected NAME=VALUE, not {argument!r}")
        chosen[name.strip()] = value.strip()
    if unreadable := [name for name, value in chosen.items() if not is_text(value)]:
        raise SettingsError(f"{', '.join(unreadable)} {NOT_UTF8}")
    check_tunable(chosen)
    return chosen


def service_endpoints(environment: Mapping[str, str]) -> dict[str, str]:
    """The endpoints in `environment` of services that the local stack does not have."""
    return {name: environment[name] for name in _ENDPOINTS if environment.get(name)}
