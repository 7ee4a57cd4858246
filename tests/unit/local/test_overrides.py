"""Settings of the functions for a local run: where they come from, and who wins."""

from __future__ import annotations

import os

import pytest

from local.cli import main
from local.overrides import LOCAL_SETTINGS, function_settings, service_endpoints
from shared.utils.settings import SettingsError, check_tunable


def test_the_environment_counts_with_the_names_that_functions_use() -> None:
    environment = {"MAX_LISTENERS": "5", "HOME": "/root", "SESSIONS_TABLE": "not to be tuned"}

    assert function_settings([], environment) == {"MAX_LISTENERS": "5"}


def test_an_argument_beats_the_environment_and_the_last_one_the_others() -> None:
    arguments = ["MAX_LISTENERS=6", "MAX_LISTENERS=7", "FANOUT_CONCURRENCY = 3"]

    assert function_settings(arguments, {"MAX_LISTENERS": "5"}) == {
        "MAX_LISTENERS": "7",
        "FANOUT_CONCURRENCY": "3",
    }


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("MAX_LISTENER=6", "MAX_LISTENER: no such setting; there are: .*MAX_LISTENERS"),
        ("MAX_LISTENERS=none", "MAX_LISTENERS: must be a whole number of at least 1, not 'none'"),
        ("MAX_LISTENERS", "expected NAME=VALUE, not 'MAX_LISTENERS'"),
        ("=6", ": no such setting"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(argument: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        function_settings([argument], {})


def test_a_bad_value_of_the_environment_is_told_too() -> None:
    with pytest.raises(SettingsError, match="FANOUT_CONCURRENCY: must be"):
        function_settings([], {"FANOUT_CONCURRENCY": "0"})


def test_bytes_of_the_environment_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"INTERPRETATION_ENGINES holds bytes .* not UTF-8"):
        function_settings([], {"INTERPRETATION_ENGINES": os.fsdecode(b"off\xe9line")})


@pytest.mark.parametrize("option", ["--stage", "--set"])
def test_bytes_of_an_argument_that_are_not_utf_8_are_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option, os.fsdecode(b"Caf\xe9")])
    assert ended.value.code == 2
    assert f"argument {option}: holds bytes that are not UTF-8" in capsys.readouterr().err


def test_what_every_local_run_has_is_what_may_be_set() -> None:
    check_tunable(LOCAL_SETTINGS)


def test_services_that_are_not_here_are_where_the_environment_says() -> None:
    environment = {
        "AWS_ENDPOINT_URL_TRANSLATE": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_POLLY": "",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2",
    }

    assert service_endpoints(environment) == {"AWS_ENDPOINT_URL_TRANSLATE": "http://127.0.0.1:1"}
