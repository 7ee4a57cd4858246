"""Fake server of Amazon Transcribe, Translate and Polly on 127.0.0.1."""

from tests.helpers.aws_speech.faults import (
    ConnectionDropped,
    ExceptionSent,
    InvalidMessage,
    NeverCloses,
    NoResults,
    Refused,
    Stalled,
    Truncated,
)
from tests.helpers.aws_speech.server import (
    CREDENTIALS,
    REGION,
    AwsSpeech,
    Served,
    boto_session,
)
from tests.helpers.aws_speech.speech_detection import SENTENCES, floor_pcm, loud, silent
from tests.helpers.aws_speech.streams import Stream

__all__ = [
    "CREDENTIALS",
    "REGION",
    "SENTENCES",
    "AwsSpeech",
    "ConnectionDropped",
    "ExceptionSent",
    "InvalidMessage",
    "NeverCloses",
    "NoResults",
    "Refused",
    "Served",
    "Stalled",
    "Stream",
    "Truncated",
    "boto_session",
    "floor_pcm",
    "loud",
    "silent",
]
