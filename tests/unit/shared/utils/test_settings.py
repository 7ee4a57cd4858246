"""Settings are read once, and every fault is told at once."""

from __future__ import annotations

import pytest

from shared.utils.settings import SessionSettings, SettingsError, load

GOOD = {
    "SESSIONS_TABLE": "s",
    "CONNECTIONS_TABLE": "c",
    "API_GATEWAY_ENDPOINT": "https://a.example/dev/",
}


def test_values_and_defaults() -> None:
    settings = load(SessionSettings, {**GOOD, "FANOUT_CONCURRENCY": "7"})

    assert settings.sessions_table == "s"
    assert settings.api_gateway_endpoint == "https://a.example/dev"
    assert settings.fanout_concurrency == 7
    assert settings.max_listeners == 10_000


def test_all_faults_are_named_together() -> None:
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
        "MAX_LISTENERS: invalid literal",
    ):
        assert name in str(caught.value)


def test_names_are_what_the_stack_must_set() -> None:
    assert set(SessionSettings.required_names()) == set(GOOD)
    assert {"FANOUT_CONCURRENCY", "MAX_LISTENERS"} < set(SessionSettings.names())
