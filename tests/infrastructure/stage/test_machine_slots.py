"""Interpreted sessions, executions and Transcribe's streams fit each other."""

from __future__ import annotations

import pytest

from infrastructure.stage.config import ConfigError, StageConfig
from infrastructure.stage.context import config_from
from infrastructure.stage.machine_slots import sessions_for
from shared.utils.settings import ControlSettings

MOST = "MAX_INTERPRETED_SESSIONS"


def config(stage: str = "prod", **context: object) -> StageConfig:
    return config_from({"stage": stage, **context}.get)


def test_defaults_fit_the_default_quota() -> None:
    (default,) = (each.default for each in ControlSettings.declared() if each.name == MOST)

    assert default == sessions_for(25) == 20
    assert config().reserved_concurrency["interpreter"] == config().transcribe_streams == 25
    assert MOST not in config().settings


def test_a_raised_quota_raises_executions_and_sessions() -> None:
    raised = config(transcribeStreams="100")

    assert raised.reserved_concurrency["interpreter"] == 100
    assert raised.settings[MOST] == "80"
    assert config("dev", transcribeStreams=100).reserved_concurrency == {}
    assert config("dev", transcribeStreams=100).settings[MOST] == "80"


def test_sessions_can_be_lowered_but_not_raised_beyond_the_streams() -> None:
    assert config(settings={MOST: "3"}).settings[MOST] == "3"
    assert config(settings={MOST: "3"}, transcribeStreams=100).settings[MOST] == "3"
    with pytest.raises(
        ConfigError, match=f"{MOST}: 25 Transcribe streams serve 20 sessions, not 21"
    ):
        config(settings={MOST: "21"})


@pytest.mark.parametrize("streams", ["", "many", "1", -3, True])
def test_invalid_quotas_are_refused(streams: object) -> None:
    with pytest.raises(ConfigError, match="transcribeStreams: expected the account's quota"):
        config(transcribeStreams=streams)
