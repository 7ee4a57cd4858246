"""Handlers of batches of queue messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, TypeVar

import msgspec
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from shared.models.errors import LingocastError
from shared.utils.telemetry import Telemetry

BatchHandler = Callable[[dict[str, Any], object], Mapping[str, Any]]
MessageType = TypeVar("MessageType", bound=msgspec.Struct)


def batch_handler(
    message_type: type[MessageType] | UnionType,
    service: Callable[[MessageType], None],
    *,
    telemetry: Telemetry,
) -> BatchHandler:
    """A Lambda handler for an SQS event source that reports failures by message.

    A message that does not decode, or for which `service` raises, is redelivered and finally moves
    to the dead-letter queue. The rest of its batch is not affected.
    """
    decoder: msgspec.json.Decoder[MessageType] = msgspec.json.Decoder(message_type)
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

    def serve(record: SQSRecord) -> None:
        try:
            service(decoder.decode(record.body))
        except LingocastError as error:
            telemetry.warn("message failed", code=error.code, cause=repr(error.__cause__))
            raise
        except Exception:  # logged with its trace, then raised for redelivery
            telemetry.fault("message failed")
            raise

    def handler(event: dict[str, Any], _context: object) -> Mapping[str, Any]:
        try:
            return process_partial_response(event, serve, processor)
        finally:
            telemetry.flush()

    return handler
