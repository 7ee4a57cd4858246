"""Contract of setting a timer: the fake for other tests, and the queue with moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from shared.aws.timer_queue import TimerQueue
from shared.data_access.errors import StoreUnavailableError
from shared.models.timers import GraceOver, Timers
from tests.helpers.fake_timers import FakeTimers

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TIMER = GraceOver(session_id="golden-eagle-427", speaker_epoch=3)

Subject = tuple[Timers[GraceOver], Callable[[], list[str]]]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[SQSClient]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("sqs", region_name="eu-central-1")


@pytest.fixture(params=["fake", "queue"])
def subject(request: pytest.FixtureRequest, client: SQSClient) -> Subject:
    """Timers, and a function that returns the messages due."""
    if request.param == "fake":
        fake = FakeTimers[GraceOver]()
        return fake, fake.bodies
    url = client.create_queue(QueueName="timers")["QueueUrl"]

    def bodies() -> list[str]:
        messages = client.receive_message(QueueUrl=url).get("Messages", [])
        return [message["Body"] for message in messages]

    return TimerQueue(lambda: client, url), bodies


def test_a_timer_fires_with_its_values(subject: Subject) -> None:
    timers, bodies = subject

    timers.set(TIMER, 0)

    (body,) = bodies()
    assert json.loads(body) == {
        "type": "graceOver",
        "sessionId": "golden-eagle-427",
        "speakerEpoch": 3,
    }


def test_the_delay_is_set_on_the_message(client: SQSClient) -> None:
    url = client.create_queue(QueueName="timers")["QueueUrl"]

    TimerQueue(lambda: client, url).set(TIMER, 900)

    assert client.receive_message(QueueUrl=url).get("Messages", []) == []
    attributes = client.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert attributes == {"ApproximateNumberOfMessagesDelayed": "1"}


def test_a_refused_message_raises_unavailable(client: SQSClient) -> None:
    with Stubber(client) as stubber:
        stubber.add_client_error("send_message", "AccessDenied", http_status_code=403)
        with pytest.raises(StoreUnavailableError) as raised:
            TimerQueue(lambda: client, "https://sqs.test/timers").set(TIMER, 1)

    assert raised.value.cause == "send_message: AccessDenied"


def test_the_client_is_created_for_the_first_timer(client: SQSClient) -> None:
    made: list[SQSClient] = []
    TimerQueue(lambda: made.append(client) or client, "https://sqs.test/timers")  # type: ignore[func-returns-value]

    assert made == []
