"""Settings of the functions for one local run, from the command line and the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.utils.settings import (
    INTERPRETATION_ENGINES,
    SettingsError,
    check_tunable,
    tunable,
)
from shared.utils.text_arguments import NOT_UTF8, is_text

# What every local run has in place of the stages' own: engines that need no AWS.
LOCAL_SETTINGS = {INTERPRETATION_ENGINES: "aws,offline,scripted"}
# Services that functions call and this stack has not; elsewhere AWS's own are asked.
_ENDPOINTS = tuple(
    f"AWS_ENDPOINT_URL_{service}" for service in ("POLLY", "TRANSCRIBE_STREAMING", "TRANSLATE")
)


def function_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Each NAME=VALUE of `arguments`, and what `environment` holds of the same names.

    An argument beats the environment, a later argument an earlier one. Raises SettingsError naming
    everything that is unknown or refused.
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
    """Where services are that the local stack has not, as far as `environment` says."""
    return {name: environment[name] for name in _ENDPOINTS if environment.get(name)}
