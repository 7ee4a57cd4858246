"""SQS's JSON API: the operations that functions and tests call.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/. The answer to any other
operation or parameter is an error that names it. Errors have the type that SDKs expect.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Mapping
from hashlib import md5
from typing import Any

import msgspec

from local.http.messages import Request, Response
from local.services import sqs_attributes
from local.services.queues import (
    Delivery,
    InvalidReceiptError,
    MessageAttributes,
    MessageQueue,
)
from local.services.sqs_requests import (
    MAX_MESSAGE_BYTES,
    DeleteMessage,
    GetQueueAttributes,
    GetQueueUrl,
    Message,
    ReceiveMessage,
    SendMessage,
    SendMessageBatch,
    SqsError,
    check_batch,
    check_message,
)

# JSON can take six bytes for one character.
MAX_BODY_BYTES = 8 * MAX_MESSAGE_BYTES
_TARGET = b"x-amz-target"
_PREFIX = "AmazonSQS."

_Result = dict[str, object]


class SqsApi:
    """Serves the queues; their URLs start with `base_url`."""

    def __init__(self, queues: Mapping[str, MessageQueue], base_url: str) -> None:
        self._queues = queues
        self._base_url = base_url
        self._operations: Mapping[str, tuple[type[Any], Callable[[Any], Any]]] = {
            "DeleteMessage": (DeleteMessage, self._delete),
            "GetQueueAttributes": (GetQueueAttributes, self._get_attributes),
            "GetQueueUrl": (GetQueueUrl, self._get_url),
            "ReceiveMessage": (ReceiveMessage, self._receive),
            "SendMessage": (SendMessage, self._send),
            "SendMessageBatch": (SendMessageBatch, self._send_batch),
        }

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request."""
        target = next((value for name, value in request.raw_headers if name == _TARGET), b"")
        operation = target.decode("latin-1").removeprefix(_PREFIX)
        try:
            return self._serve(operation, request.body or b"{}")
        except InvalidReceiptError as error:
            message = f'The input receipt handle "{error}" is not a valid receipt handle.'
            return _error_response(SqsError("ReceiptHandleIsInvalid", message))
        except SqsError as error:
            return _error_response(error)

    def _serve(self, operation: str, body: bytes) -> Response | Coroutine[Any, Any, Response]:
        if operation not in self._operations:
            message = (
                f"The local stack does not support {operation!r}; "
                f"it supports {', '.join(self._operations)}."
            )
            raise SqsError("UnsupportedOperation", message, "UnsupportedOperation")
        kind, serve = self._operations[operation]
        try:
            request = msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise SqsError("InvalidParameterValue", str(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise SqsError("SerializationException", "the request is not JSON") from None
        result = serve(request)
        return _await_response(result) if isinstance(result, Coroutine) else _response(result)

    # Operations

    def _send(self, request: SendMessage) -> _Result:
        queue = self._queue(request.queue_url)
        check_message(request)
        return _put(queue, request)

    def _send_batch(self, request: SendMessageBatch) -> _Result:
        queue = self._queue(request.queue_url)
        check_batch(request.entries)
        sent = [{"Id": entry.id, **_put(queue, entry)} for entry in request.entries]
        return {"Successful": sent, "Failed": []}

    def _receive(self, request: ReceiveMessage) -> Coroutine[Any, Any, _Result]:
        return _received(self._queue(request.queue_url), request)

    def _delete(self, request: DeleteMessage) -> _Result:
        self._queue(request.queue_url).delete(request.receipt_handle)
        return {}

    def _get_url(self, request: GetQueueUrl) -> _Result:
        return {"QueueUrl": self._base_url + self._queue(request.queue_name).settings.name}

    def _get_attributes(self, request: GetQueueAttributes) -> _Result:
        queue = self._queue(request.queue_url)
        counts, settings = queue.counts(), queue.settings
        known = {
            "QueueArn": settings.arn,
            "ApproximateNumberOfMessages": counts.visible,
            "ApproximateNumberOfMessagesNotVisible": counts.in_flight,
            "ApproximateNumberOfMessagesDelayed": counts.delayed,
            "DelaySeconds": settings.delay_seconds,
            "VisibilityTimeout": settings.visibility_timeout_seconds,
            "MessageRetentionPeriod": settings.retention_seconds,
            "MaximumMessageSize": MAX_MESSAGE_BYTES,
        }
        names = known.keys() if "All" in request.attribute_names else request.attribute_names
        unknown = [name for name in names if name not in known]
        if unknown:
            raise SqsError("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        return {"Attributes": {name: str(known[name]) for name in names}} if names else {}

    def _queue(self, url_or_name: str) -> MessageQueue:
        name = url_or_name.rpartition("/")[2]
        if name not in self._queues:
            message = "The specified queue does not exist."
            raise SqsError("QueueDoesNotExist", message, "NonExistentQueue")
        return self._queues[name]


def _put(queue: MessageQueue, message: Message) -> _Result:
    attributes = message.message_attributes
    body_md5 = md5(message.message_body.encode(), usedforsecurity=False).hexdigest()
    result: _Result = {
        "MessageId": queue.send(message.message_body, attributes, message.delay_seconds),
        "MD5OfMessageBody": body_md5,
    }
    if attributes:
        result["MD5OfMessageAttributes"] = sqs_attributes.digest(attributes)
    return result


async def _received(queue: MessageQueue, request: ReceiveMessage) -> _Result:
    deliveries = await queue.receive(
        request.max_number_of_messages, request.wait_time_seconds, request.visibility_timeout
    )
    return {"Messages": [_message(item, request) for item in deliveries]} if deliveries else {}


def _message(delivery: Delivery, request: ReceiveMessage) -> _Result:
    message: _Result = {
        "MessageId": delivery.message_id,
        "ReceiptHandle": delivery.receipt,
        "MD5OfBody": delivery.body_md5,
        "Body": delivery.body,
    }
    wanted = {*request.attribute_names, *request.message_system_attribute_names}
    system = {
        name: value
        for name, value in delivery.system_attributes.items()
        if name in wanted or "All" in wanted
    }
    if system:
        message["Attributes"] = system
    attributes = _select(delivery.attributes, request.message_attribute_names)
    if attributes:
        message["MessageAttributes"] = attributes
        message["MD5OfMessageAttributes"] = sqs_attributes.digest(attributes)
    return message


def _select(attributes: MessageAttributes, wanted: list[str]) -> MessageAttributes:
    """Select attributes by name, by prefix (`name.*`) or all of them (`All`)."""
    if "All" in wanted:
        return attributes
    prefixes = tuple(name.removesuffix(".*") for name in wanted if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in wanted or (prefixes and name.startswith(prefixes))
    }


async def _await_response(result: Coroutine[Any, Any, _Result]) -> Response:
    return _response(await result)


def _response(result: _Result) -> Response:
    return Response(200, msgspec.json.encode(result), _headers())


def _error_response(error: SqsError) -> Response:
    content = {"__type": f"com.amazonaws.sqs#{error.code}", "message": str(error)}
    headers = [*_headers(), ("x-amzn-query-error", f"{error.legacy};Sender")]
    return Response(400, msgspec.json.encode(content), headers)


def _headers() -> list[tuple[str, str]]:
    return [
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("Content-Type", "application/x-amz-json-1.0"),
    ]
