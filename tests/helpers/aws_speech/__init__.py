"""Amazon Transcribe's streams, Amazon Translate and Amazon Polly, as one server on 127.0.0.1."""

from tests.helpers.aws_speech.hearing import SENTENCES, floor_of, loud, silent
from tests.helpers.aws_speech.server import (
    CREDENTIALS,
    REGION,
    AwsSpeech,
    Served,
    session_of,
)
from tests.helpers.aws_speech.streams import Stream
from tests.helpers.aws_speech.troubles import (
    Cut,
    Deaf,
    Dropped,
    Garbage,
    Never,
    Refused,
    Stalled,
    Thrown,
)

__all__ = [
    "CREDENTIALS",
    "REGION",
    "SENTENCES",
    "AwsSpeech",
    "Cut",
    "Deaf",
    "Dropped",
    "Garbage",
    "Never",
    "Refused",
    "Served",
    "Stalled",
    "Stream",
    "Thrown",
    "floor_of",
    "loud",
    "session_of",
    "silent",
]
