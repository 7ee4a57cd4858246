"""SQS's API through boto3: the local stack and moto pass the same tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from local.http.server import HttpServer
from local.services.queues import build_queues
from local.services.sqs import MAX_BODY_BYTES, SqsApi
from local.template.model import AwsEnvironment, Queue, RedrivePolicy
from shared.utils.clock import SystemClock

AWS = AwsEnvironment()
DEAD = Queue("bells-dead", AWS.arn("sqs", "bells-dead"))
BELLS = Queue(
    "bells",
    AWS.arn("sqs", "bells"),
    visibility_timeout_seconds=1,
    dead_letters=RedrivePolicy("bells-dead", 2),
)
ATTRIBUTES = {
    "kind": {"DataType": "String", "StringValue": "bell"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01\x02"},
}

DIGEST = "a3023bc7929a8678d3da399ec746c554"


class Sqs:
    """A boto3 client that runs in threads, so that the event loop can serve it."""

    def __init__(self, **where: Any) -> None:
        self._client = boto3.Session("key", "secret", "token", AWS.region).client(
            "sqs", config=Config(retries={"max_attempts": 0}, proxies={}), **where
        )
        self.bells = self.dead = ""

    async def call(self, operation: str, **arguments: Any) -> Any:
        """The result of an operation; the queue defaults to `bells`."""
        if operation not in {"create_queue", "get_queue_url", "list_queues"}:
            arguments.setdefault("QueueUrl", self.bells)
        return await asyncio.to_thread(getattr(self._client, operation), **arguments)

    async def receive(self, **arguments: Any) -> list[dict[str, Any]]:
        """Receive messages, with long polling."""
        arguments = {"WaitTimeSeconds": 5, "MaxNumberOfMessages": 10} | arguments
        messages: list[dict[str, Any]] = (await self.call("receive_message", **arguments)).get(
            "Messages", []
        )
        return messages

    async def error(self, operation: str, **arguments: Any) -> str:
        """The error code of an operation that fails."""
        with pytest.raises(ClientError) as raised:
            await self.call(operation, **arguments)
        return str(raised.value.response["Error"]["Code"])


@pytest.fixture
async def ours() -> AsyncIterator[Sqs]:
    api = SqsApi(build_queues([BELLS, DEAD], SystemClock()), AWS.queue_url(""))
    server = await HttpServer.listen(api.handle, max_body_bytes=MAX_BODY_BYTES)
    client = Sqs(endpoint_url=f"http://127.0.0.1:{server.port}")
    client.bells, client.dead = AWS.queue_url("bells"), AWS.queue_url("bells-dead")
    yield client
    server.close()


@pytest.fixture
async def moto() -> AsyncIterator[Sqs]:
    with mock_aws():
        client = Sqs()
        client.dead = (await client.call("create_queue", QueueName="bells-dead"))["QueueUrl"]
        target = "arn:aws:sqs:eu-central-1:123456789012:bells-dead"
        policy = f'{{"deadLetterTargetArn": "{target}", "maxReceiveCount": 2}}'
        attributes = {"VisibilityTimeout": "1", "RedrivePolicy": policy}
        created = await client.call("create_queue", QueueName="bells", Attributes=attributes)
        client.bells = created["QueueUrl"]
        yield client


@pytest.fixture(params=["ours", "moto"])
def sqs(request: pytest.FixtureRequest) -> Sqs:
    client: Sqs = request.getfixturevalue(request.param)
    return client


async def test_a_message_arrives_as_it_was_sent(sqs: Sqs) -> None:
    sent = await sqs.call("send_message", MessageBody="ding", MessageAttributes=ATTRIBUTES)
    (message,) = await sqs.receive(
        AttributeNames=["All"], MessageAttributeNames=["All"], VisibilityTimeout=30
    )

    assert message["Body"] == "ding"
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == "c2eaa4c670cd4c1c537b2a2ae4fbeb5d"
    assert message["MessageAttributes"] == ATTRIBUTES
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"] == DIGEST
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"].keys() == {
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SenderId",
        "SentTimestamp",
    }


async def test_only_requested_attributes_are_returned(sqs: Sqs) -> None:
    await sqs.call("send_message", MessageBody="ding", MessageAttributes=ATTRIBUTES)
    await sqs.call("send_message", MessageBody="dong", MessageAttributes=ATTRIBUTES)
    (plain,) = await sqs.receive(MaxNumberOfMessages=1)
    (some,) = await sqs.receive(
        MaxNumberOfMessages=1,
        MessageSystemAttributeNames=["SentTimestamp"],
        MessageAttributeNames=["ra.*"],
    )
    assert not plain.keys() & {"Attributes", "MessageAttributes", "MD5OfMessageAttributes"}
    assert some["Attributes"].keys() == {"SentTimestamp"}
    assert some["MessageAttributes"].keys() == {"raw"}


async def test_messages_are_sent_in_batches(sqs: Sqs) -> None:
    entries = [{"Id": f"e{number}", "MessageBody": str(number)} for number in range(10)]
    sent = await sqs.call("send_message_batch", Entries=entries)
    assert [item["Id"] for item in sent["Successful"]] == [entry["Id"] for entry in entries]
    messages = await sqs.receive(VisibilityTimeout=30)
    assert [message["Body"] for message in messages] == [str(number) for number in range(10)]


async def test_a_delayed_message_arrives_after_its_delay(sqs: Sqs) -> None:
    sent_at = time.monotonic()
    await sqs.call("send_message", MessageBody="ding", DelaySeconds=1)
    received: list[dict[str, Any]] = []
    while not received:
        received = await sqs.receive(WaitTimeSeconds=1)
    # moto's clock counts whole milliseconds.
    assert time.monotonic() - sent_at > 0.99
    assert [message["Body"] for message in received] == ["ding"]


async def test_an_undeleted_message_is_redelivered_and_then_becomes_a_dead_letter(sqs: Sqs) -> None:
    sent = await sqs.call("send_message", MessageBody="ding")
    for count in ("1", "2"):
        (message,) = await sqs.receive(AttributeNames=["ApproximateReceiveCount"])
        assert message["Attributes"] == {"ApproximateReceiveCount": count}
    # The third attempt to receive it moves it.
    assert await sqs.receive(WaitTimeSeconds=2) == []
    (dead,) = await sqs.receive(QueueUrl=sqs.dead)
    assert (dead["MessageId"], dead["Body"]) == (sent["MessageId"], "ding")


async def test_a_deleted_message_is_gone(sqs: Sqs) -> None:
    await sqs.call("send_message", MessageBody="ding")
    (message,) = await sqs.receive()
    for _ in range(2):
        await sqs.call("delete_message", ReceiptHandle=message["ReceiptHandle"])
    counts = await sqs.call("get_queue_attributes", AttributeNames=["All"])
    assert counts["Attributes"]["ApproximateNumberOfMessages"] == "0"
    assert counts["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


async def test_urls_and_settings_of_queues(sqs: Sqs) -> None:
    assert (await sqs.call("get_queue_url", QueueName="bells"))["QueueUrl"] == sqs.bells
    assert (await sqs.call("get_queue_url", QueueName="bells-dead"))["QueueUrl"] == sqs.dead
    names = ["VisibilityTimeout", "DelaySeconds", "MessageRetentionPeriod"]
    answer = await sqs.call("get_queue_attributes", AttributeNames=names)
    assert answer["Attributes"] == {
        "VisibilityTimeout": "1",
        "DelaySeconds": "0",
        "MessageRetentionPeriod": "345600",
    }


def entries(*ids: str) -> list[dict[str, str]]:
    return [{"Id": name, "MessageBody": "x"} for name in ids]


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        (
            "send_message",
            {"QueueUrl": AWS.queue_url("none"), "MessageBody": "x"},
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        ("get_queue_url", {"QueueName": "none"}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("delete_message", {"ReceiptHandle": "other"}, "ReceiptHandleIsInvalid"),
        ("send_message", {"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
        ("send_message", {"MessageBody": "x" * (1024 * 1024 + 1)}, "InvalidParameterValue"),
        ("receive_message", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("receive_message", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        (
            "send_message_batch",
            {"Entries": entries("a", "a")},
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            "send_message_batch",
            {"Entries": []},
            "AWS.SimpleQueueService.EmptyBatchRequest",
        ),
        (
            "send_message_batch",
            {"Entries": entries(*"abcdefghijk")},
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            "send_message_batch",
            {"Entries": entries("a b")},
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        ("get_queue_attributes", {"AttributeNames": ["Size"]}, "InvalidAttributeName"),
    ],
)
async def test_errors_have_the_codes_of_sqs(
    sqs: Sqs, operation: str, arguments: dict[str, Any], code: str
) -> None:
    assert await sqs.error(operation, **arguments) == code


# Only of the local stack


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("purge_queue", {}, "AWS.SimpleQueueService.UnsupportedOperation"),
        ("list_queues", {}, "AWS.SimpleQueueService.UnsupportedOperation"),
        ("send_message", {"MessageBody": "x", "MessageGroupId": "g"}, "InvalidParameterValue"),
        ("send_message", {"MessageBody": "\x00"}, "InvalidMessageContents"),
        (
            "send_message_batch",
            {"Entries": [{"Id": name, "MessageBody": "x" * 600_000} for name in "ab"]},
            "AWS.SimpleQueueService.BatchRequestTooLong",
        ),
    ],
)
async def test_unsupported_operations_and_parameters_are_refused(
    ours: Sqs, operation: str, arguments: dict[str, Any], code: str
) -> None:
    assert await ours.error(operation, **arguments) == code


async def test_an_unsupported_operation_names_the_supported_ones(ours: Sqs) -> None:
    with pytest.raises(ClientError, match="'PurgeQueue'; it supports DeleteMessage, "):
        await ours.call("purge_queue")


async def test_long_polling_returns_a_message_sent_meanwhile(ours: Sqs) -> None:
    waiting = asyncio.ensure_future(ours.receive(WaitTimeSeconds=20))
    await ours.call("send_message", MessageBody="ding")
    assert [message["Body"] for message in await waiting] == ["ding"]
