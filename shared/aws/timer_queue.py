"""Timers as delayed messages in an SQS queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from shared.data_access.errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class TimerQueue:
    """Sets timers by sending delayed messages; see `shared.models.timers.Timers`.

    `client` is called for the first timer: creating a client takes a fifth of a second, and few
    invocations set timers.
    """

    def __init__(self, client: Callable[[], SQSClient], url: str) -> None:
        self._new_client = client
        self._url = url

    @cached_property
    def _client(self) -> SQSClient:
        return self._new_client()

    def set(self, timer: msgspec.Struct, delay_seconds: int) -> None:
        """Send a message that becomes visible after the delay (at most 900 s).

        Raises StoreUnavailableError.
        """
        try:
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=msgspec.json.encode(timer).decode(),
                DelaySeconds=delay_seconds,
            )
        except (BotoCoreError, ClientError) as error:
            raise unavailable("send_message", error) from error
