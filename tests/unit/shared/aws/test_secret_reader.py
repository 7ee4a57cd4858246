"""Reading a secret, and failures to do so."""

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


def test_the_secret_is_read_on_each_call() -> None:
    client = clients.secrets_client()
    client.create_secret(Name="sync", SecretString="first")
    read = SecretReader(clients.secrets_client, "sync")

    assert read() == "first"
    client.put_secret_value(SecretId="sync", SecretString="second")
    assert read() == "second"


def test_a_missing_secret_is_unavailable_without_detail() -> None:
    read = SecretReader(clients.secrets_client, "no-such-secret")

    with pytest.raises(StoreUnavailableError) as failure:
        read()
    assert failure.value.cause == "get_secret_value: ResourceNotFoundException"
    assert "no-such-secret" not in failure.value.message


def test_a_secret_without_text_is_unavailable() -> None:
    """Anyone could sign with an empty key."""
    clients.secrets_client().create_secret(Name="sync", SecretBinary=b"bytes")

    with pytest.raises(StoreUnavailableError):
        SecretReader(clients.secrets_client, "sync")()
