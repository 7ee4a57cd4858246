"""Handlers of batches of queue messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, TypeVar

import msgspec

from shared.models.errors import LingocastError
from shared.utils.telemetry import Telemetry

BatchHandler = Callable[[Mapping[str, Any], object], Mapping[str, Any]]
MessageType = TypeVar("MessageType", bound=msgspec.Struct)


def batch_handler(
    message_type: type[MessageType] | UnionType,
    service: Callable[[MessageType], None],
    *,
    telemetry: Telemetry,
) -> BatchHandler:
    """A Lambda handler for an SQS event source that reports failures by message.

    A message that does not decode, or for which `service` raises, is redelivered and finally moves
    to the dead-letter queue. The rest of its batch is not affected. The response:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    decoder: msgspec.json.Decoder[MessageType] = msgspec.json.Decoder(message_type)

    def is_served(text: str) -> bool:
        try:
            service(decoder.decode(text))
        except LingocastError as error:
            telemetry.warn("message failed", code=error.code, cause=repr(error.__cause__))
        except Exception:  # noqa: BLE001 - logged with its trace; the queue delivers it again
            telemetry.fault("message failed")
        else:
            return True
        return False

    def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
        failed = [
            {"itemIdentifier": record["messageId"]}
            for record in event["Records"]
            if not is_served(record["body"])
        ]
        telemetry.flush()
        return {"batchItemFailures": failed}

    return handler
