"""Parsers of setting values. Each raises ValueError with what is expected."""

from __future__ import annotations

from shared.models.connection import CONNECTION_LIFETIME_MS
from shared.models.interpretation import ENGINES
from shared.utils.origins import normal_origin

# Stands for an empty list of engines.
NO_ENGINE = "none"
# Maximum length of a run (s): its successor must start before Lambda's limit of 900 s.
MOST_RUN_SECONDS = 810


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text) if text.isascii() and text.isdecimal() else 0
    if value < 1:
        raise ValueError(f"must be a whole number of at least 1, not {text!r}")
    return value


def not_negative(text: str) -> int:
    """A whole number of at least 0."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"must be a whole number of at least 0, not {text!r}")
    return int(text)


def lifetime(text: str) -> int:
    """Lifetime of a connection (s), at most two hours."""
    value = positive(text)
    if value > CONNECTION_LIFETIME_MS // 1000:
        raise ValueError(
            f"must be at most {CONNECTION_LIFETIME_MS // 1000}: API Gateway closes connections then"
        )
    return value


def idle_timeout(text: str) -> int:
    """Idle time after which a connection is closed (s), at least 90."""
    value = positive(text)
    if value < 90:
        raise ValueError("must be at least 90: heartbeats come every 30")
    return value


def queue_delay(text: str) -> int:
    """Delay of a queue's message (s), at most 900."""
    value = positive(text)
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    if value > 900:
        raise ValueError("must be at most 900, the maximum delay of a queue")
    return value


def engines(text: str) -> tuple[str, ...]:
    """Comma-separated engine names without duplicates; `none` alone means no engine."""
    if text.strip() == NO_ENGINE:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise ValueError(
            f"expected names out of {', '.join(ENGINES)}, or {NO_ENGINE} alone, not {unknown[0]!r}"
        )
    return names


def origins(text: str) -> tuple[str, ...]:
    """Comma-separated browser origins, normalised."""
    return tuple(dict.fromkeys(normal_origin(each.strip()) for each in text.split(",")))


def http_url(text: str) -> str:
    """An http(s) URL without trailing slashes."""
    if not text.startswith(("https://", "http://")):
        raise ValueError("must be an http(s) URL")
    return text.rstrip("/")


def websocket_url(text: str) -> str:
    """A ws(s) URL."""
    if not text.startswith(("wss://", "ws://")):
        raise ValueError("must be a ws(s) URL")
    return text


def run_seconds(text: str) -> int:
    """Length of an interpreter's run (s), at most 810."""
    value = positive(text)
    if value > MOST_RUN_SECONDS:
        raise ValueError(f"must be at most {MOST_RUN_SECONDS}: Lambda ends the function after 900")
    return value
