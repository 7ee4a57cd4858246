"""Settings of functions for a local run: sources, precedence and validation."""

from __future__ import annotations

import os

import pytest

from local.cli import main
from local.overrides import (
    LOCAL_SETTINGS,
    function_settings,
    service_endpoints,
    shard_size,
)
from shared.utils.settings import SettingsError, check_tunable


def test_the_environment_sets_only_tunable_settings() -> None:
    environment = {"MAX_LISTENERS": "5", "HOME": "/root", "SESSIONS_TABLE": "not tunable"}

    assert function_settings([], environment) == {"MAX_LISTENERS": "5"}


def test_arguments_override_the_environment_and_earlier_arguments() -> None:
    arguments = ["MAX_LISTENERS=6", "MAX_LISTENERS=7", "FANOUT_CONCURRENCY = 3"]

    assert function_settings(arguments, {"MAX_LISTENERS": "5"}) == {
        "MAX_LISTENERS": "7",
        "FANOUT_CONCURRENCY": "3",
    }


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("MAX_LISTENER=6", "MAX_LISTENER: no such setting; there are: .*MAX_LISTENERS"),
        ("MAX_LISTENERS=none", "MAX_LISTENERS: must be a whole number of at least 1, not 'none'"),
        ("MAX_LISTENERS", "expected NAME=VALUE, not 'MAX_LISTENERS'"),
        ("=6", ": no such setting"),
    ],
)
def test_an_invalid_argument_is_explained(argument: str, error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        function_settings([argument], {})


def test_an_invalid_variable_is_explained() -> None:
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


def test_the_local_settings_are_tunable() -> None:
    check_tunable(LOCAL_SETTINGS)


def test_endpoints_of_missing_services_come_from_the_environment() -> None:
    environment = {
        "AWS_ENDPOINT_URL_TRANSLATE": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_POLLY": "",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2",
    }

    assert service_endpoints(environment) == {"AWS_ENDPOINT_URL_TRANSLATE": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("cores", "recipients"), [(1, 10_000), (2, 10_000), (4, 5_000), (8, 2_500), (128, 500)]
)
def test_functions_that_share_cores_split_no_further_than_these(
    cores: int, recipients: int
) -> None:
    assert shard_size(cores) == recipients
