"""Loading of settings, with all faults reported together."""

from __future__ import annotations

import pytest

from shared.interpretation.request_validator import validate_interpretation
from shared.models.audio_format import AudioFormat
from shared.models.errors import ValidationError
from shared.models.interpretation import RequestedInterpretation
from shared.utils.setting_values import engines
from shared.utils.settings import (
    InterpreterSettings,
    SessionSettings,
    SettingsError,
    check_tunable,
    load,
    tunable,
)

GOOD = {
    "SESSIONS_TABLE": "s",
    "CONNECTIONS_TABLE": "c",
    "API_GATEWAY_ENDPOINT": "https://a.example/dev/",
    "STATUS_QUEUE_URL": "https://sqs.example/statuses",
}


def test_values_and_defaults() -> None:
    settings = load(SessionSettings, {**GOOD, "FANOUT_CONCURRENCY": "7"})

    assert settings.sessions_table == "s"
    assert settings.api_gateway_endpoint == "https://a.example/dev"
    assert settings.fanout_concurrency == 7
    assert settings.max_listeners == 10_000


def test_loaded_settings_cannot_be_changed() -> None:
    settings = load(SessionSettings, GOOD)

    with pytest.raises(AttributeError, match="MAX_LISTENERS"):
        settings.max_listeners = 1


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            SessionSettings,
            {"API_GATEWAY_ENDPOINT": "a.example", "FANOUT_CONCURRENCY": "0", "MAX_LISTENERS": "x"},
        )

    for name in (
        "SESSIONS_TABLE: missing",
        "CONNECTIONS_TABLE: missing",
        "API_GATEWAY_ENDPOINT: must be",
        "FANOUT_CONCURRENCY: must be",
        "MAX_LISTENERS: must be",
    ):
        assert name in str(caught.value)


def test_names_and_required_names() -> None:
    assert set(SessionSettings.required_names()) == set(GOOD)
    assert {"FANOUT_CONCURRENCY", "MAX_LISTENERS"} < set(SessionSettings.names())


def test_only_settings_with_a_default_are_tunable() -> None:
    assert {"FANOUT_CONCURRENCY", "MAX_LISTENERS"} <= tunable().keys()
    assert not {"SESSIONS_TABLE", "API_GATEWAY_ENDPOINT", "TOKEN_ISSUER"} & tunable().keys()
    check_tunable({"FANOUT_CONCURRENCY": "50", "MAX_LISTENERS": "1"})


def test_the_connection_lifetime_has_a_maximum() -> None:
    assert load(SessionSettings, GOOD).connection_lifetime_seconds == 7_200
    check_tunable({"CONNECTION_LIFETIME_SECONDS": "7200"})
    with pytest.raises(SettingsError, match=r"CONNECTION_LIFETIME_SECONDS: must be at most 7200"):
        check_tunable({"CONNECTION_LIFETIME_SECONDS": "7201"})


INTERPRETER = {
    "SESSIONS_TABLE": "s",
    "INTERPRETER_FUNCTION": "interpreter",
    "WEBSOCKET_URL": "wss://a.example/dev",
}


def test_a_run_leaves_time_for_its_successor() -> None:
    assert load(InterpreterSettings, INTERPRETER).interpreter_run_seconds == 810
    check_tunable({"INTERPRETER_RUN_SECONDS": "5"})
    with pytest.raises(SettingsError, match=r"INTERPRETER_RUN_SECONDS: must be at most 810"):
        check_tunable({"INTERPRETER_RUN_SECONDS": "811"})


def test_the_interpreter_connects_by_websocket() -> None:
    with pytest.raises(SettingsError, match=r"WEBSOCKET_URL: must be a ws\(s\) URL"):
        load(InterpreterSettings, {**INTERPRETER, "WEBSOCKET_URL": "https://a.example/dev"})


def test_a_stage_may_offer_no_engine() -> None:
    assert engines("none") == ()
    with pytest.raises(ValidationError, match="no such engine; there are none here"):
        validate_interpretation(
            RequestedInterpretation(engine="aws", languages="auto"),
            source_language="en",
            audio_format=AudioFormat(),
            engines=engines("none"),
        )


@pytest.mark.parametrize("text", ["", "google", "aws,", "aws offline", "none,aws"])
def test_unknown_engines_are_refused(text: str) -> None:
    check_tunable({"INTERPRETATION_ENGINES": "aws, offline,aws"})
    with pytest.raises(SettingsError, match="INTERPRETATION_ENGINES: expected names out of aws, "):
        check_tunable({"INTERPRETATION_ENGINES": text})


def test_invalid_tuning_names_the_tunable_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        check_tunable({"SESSIONS_TABLE": "mine", "MAX_LISTENERS": "many", "FANOUT_CONCURRENCY": ""})

    assert "SESSIONS_TABLE: no such setting; there are: " in str(caught.value)
    assert ", MAX_LISTENERS" in str(caught.value)
    assert "MAX_LISTENERS: must be a whole number of at least 1, not 'many'" in str(caught.value)
    assert "FANOUT_CONCURRENCY: must be a whole number of at least 1, not ''" in str(caught.value)
