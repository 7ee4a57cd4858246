"""Limits machine-interpreted sessions to what Transcribe's streams allow.

A session needs one stream, whatever the number of its languages, and a second one for half a minute
per quarter of an hour, while one run hands over to the next. Four fifths of the streams are for
sessions, the rest for these handovers. Lambda runs at most one interpreter per stream. If no
execution is free for a successor, the running interpreter goes on and invokes it again.
"""

from __future__ import annotations

from dataclasses import replace

from infrastructure.stage.config import INTERPRETER, ConfigError, StageConfig
from shared.utils import settings


def sessions_for(streams: int) -> int:
    """The number of sessions that `streams` can serve."""
    return max(1, streams * 4 // 5)


def fit_to_streams(config: StageConfig, value: object) -> StageConfig:
    """The stage for an account with `value` streams; None is the default quota.

    Raises ConfigError for an invalid number, and for more sessions than the streams can serve.
    """
    streams = config.transcribe_streams if value is None else _streams_from(value)
    reserved = dict(config.reserved_concurrency)
    if INTERPRETER in reserved:
        reserved[INTERPRETER] = streams
    config = replace(config, transcribe_streams=streams, reserved_concurrency=reserved)
    limit = sessions_for(streams)
    chosen = config.settings.get(settings.MAX_INTERPRETED_SESSIONS)
    if chosen is None and value is not None:
        more = {**config.settings, settings.MAX_INTERPRETED_SESSIONS: str(limit)}
        return replace(config, settings=more)
    if chosen is not None and int(chosen) > limit:
        raise ConfigError(
            f"settings: MAX_INTERPRETED_SESSIONS: {streams} Transcribe streams serve {limit} "
            f"sessions, not {chosen}; raise the quota and set transcribeStreams=..."
        )
    return config


def _streams_from(value: object) -> int:
    text = str(value)
    number = int(text) if text.isascii() and text.isdecimal() else 0
    if number < 2:
        raise ConfigError(
            "transcribeStreams: expected the account's quota of concurrent streams, a whole number "
            f"of at least 2, not {value!r}"
        )
    return number
