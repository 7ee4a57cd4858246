"""What differs between stages, and how things are called in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from shared.utils import settings

PROJECT = "lingocast"


class ConfigError(Exception):
    """The app was asked for something that it cannot synthesize; the message says what it can."""


class UnknownStageError(ConfigError):
    """There is no stage of that name; the message lists those that exist."""


@dataclass(frozen=True)
class StageConfig:
    """One deployment of the stack."""

    stage: str
    # Of what holds data: tables, users, logs.
    removal_policy: RemovalPolicy
    log_retention: logs.RetentionDays
    # Settings of the functions that differ from their defaults, by environment name
    # (shared/utils/settings.py).
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack_name(self) -> str:
        """The stack's name, also that of its template file."""
        return f"{PROJECT}-{self.stage}"

    def resource_name(self, name: str) -> str:
        """What a resource is called in AWS; given names let an operator find things by hand."""
        return f"{self.stack_name}-{name.replace('_', '-')}"


_STAGES = {
    config.stage: config
    for config in (
        StageConfig(
            stage="dev",
            removal_policy=RemovalPolicy.DESTROY,
            log_retention=logs.RetentionDays.ONE_WEEK,
        ),
        StageConfig(
            stage="prod",
            # Keeps the data when the stack or a resource is deleted, but not what a failed first
            # deployment leaves: that would hold the names that the second one needs.
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            log_retention=logs.RetentionDays.THREE_MONTHS,
        ),
    )
}


def stage_config(stage: str, overrides: Mapping[str, str] | None = None) -> StageConfig:
    """The configuration of a stage, with `overrides` of functions' settings on top of its own.

    Raises ConfigError naming an unknown stage, or every setting that is unknown or refused.
    """
    if stage not in _STAGES:
        known = ", ".join(_STAGES)
        raise UnknownStageError(f"unknown stage {stage!r}; there are: {known}")
    config = _STAGES[stage]
    chosen = {**config.settings, **(overrides or {})}
    try:
        settings.check_tunable(chosen)
    except settings.SettingsError as error:
        raise ConfigError(f"settings: {error}") from None
    return replace(config, settings=chosen)
