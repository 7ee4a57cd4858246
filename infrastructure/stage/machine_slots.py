"""How many sessions machines interpret at a time: as Transcribe's streams allow.

A session has one stream, whatever the number of its languages, and a second one for half a minute
in each quarter of an hour, while a run is followed by the next. Four fifths of the streams are for
sessions, the rest for successors. Lambda runs no more interpreters than there are streams: a
successor that finds no execution is invoked again by its predecessor, which goes on meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

from infrastructure.stage.config import INTERPRETER, ConfigError, StageConfig
from shared.utils import settings


def sessions_for(streams: int) -> int:
    """How many sessions so many streams carry."""
    return max(1, streams * 4 // 5)


def fit_to_streams(config: StageConfig, value: object) -> StageConfig:
    """The stage for an account with that many streams, the default quota if `value` is None.

    Raises ConfigError for what is no number of streams, and for more sessions than they carry.
    """
    streams = config.transcribe_streams if value is None else _streams_from(value)
    reserved = dict(config.reserved_concurrency)
    if INTERPRETER in reserved:
        reserved[INTERPRETER] = streams
    config = replace(config, transcribe_streams=streams, reserved_concurrency=reserved)
    most = sessions_for(streams)
    chosen = config.settings.get(settings.MAX_INTERPRETED_SESSIONS)
    if chosen is None and value is not None:
        more = {**config.settings, settings.MAX_INTERPRETED_SESSIONS: str(most)}
        return replace(config, settings=more)
    if chosen is not None and int(chosen) > most:
        raise ConfigError(
            f"settings: MAX_INTERPRETED_SESSIONS: {streams} streams of Transcribe carry {most} "
            f"sessions, not {chosen}; raise the quota and say so (transcribeStreams=...)"
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
