"""A secret as it is now, or a failure that may pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from shared.aws import clients
from shared.aws.secret_reader import SecretReader
from shared.data_access.errors import StoreUnavailableError


@pytest.fixture(autouse=True)
def vault() -> Iterator[None]:
    with mock_aws():
        yield


def test_it_is_read_each_time() -> None:
    client = clients.secrets_client()
    client.create_secret(Name="sync", SecretString="first")
    read = SecretReader(clients.secrets_client, "sync")

    assert read() == "first"
    client.put_secret_value(SecretId="sync", SecretString="second")
    assert read() == "second"


def test_one_that_is_not_there_is_a_failure_that_says_nothing_of_it() -> None:
    read = SecretReader(clients.secrets_client, "no-such-secret")

    with pytest.raises(StoreUnavailableError) as failure:
        read()
    assert failure.value.cause == "get_secret_value: ResourceNotFoundException"
    assert "no-such-secret" not in failure.value.message


def test_one_without_a_text_is_none() -> None:
    """With an empty key anybody could sign."""
    clients.secrets_client().create_secret(Name="sync", SecretBinary=b"bytes")

    with pytest.raises(StoreUnavailableError):
        SecretReader(clients.secrets_client, "sync")()
