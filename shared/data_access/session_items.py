"""Conversion between sessions and DynamoDB items."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from shared.data_access.pending_notifications import pending_in
from shared.data_access.table import Item
from shared.models import schema
from shared.models.audience_counts import SentStatus
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.interpretation import Interpretation
from shared.models.interpreter_run import InterpreterRun
from shared.models.session import Channel, FormerSource, Session, SessionLifecycle, Standby

# Attributes used by several modules.
BROADCAST_STATE = "broadcastState"
LAST_STATE_CHANGE = "lastStateChange"
AUDIBLE_SINCE = "audibleSince"
ENDED_AT = "endedAt"
TICKET_HASH = "ticketHash"
_SECRET_HASH = "secretHash"
# Number of languages that had listeners and whose counters have been removed since.
REMOVED_LANGUAGES = "languagesForgotten"
# Highest epoch of all removed channels.
CHANNELS_EPOCH = "channelsEpoch"
_INTERPRETATION = "interpretation"
RUN = "interpreterRun"
RUN_GENERATION = "generation"
RUN_LEASE_UNTIL = "leaseUntil"

# A single partition for all active sessions would be hot for the whole Region.
ACTIVE_BUCKETS = 8
# An active session expires after this time if all clean-up failed.
_KEEP_ACTIVE_SECONDS = 7 * 24 * 60 * 60


def active_bucket(session_id: str) -> str:
    """Bucket of a session in the active index."""
    return str(zlib.crc32(session_id.encode()) % ACTIVE_BUCKETS)


def channel_item(channel: Channel) -> Item:
    """Convert a channel to its item within the session."""
    item: Item = {
        "epoch": channel.epoch,
        "source": channel.source,
        "leaseUntil": channel.lease_until,
        "heardAt": channel.heard_at,
        "standbys": {who: standby_item(waiting) for who, waiting in channel.standbys.items()},
    }
    if channel.connection_id is not None:
        item["connectionId"] = channel.connection_id
    if channel.former is not None:
        item["former"] = former_item(channel.former)
    return item


def standby_item(standby: Standby) -> Item:
    """Convert a stand-by to its item within the channel."""
    return {
        "source": standby.source,
        "since": standby.since,
        "leaseUntil": standby.lease_until,
    }


def former_item(former: FormerSource) -> Item:
    """Convert a former source to its item within the session."""
    return {
        "connectionId": former.connection_id,
        "epoch": former.epoch,
        "until": former.until,
    }


def _former(item: Item | None) -> FormerSource | None:
    return FormerSource(item["connectionId"], item["epoch"], item["until"]) if item else None


def _channel(item: Item) -> Channel:
    return Channel(
        epoch=item["epoch"],
        source=item["source"],
        connection_id=item.get("connectionId"),
        former=_former(item.get("former")),
        lease_until=item.get("leaseUntil", 0),
        heard_at=item.get("heardAt", 0),
        standbys={
            who: Standby(waiting["source"], waiting["since"], waiting["leaseUntil"])
            for who, waiting in item.get("standbys", {}).items()
        },
    )


def _string_set(values: Iterable[str]) -> set[str] | None:
    # DynamoDB has no empty sets.
    return set(values) or None


def to_item(session: Session) -> Item:
    """Convert a new session to an item."""
    return {
        schema.SESSION_ID: session.session_id,
        schema.ACTIVE_BUCKET: active_bucket(session.session_id),
        schema.EXPIRES_AT: session.created_at // 1000 + _KEEP_ACTIVE_SECONDS,
        "owner": session.owner,
        "speakerConnectionId": session.speaker_connection_id,
        "speakerEpoch": session.speaker_epoch,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "audioFormat": msgspec.to_builtins(session.audio_format),
        "status": session.status.value,
        BROADCAST_STATE: session.broadcast_state.to_dict(),
        AUDIBLE_SINCE: session.audible_since,
        "createdAt": session.created_at,
        "maxListeners": session.max_listeners,
        "restricted": session.interpreters is not None,
        "interpreters": _string_set(session.interpreters or ()),
        "listenerCount": session.listener_count,
        "languageCounts": dict(session.language_counts),
        "channels": {lang: channel_item(item) for lang, item in session.channels.items()},
        _SECRET_HASH: session.secret_hash,
        **_interpretation_items(session),
    }


def from_item(item: Item) -> Session:
    """Convert an item to a session."""
    return Session(
        session_id=item[schema.SESSION_ID],
        owner=item["owner"],
        speaker_connection_id=item["speakerConnectionId"],
        speaker_epoch=item["speakerEpoch"],
        source_language=item["sourceLanguage"],
        quality_tier=item["qualityTier"],
        audio_format=msgspec.convert(item["audioFormat"], AudioFormat),
        created_at=item["createdAt"],
        max_listeners=item["maxListeners"],
        status=SessionLifecycle(item["status"]),
        broadcast_state=_broadcast_state(item),
        audible_since=item.get(AUDIBLE_SINCE, 0),
        interpreters=frozenset(item.get("interpreters", ())) if item["restricted"] else None,
        listener_count=item["listenerCount"],
        language_counts=item["languageCounts"],
        channels_epoch=item.get(CHANNELS_EPOCH, 0),
        removed_languages=item.get(REMOVED_LANGUAGES, 0),
        channels={language: _channel(channel) for language, channel in item["channels"].items()},
        grace_until=item.get("graceUntil"),
        former_speaker=_former(item.get("formerSpeaker")),
        end_reason=item.get("endReason"),
        interpretation=_interpretation(item.get(_INTERPRETATION)),
        ticket_hash=item.get(TICKET_HASH),
        interpreter_run=_run(item.get(RUN)),
        secret_hash=item.get(_SECRET_HASH),
        pending_notifications=pending_in(item),
    )


def _interpretation_items(session: Session) -> Item:
    """Attributes of a session with machine interpretation."""
    if session.interpretation is None or session.interpreter_run is None:
        return {}
    return {
        _INTERPRETATION: msgspec.to_builtins(session.interpretation),
        TICKET_HASH: session.ticket_hash,
        RUN: {
            RUN_GENERATION: session.interpreter_run.generation,
            RUN_LEASE_UNTIL: session.interpreter_run.lease_until,
        },
    }


def _interpretation(item: Item | None) -> Interpretation | None:
    return None if item is None else msgspec.convert(item, Interpretation)


def _run(item: Item | None) -> InterpreterRun | None:
    return InterpreterRun(item[RUN_GENERATION], item[RUN_LEASE_UNTIL]) if item else None


def _broadcast_state(item: Item) -> BroadcastState:
    """Stored state, or the default. It is inactive from the end of the session."""
    state = BroadcastState.from_dict(item.get(BROADCAST_STATE, {}))
    if item["status"] == SessionLifecycle.ACTIVE.value:
        return state
    return state.end(item.get(ENDED_AT, 0))


def sent_status(item: Item) -> SentStatus:
    """Last status sent to the speaker, from a session's item."""
    return SentStatus(item.get(schema.STATUS_COUNT, 0), item.get(schema.STATUS_LANGUAGES, 0))
