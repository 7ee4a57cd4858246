"""The fake services, as seen by boto3 and a plain WebSocket client."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, ReadTimeoutError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from interpreter.engines.aws.endpoints import stream_url
from interpreter.engines.aws.event_stream import audio_event, encode
from tests.helpers.aws_speech import (
    CREDENTIALS,
    REGION,
    AwsSpeech,
    Refused,
    Stalled,
    boto_session,
    loud,
    silent,
)
from tests.helpers.aws_speech.faults import HttpFault
from tests.helpers.aws_speech.services import operation

ONCE = Config(read_timeout=5, retries={"mode": "standard", "total_max_attempts": 1})


class Clients:
    """boto3 clients of the fake services."""

    def __init__(self, aws: AwsSpeech, session: boto3.Session) -> None:
        endpoints = aws.endpoints
        self.translate = session.client("translate", endpoint_url=endpoints.translate, config=ONCE)
        self.polly = session.client("polly", endpoint_url=endpoints.polly, config=ONCE)

    def ask_translate(self) -> None:
        self.translate.translate_text(Text="a", SourceLanguageCode="en", TargetLanguageCode="es")

    def ask_polly(self) -> None:
        self.polly.synthesize_speech(
            Text="a", VoiceId="Lucia", OutputFormat="pcm", SampleRate="16000"
        )


@pytest.fixture
def clients(aws: AwsSpeech) -> Clients:
    return Clients(aws, boto_session())


def refusal(call: ClientError) -> tuple[str, int]:
    return call.response["Error"]["Code"], call.response["ResponseMetadata"]["HTTPStatusCode"]


def test_translate_responses_match_the_model(clients: Clients) -> None:
    answer = clients.translate.translate_text(
        Text="Grüezi & \U0001f600", SourceLanguageCode="de", TargetLanguageCode="fr-CA"
    )
    shape = operation("translate").output_shape

    assert shape is not None
    assert answer.keys() - {"ResponseMetadata"} <= shape.members.keys()
    assert answer["TranslatedText"] == "[fr-CA] Grüezi & \U0001f600"
    assert (answer["SourceLanguageCode"], answer["TargetLanguageCode"]) == ("de", "fr-CA")


def test_polly_responses_match_the_model(clients: Clients) -> None:
    answer = clients.polly.synthesize_speech(
        Text="Hola", VoiceId="Lucia", OutputFormat="pcm", SampleRate="8000", Engine="neural"
    )

    assert answer["ContentType"] == "audio/pcm"
    assert answer["RequestCharacters"] == 4
    assert len(answer["AudioStream"].read()) == 4 * 60 * 8 * 2


@pytest.mark.parametrize("service", ["translate", "polly"])
def test_every_error_raises_the_clients_exception(
    aws: AwsSpeech, clients: Clients, service: str
) -> None:
    client = clients.translate if service == "translate" else clients.polly
    ask = clients.ask_translate if service == "translate" else clients.ask_polly
    for shape in operation(service).error_shapes:
        aws.inject("translate" if service == "translate" else "polly", Refused(shape.name))
        with pytest.raises(getattr(client.exceptions, shape.name)) as refused:
            ask()
        assert refusal(refused.value) == (
            shape.name,
            shape.metadata["error"]["httpStatusCode"],
        )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"SampleRate": "16001"}, "InvalidSampleRateException"),
        ({"OutputFormat": "mp3", "SampleRate": "24000"}, "InvalidSampleRateException"),
        ({"Text": "x" * 3_001}, "TextLengthExceededException"),
        ({"Text": f"<speak>{'&amp;' * 1_300}</speak>", "TextType": "ssml"}, "TextLengthExceeded"),
        ({"Text": "<speak>a", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "<p>a</p>", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"VoiceId": "Nobody"}, "ValidationException"),
        ({"LanguageCode": "tlh"}, "ValidationException"),
    ],
)
def test_polly_refuses_invalid_requests(
    clients: Clients, fields: dict[str, str], code: str
) -> None:
    valid = {"Text": "a", "VoiceId": "Lucia", "OutputFormat": "pcm", "SampleRate": "16000"}
    with pytest.raises(ClientError, match=code):
        clients.polly.synthesize_speech(**{**valid, **fields})  # type: ignore[arg-type]


def test_ssml_is_billed_without_its_tags(clients: Clients) -> None:
    answer = clients.polly.synthesize_speech(
        Text='<speak><prosody rate="200%">a &amp; b</prosody></speak>',
        TextType="ssml",
        VoiceId="Lucia",
        OutputFormat="pcm",
        SampleRate="16000",
    )

    assert answer["RequestCharacters"] == 5
    assert len(answer["AudioStream"].read()) == 5 * 30 * 16 * 2


def test_translate_refuses_more_than_10_000_bytes(clients: Clients) -> None:
    with pytest.raises(clients.translate.exceptions.TextSizeLimitExceededException):
        clients.translate.translate_text(
            Text="\u00fc" * 5_001, SourceLanguageCode="de", TargetLanguageCode="en"
        )


@pytest.mark.parametrize(
    ("credentials", "code"),
    [
        (
            ReadOnlyCredentials("OTHER", CREDENTIALS.secret_key, CREDENTIALS.token),
            "UnrecognizedClientException",
        ),
        (
            ReadOnlyCredentials(CREDENTIALS.access_key, "other", CREDENTIALS.token),
            "InvalidSignatureException",
        ),
        (
            ReadOnlyCredentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, "other"),
            "UnrecognizedClientException",
        ),
    ],
)
def test_invalid_signatures_are_refused(
    aws: AwsSpeech, credentials: ReadOnlyCredentials, code: str
) -> None:
    strangers = Clients(aws, boto_session(credentials))

    for ask in (strangers.ask_translate, strangers.ask_polly):
        with pytest.raises(ClientError, match=code):
            ask()
    assert aws.served == []


def test_an_injected_fault_applies_once(aws: AwsSpeech, clients: Clients) -> None:
    faults: list[HttpFault] = [Refused("ThrottlingException", 400), Stalled()]
    aws.inject("translate", *faults)
    hasty = boto_session().client(
        "translate",
        endpoint_url=aws.endpoints.translate,
        config=ONCE.merge(Config(read_timeout=0.2)),
    )

    def ask() -> str:
        return hasty.translate_text(Text="a", SourceLanguageCode="en", TargetLanguageCode="es")[
            "TranslatedText"
        ]

    with pytest.raises(ClientError, match="ThrottlingException"):
        ask()
    with pytest.raises(ReadTimeoutError):
        ask()
    clients.ask_translate()
    assert len(aws.served) == 1


def url_of(aws: AwsSpeech, credentials: ReadOnlyCredentials = CREDENTIALS) -> str:
    endpoint = aws.endpoints.transcribe
    assert endpoint is not None
    return stream_url(endpoint, REGION, credentials, "en-US", 16_000)


async def received(socket: ClientConnection) -> list[tuple[dict[str, str], dict[str, object]]]:
    """Headers and JSON of all frames until the end."""
    found = []
    async for message in socket:
        assert isinstance(message, bytes)
        buffer = EventStreamBuffer()
        buffer.add_data(message)
        for frame in buffer:
            answer = frame.to_response_dict()
            found.append((dict(answer["headers"]), json.loads(answer["body"])))
    return found


async def test_a_stream_follows_transcribes_documentation(aws: AwsSpeech) -> None:
    async with connect(url_of(aws), proxy=None) as socket:
        for pcm in (loud(1_000), loud(250), silent(500)):
            await socket.send(audio_event(pcm))
        await socket.send(audio_event(b""))
        frames = await received(socket)
        assert socket.close_code == 1000

    assert {tuple(headers.items()) for headers, _ in frames} == {
        (
            (":content-type", "application/json"),
            (":event-type", "TranscriptEvent"),
            (":message-type", "event"),
        )
    }
    results = [body["Transcript"]["Results"][0] for _, body in frames]  # type: ignore[index]
    assert [result["IsPartial"] for result in results] == [True] * 6 + [False]
    last = results[-1]
    assert last["Alternatives"][0]["Transcript"] == "One two three four five."
    assert [item["Type"] for item in last["Alternatives"][0]["Items"]][-1] == "punctuation"
    assert (last["StartTime"], last["EndTime"]) == (0.0, pytest.approx(1.25, abs=0.02))


@pytest.mark.parametrize(
    "message",
    [
        audio_event(bytes(32 * 1024 + 2)),
        encode({":message-type": "event", ":event-type": "AudioEvent"}, b"\0\0"),
        encode({}, b""),
    ],
)
async def test_an_invalid_audio_event_ends_the_stream(aws: AwsSpeech, message: bytes) -> None:
    async with connect(url_of(aws), proxy=None) as socket:
        await socket.send(message)
        ((headers, body),) = await received(socket)

    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "BadRequestException"
    assert "Message" in body


async def test_a_stream_without_audio_is_ended() -> None:
    with AwsSpeech(idle_seconds=0.05) as aws:
        async with connect(url_of(aws), proxy=None) as socket:
            ((headers, body),) = await received(socket)

    assert headers[":exception-type"] == "BadRequestException"
    assert "no new audio was received for 15 seconds" in str(body["Message"])


@pytest.mark.parametrize(
    "changed",
    ["sample-rate=48000&", "X-Amz-Expires=301&", ""],
    ids=["changed", "too long", "unsigned"],
)
async def test_an_invalid_stream_url_is_refused(aws: AwsSpeech, changed: str) -> None:
    parts = urlsplit(url_of(aws))
    query = parts.query.replace("sample-rate=16000&", changed)
    if "Expires" in changed:
        query = parts.query.replace("X-Amz-Expires=300&", changed)
    if not changed:
        query = parts.query.partition("&X-Amz-Signature")[0]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(parts._replace(query=query).geturl(), proxy=None):
            pass

    assert refused.value.response.status_code == 403
    assert aws.streams == []
