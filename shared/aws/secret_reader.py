"""Reads a secret from Secrets Manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.data_access.errors import StoreUnavailableError, unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretReader:
    """Reads the present value of one secret. `client` is called on first use.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """

    def __init__(self, client: Callable[[], SecretsManagerClient], secret_id: str) -> None:
        self._make = client
        self._client: SecretsManagerClient | None = None
        self._secret_id = secret_id

    def __call__(self) -> str:
        """Read the secret. Raises StoreUnavailableError."""
        try:
            self._client = self._client or self._make()
            text = self._client.get_secret_value(SecretId=self._secret_id).get("SecretString")
        except (ClientError, BotoCoreError) as error:
            raise unavailable("get_secret_value", error) from error
        if not text:
            # Anyone could sign with an empty secret.
            raise StoreUnavailableError("get_secret_value: no text")
        return str(text)
