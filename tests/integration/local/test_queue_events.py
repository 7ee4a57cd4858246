"""Messages invoke a function of a running stack: batches, failures and dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.iam.credentials import LocalCredentials
from local.launch import launch
from tests.integration.local.support import eventually
from tests.unit.local import assembly

# Writes each record to the folder that the message names, and fails as the message says.
CODE = """
import json, os, pathlib

def ring(event, context):
    failed = []
    for record in event["Records"]:
        wish = json.loads(record["body"])
        count = record["attributes"]["ApproximateReceiveCount"]
        seen = {"record": record, "batch": len(event["Records"]), "queue": os.environ["QUEUE"],
                "endpoint": os.environ["AWS_ENDPOINT_URL_SQS"]}
        path = pathlib.Path(wish["folder"]) / f"{wish['name']}-{count}.json"
        path.with_suffix(".part").write_text(json.dumps(seen))
        path.with_suffix(".part").rename(path)
        if int(count) <= wish.get("failures", 0):
            failed.append({"itemIdentifier": record["messageId"]})
        if wish.get("raise"):
            raise ValueError("as wished")
    return {"batchItemFailures": failed}
"""


class Bells:
    """The queue of a running stack, and the folder to which its function writes records."""

    def __init__(self, url: str, folder: Path) -> None:
        keys = LocalCredentials()
        session = boto3.Session(keys.access_key, keys.secret_key, keys.token, "eu-central-1")
        self._client = session.client(
            "sqs", endpoint_url=url, config=Config(retries={"max_attempts": 0}, proxies={})
        )
        self.endpoint = url
        self.url = self._client.get_queue_url(QueueName="fixture-bells")["QueueUrl"]
        self.dead = self._client.get_queue_url(QueueName="fixture-dev-BellsDead")["QueueUrl"]
        self.folder = folder

    async def send(self, *names: str, **wish: object) -> None:
        """Send messages by name, in one batch."""
        entries: list[Any] = [
            {
                "Id": name,
                "MessageBody": json.dumps({"name": name, "folder": str(self.folder), **wish}),
                "DelaySeconds": 0,
            }
            for name in names
        ]
        await asyncio.to_thread(self._client.send_message_batch, QueueUrl=self.url, Entries=entries)

    async def dead_letter(self) -> Any:
        """Wait for a dead letter."""
        answer = await asyncio.to_thread(
            self._client.receive_message, QueueUrl=self.dead, WaitTimeSeconds=20
        )
        (message,) = answer["Messages"]
        self._client.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    def left(self) -> int:
        """The number of messages in the queue, in any state."""
        answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        numbers = [int(n) for key, n in answer["Attributes"].items() if "NumberOfMessages" in key]
        return sum(numbers)

    def seen(self) -> set[str]:
        """The records that the function got, as `name-delivery`."""
        return {path.stem for path in self.folder.glob("*.json")}

    def about(self, name: str) -> Any:
        """A record that the function got."""
        return json.loads((self.folder / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    template = assembly.with_routes(
        {"$connect": "Ring"},
        Ring=assembly.function("functions.ring", timeout=1, QUEUE={"Ref": "Bells"}),
    )
    assembly.with_queue(template, "Bells", "Ring", VisibilityTimeout=1)
    grants = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    allow = assembly.allow(grants, {"Fn::GetAtt": ["Bells", "Arn"]})
    template["Resources"]["Role"] = assembly.role(allow)
    path = assembly.write(tmp_path_factory.mktemp("bells"), template, CODE)
    with launch(extra_args=["--template", str(path), "--workers", "1"]) as running:
        assert running.sqs_url is not None
        yield running.sqs_url


@pytest.fixture
def bells(endpoint: str, tmp_path: Path) -> Bells:
    return Bells(endpoint, tmp_path)


def saw(bells: Bells, *expected: str) -> Callable[[], bool]:
    return lambda: bells.seen() == set(expected)


async def test_a_message_becomes_an_event_and_is_deleted(bells: Bells) -> None:
    await bells.send("one")
    await eventually(saw(bells, "one-1"), "the function is invoked")
    await eventually(lambda: bells.left() == 0, "the message is deleted")

    seen = bells.about("one-1")
    assert seen["endpoint"] == bells.endpoint
    assert seen["queue"] == bells.url
    assert seen["record"]["eventSource"] == "aws:sqs"
    assert seen["record"]["eventSourceARN"].endswith(":sqs:eu-central-1:000000000000:fixture-bells")


async def test_messages_sent_together_arrive_in_one_batch(bells: Bells) -> None:
    await bells.send("one", "two", "three")
    await eventually(saw(bells, "one-1", "two-1", "three-1"), "the function is invoked")
    assert {bells.about(name)["batch"] for name in bells.seen()} == {3}
    await eventually(lambda: bells.left() == 0, "all are deleted")


async def test_only_failed_messages_are_redelivered(bells: Bells) -> None:
    await bells.send("well")
    await bells.send("badly", failures=1)
    await eventually(saw(bells, "well-1", "badly-1", "badly-2"), "the second attempt")
    await eventually(lambda: bells.left() == 0, "all are deleted")


async def test_a_message_that_keeps_failing_becomes_a_dead_letter(bells: Bells) -> None:
    await bells.send("never", **{"raise": True})
    assert (await bells.dead_letter())["name"] == "never"
    assert bells.seen() == {"never-1", "never-2", "never-3"}
    assert bells.left() == 0
