"""SQS's API over JSON: what the functions of a stack, and people who look into queues, call.

See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/. Operations and
parameters that are not served are refused by name. Errors bear the type that SDKs know them by.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine, Mapping
from hashlib import md5
from typing import Any

import msgspec

from local.http.server import Request, Response
from local.services import sqs_attributes
from local.services.queues import (
    Delivery,
    InvalidReceiptError,
    MessageAttributes,
    MessageQueue,
)
from local.services.sqs_inputs import (
    MAX_MESSAGE_BYTES,
    ApiError,
    ChangeVisibility,
    Delete,
    DeleteBatch,
    GetAttributes,
    Input,
    OfName,
    Receive,
    Send,
    SendBatch,
    Sent,
    check_batch,
    check_entries,
    check_message,
)

# In JSON a character may take six.
MAX_BODY_BYTES = 8 * MAX_MESSAGE_BYTES
_TARGET = b"x-amz-target"
_PREFIX = "AmazonSQS."

_Result = dict[str, object]


class SqsApi:
    """Serves the queues to whoever asks; `base_url` is what their URLs begin with."""

    def __init__(self, queues: Mapping[str, MessageQueue], base_url: str) -> None:
        self._queues = queues
        self._base_url = base_url
        self._operations: Mapping[str, tuple[type[Any], Callable[[Any], Any]]] = {
            "ChangeMessageVisibility": (ChangeVisibility, self._change_visibility),
            "DeleteMessage": (Delete, self._delete),
            "DeleteMessageBatch": (DeleteBatch, self._delete_batch),
            "GetQueueAttributes": (GetAttributes, self._get_attributes),
            "GetQueueUrl": (OfName, self._get_url),
            "ListQueues": (Input, self._list),
            "ReceiveMessage": (Receive, self._receive),
            "SendMessage": (Send, self._send),
            "SendMessageBatch": (SendBatch, self._send_batch),
        }

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response]:
        """Answer one request."""
        target = next((value for name, value in request.raw_headers if name == _TARGET), b"")
        operation = target.decode("latin-1").removeprefix(_PREFIX)
        try:
            return self._serve(operation, request.body or b"{}")
        except InvalidReceiptError as error:
            return _refusal(_invalid_receipt(error))
        except ApiError as error:
            return _refusal(error)

    def _serve(self, operation: str, body: bytes) -> Response | Coroutine[Any, Any, Response]:
        if operation not in self._operations:
            message = f"{operation!r} is not served here; {', '.join(self._operations)} are"
            raise ApiError("UnsupportedOperation", message, "UnsupportedOperation")
        kind, serve = self._operations[operation]
        try:
            given = msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            raise ApiError("InvalidParameterValue", str(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise ApiError("SerializationException", "the request is not JSON") from None
        result = serve(given)
        return _later(result) if isinstance(result, Coroutine) else _answer(result)

    # Operations

    def _send(self, given: Send) -> _Result:
        queue = self._queue(given.queue_url)
        check_message(given)
        return _put(queue, given)

    def _send_batch(self, given: SendBatch) -> _Result:
        queue = self._queue(given.queue_url)
        check_batch(given.entries)
        sent = [{"Id": entry.id, **_put(queue, entry)} for entry in given.entries]
        return {"Successful": sent, "Failed": []}

    def _receive(self, given: Receive) -> Coroutine[Any, Any, _Result]:
        return _received(self._queue(given.queue_url), given)

    def _delete(self, given: Delete) -> _Result:
        self._queue(given.queue_url).delete(given.receipt_handle)
        return {}

    def _delete_batch(self, given: DeleteBatch) -> _Result:
        queue = self._queue(given.queue_url)
        check_entries([entry.id for entry in given.entries])
        successful: list[_Result] = []
        failed: list[_Result] = []
        for entry in given.entries:
            try:
                queue.delete(entry.receipt_handle)
                successful.append({"Id": entry.id})
            except InvalidReceiptError as error:
                fault = _invalid_receipt(error)
                about = {"SenderFault": True, "Code": fault.kind, "Message": str(fault)}
                failed.append({"Id": entry.id, **about})
        return {"Successful": successful, "Failed": failed}

    def _change_visibility(self, given: ChangeVisibility) -> _Result:
        queue = self._queue(given.queue_url)
        if not queue.change_visibility(given.receipt_handle, given.visibility_timeout):
            message = "The message referred to isn't in flight."
            raise ApiError("MessageNotInflight", message, "MessageNotInflight")
        return {}

    def _get_url(self, given: OfName) -> _Result:
        return {"QueueUrl": self._base_url + self._queue(given.queue_name).settings.name}

    def _list(self, _given: Input) -> _Result:
        return {"QueueUrls": [self._base_url + name for name in sorted(self._queues)]}

    def _get_attributes(self, given: GetAttributes) -> _Result:
        queue = self._queue(given.queue_url)
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
        names = known.keys() if "All" in given.attribute_names else given.attribute_names
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        return {"Attributes": {name: str(known[name]) for name in names}} if names else {}

    def _queue(self, url_or_name: str) -> MessageQueue:
        name = url_or_name.rpartition("/")[2]
        if name not in self._queues:
            message = "The specified queue does not exist."
            raise ApiError("QueueDoesNotExist", message, "NonExistentQueue")
        return self._queues[name]


def _put(queue: MessageQueue, message: Sent) -> _Result:
    attributes = message.message_attributes
    body = md5(message.message_body.encode(), usedforsecurity=False).hexdigest()
    result: _Result = {
        "MessageId": queue.send(message.message_body, attributes, message.delay_seconds),
        "MD5OfMessageBody": body,
    }
    if attributes:
        result["MD5OfMessageAttributes"] = sqs_attributes.digest(attributes)
    return result


async def _received(queue: MessageQueue, given: Receive) -> _Result:
    deliveries = await queue.receive(
        given.max_number_of_messages, given.wait_time_seconds, given.visibility_timeout
    )
    return {"Messages": [_message(item, given) for item in deliveries]} if deliveries else {}


def _message(delivery: Delivery, given: Receive) -> _Result:
    message: _Result = {
        "MessageId": delivery.message_id,
        "ReceiptHandle": delivery.receipt,
        "MD5OfBody": delivery.body_md5,
        "Body": delivery.body,
    }
    wanted = {*given.attribute_names, *given.message_system_attribute_names}
    system = {
        name: value
        for name, value in delivery.system_attributes.items()
        if name in wanted or "All" in wanted
    }
    if system:
        message["Attributes"] = system
    attributes = _selected(delivery.attributes, given.message_attribute_names)
    if attributes:
        message["MessageAttributes"] = attributes
        message["MD5OfMessageAttributes"] = sqs_attributes.digest(attributes)
    return message


def _selected(attributes: MessageAttributes, wanted: list[str]) -> MessageAttributes:
    """Those that are wanted: all, by name, or by the beginning of the name."""
    if "All" in wanted:
        return attributes
    beginnings = tuple(name.removesuffix(".*") for name in wanted if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in wanted or (beginnings and name.startswith(beginnings))
    }


def _invalid_receipt(error: InvalidReceiptError) -> ApiError:
    message = f'The input receipt handle "{error}" is not a valid receipt handle.'
    return ApiError("ReceiptHandleIsInvalid", message)


async def _later(result: Coroutine[Any, Any, _Result]) -> Response:
    return _answer(await result)


def _answer(result: _Result) -> Response:
    return Response(200, msgspec.json.encode(result), _headers())


def _refusal(error: ApiError) -> Response:
    content = {"__type": f"com.amazonaws.sqs#{error.kind}", "message": str(error)}
    headers = [*_headers(), ("x-amzn-query-error", f"{error.legacy};Sender")]
    return Response(400, msgspec.json.encode(content), headers)


def _headers() -> list[tuple[str, str]]:
    return [
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("Content-Type", "application/x-amz-json-1.0"),
    ]
