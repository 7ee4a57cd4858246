"""Responses of Translate and Polly, checked against botocore's service models."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree

import botocore.session
from botocore.model import OperationModel

from tests.helpers.aws_speech.tones import tone

TRANSLATE_TARGET = "AWSShineFrontendService_20170701.TranslateText"
SPEECH_PATH = "/v1/speech"
#: Duration of a character at normal speed.
CHARACTER_MS = 60
_OPERATIONS = {"translate": "TranslateText", "polly": "SynthesizeSpeech"}


class RefusedRequestError(Exception):
    """The service refuses the request with an error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@cache
def operation(service: str) -> OperationModel:
    """botocore's model of the service's only operation here."""
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(_OPERATIONS[service])


def status_of(service: str, code: str) -> int:
    """HTTP status of an error code; 400 for common errors."""
    for shape in operation(service).error_shapes:
        if shape.name == code:
            return int(shape.metadata["error"]["httpStatusCode"])
    return 400


def parsed(service: str, body: bytes) -> dict[str, Any]:
    """Parse a request body. Raises RefusedRequestError if it violates the model."""
    try:
        members = json.loads(body)
    except ValueError:
        raise RefusedRequestError("SerializationException", "no JSON") from None
    shape = operation(service).input_shape
    assert shape is not None
    for name in shape.required_members:
        if name not in members:
            raise RefusedRequestError("ValidationException", f"{name} is missing")
    for name, value in members.items():
        member = shape.members.get(name)
        if member is None:
            raise RefusedRequestError("ValidationException", f"{name} is unknown")
        allowed: list[str] = getattr(member, "enum", [])
        if allowed and value not in allowed:
            raise RefusedRequestError("ValidationException", f"{name} must not be {value}")
    return dict(members)


def translated(members: Mapping[str, Any], table: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """TranslateText: look up (target code, text) in the table, or prefix the target."""
    text, target = members["Text"], members["TargetLanguageCode"]
    if not text:
        raise RefusedRequestError("ValidationException", "Text is empty")
    if len(text.encode()) > 10_000:
        raise RefusedRequestError("TextSizeLimitExceededException", "Text is too long")
    return {
        "TranslatedText": table.get((target, text), f"[{target}] {text}"),
        "SourceLanguageCode": members["SourceLanguageCode"],
        "TargetLanguageCode": target,
    }


def spoken(members: Mapping[str, Any]) -> tuple[bytes, int]:
    """SynthesizeSpeech: a tone as long as the text, and the billed characters."""
    text, speed = members["Text"], 1.0
    if members["OutputFormat"] != "pcm" or members.get("SampleRate") not in {"8000", "16000"}:
        raise RefusedRequestError("InvalidSampleRateException", "pcm must be 8000 or 16000 Hz")
    if len(text) > 6_000:
        raise RefusedRequestError("TextLengthExceededException", "more than 6 000 characters")
    if members.get("TextType") == "ssml":
        text, speed = _read_ssml(text)
    if len(text) > 3_000:
        raise RefusedRequestError("TextLengthExceededException", "more than 3 000 billed")
    duration_ms = len(text) * CHARACTER_MS / speed
    return tone(duration_ms, int(members["SampleRate"]), hertz=440, peak=8_000), len(text)


def _read_ssml(ssml: str) -> tuple[str, float]:
    """Parse SSML into its text and speed. Raises RefusedRequestError."""
    try:
        root = ElementTree.fromstring(ssml)
    except (ElementTree.ParseError, ValueError):
        raise RefusedRequestError("InvalidSsmlException", "no XML") from None
    rates = [element.get("rate", "100%") for element in root.iter("prosody")]
    if root.tag != "speak" or any(not rate.rstrip("%").isdecimal() for rate in rates):
        raise RefusedRequestError("InvalidSsmlException", "no SSML")
    return "".join(root.itertext()), math.prod(int(rate.rstrip("%")) / 100 for rate in rates)
