"""The sessions table: every change is one conditional write, so that races have one winner."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import msgspec

from shared.data_access.table import ConditionFailedError, Item, Table
from shared.models import schema
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.models.session import MAX_LANGUAGES, Channel, Session, SessionStatus

# One partition for all active sessions would be a hot one for the whole Region.
ACTIVE_BUCKETS = 8
# How long an ended session stays readable, so that late requests hear SESSION_ENDED.
_KEEP_ENDED_SECONDS = 24 * 60 * 60
# An active session that nobody ended (all clean-up lost) goes after this long.
_KEEP_ACTIVE_SECONDS = 7 * 24 * 60 * 60

_ACTIVE = "#status = :active"


class SessionsRepository:
    """Reads and writes sessions. Methods that change one return False if their condition fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, session: Session) -> bool:
        """Write a new session; False if its id is taken."""
        try:
            self._table.put_new(_to_item(session))
        except ConditionFailedError:
            return False
        return True

    def get(self, session_id: str) -> Session | None:
        """The session, strongly consistent: what decides every chunk and every request."""
        item = self._table.get(session_id)
        return None if item is None else _from_item(item)

    def discard(self, session_id: str, speaker_connection_id: str) -> bool:
        """Remove a session that its speaker has just created and could not enter."""
        try:
            self._table.delete_if(
                session_id,
                condition="#speaker = :speaker",
                names={"#speaker": "speakerConnectionId"},
                values={":speaker": speaker_connection_id},
            )
        except ConditionFailedError:
            return False
        return True

    def count_in(self, session_id: str, language: str) -> bool:
        """Count a listener in; False if the session is not active, is full, or would have more
        than 100 different languages.
        """
        return self._update(
            session_id,
            "SET #count = #count + :one, #counts.#in = if_not_exists(#counts.#in, :zero) + :one"
            " ADD #seen :seen",
            condition=f"{_ACTIVE} AND #count < #limit AND {_LANGUAGE_FITS}",
            names={
                "#status": "status",
                "#count": "listenerCount",
                "#counts": "languageCounts",
                "#limit": "maxListeners",
                "#seen": "languagesSeen",
                "#in": language,
            },
            values={
                ":active": SessionStatus.ACTIVE.value,
                ":one": 1,
                ":zero": 0,
                **_seen(language),
            },
        )

    def count_out(self, session_id: str, language: str) -> bool:
        """Count a listener out; also of an ended session. False if there is no such session."""
        return self._update(
            session_id,
            "SET #count = #count - :one, #counts.#out = if_not_exists(#counts.#out, :zero) - :one",
            condition="attribute_exists(#counts)",
            names={"#count": "listenerCount", "#counts": "languageCounts", "#out": language},
            values={":one": 1, ":zero": 0},
        )

    def count_moved(self, session_id: str, old: str, new: str) -> bool:
        """Count a listener from one language to another, `admit_language` having allowed it."""
        return self._update(
            session_id,
            "SET #counts.#out = if_not_exists(#counts.#out, :zero) - :one,"
            " #counts.#in = if_not_exists(#counts.#in, :zero) + :one",
            condition="attribute_exists(#counts)",
            names={"#counts": "languageCounts", "#out": old, "#in": new},
            values={":one": 1, ":zero": 0},
        )

    def admit_language(self, session_id: str, language: str) -> bool:
        """Let a language be heard in a session; False if that makes more than 100 different ones,
        or the session is not active. Safe to repeat.
        """
        return self._update(
            session_id,
            "ADD #seen :seen",
            condition=f"{_ACTIVE} AND {_LANGUAGE_FITS}",
            names={"#status": "status", "#seen": "languagesSeen"},
            values={":active": SessionStatus.ACTIVE.value, **_seen(language)},
        )

    def take_channel(
        self, session_id: str, language: str, channel: Channel, previous: Channel | None
    ) -> bool:
        """Become the source of a language that nobody holds; False if somebody does, or if the
        channel has changed since `previous` was read.
        """
        names = {"#status": "status", "#channels": "channels", "#language": language}
        values: dict[str, Any] = {
            ":active": SessionStatus.ACTIVE.value,
            ":channel": _channel_item(channel),
        }
        if previous is None:
            condition = "attribute_not_exists(#channels.#language) AND size(#channels) < :most"
            values[":most"] = MAX_LANGUAGES
        else:
            condition = (
                "#channels.#language.#epoch = :epoch"
                " AND attribute_not_exists(#channels.#language.#holder)"
            )
            names |= {"#epoch": "epoch", "#holder": "connectionId"}
            values[":epoch"] = previous.epoch
        return self._update(
            session_id,
            "SET #channels.#language = :channel",
            condition=f"{_ACTIVE} AND {condition}",
            names=names,
            values=values,
        )

    def clear_channel(self, session_id: str, language: str, connection_id: str, epoch: int) -> bool:
        """Give a language up; False unless this connection still holds it with this epoch."""
        return self._update(
            session_id,
            "REMOVE #channels.#language.#holder",
            condition="#channels.#language.#holder = :holder"
            " AND #channels.#language.#epoch = :epoch",
            names={
                "#channels": "channels",
                "#language": language,
                "#holder": "connectionId",
                "#epoch": "epoch",
            },
            values={":holder": connection_id, ":epoch": epoch},
        )

    def take_floor(self, session: Session, connection_id: str) -> bool:
        """Make `connection_id` the speaker with the next epoch; False if the floor has changed
        hands since `session` was read, or the session has ended.
        """
        return self._update(
            session.session_id,
            "SET #speaker = :connection, #epoch = :next",
            condition=f"{_ACTIVE} AND #epoch = :epoch",
            names={
                "#status": "status",
                "#speaker": "speakerConnectionId",
                "#epoch": "speakerEpoch",
            },
            values={
                ":active": SessionStatus.ACTIVE.value,
                ":connection": connection_id,
                ":epoch": session.speaker_epoch,
                ":next": session.speaker_epoch + 1,
            },
        )

    def end(self, session_id: str, speaker_connection_id: str, now_ms: int) -> bool:
        """End a session; False unless it is active and this connection is still its speaker."""
        return self._update(
            session_id,
            "SET #status = :ended, #state.#isActive = :false, #state.#changed = :now,"
            " #expires = :expires REMOVE #bucket",
            condition=f"{_ACTIVE} AND #speaker = :speaker",
            names={
                "#status": "status",
                "#state": "broadcastState",
                "#isActive": "isActive",
                "#changed": "lastStateChange",
                "#expires": schema.EXPIRES_AT,
                "#bucket": schema.ACTIVE_BUCKET,
                "#speaker": "speakerConnectionId",
            },
            values={
                ":active": SessionStatus.ACTIVE.value,
                ":ended": SessionStatus.ENDED.value,
                ":false": False,
                ":now": now_ms,
                ":expires": now_ms // 1000 + _KEEP_ENDED_SECONDS,
                ":speaker": speaker_connection_id,
            },
        )

    def _update(
        self,
        session_id: str,
        expression: str,
        *,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
    ) -> bool:
        try:
            self._table.update(
                session_id, expression, condition=condition, names=names, values=values
            )
        except ConditionFailedError:
            return False
        return True


_LANGUAGE_FITS = "(size(#seen) < :most OR contains(#seen, :language))"


def _seen(language: str) -> dict[str, Any]:
    return {":seen": {language}, ":language": language, ":most": MAX_LANGUAGES}


def active_bucket(session_id: str) -> str:
    """The bucket of the active index that a session stands in."""
    return str(zlib.crc32(session_id.encode()) % ACTIVE_BUCKETS)


def _channel_item(channel: Channel) -> Item:
    item: Item = {"epoch": channel.epoch, "source": channel.source}
    if channel.connection_id is not None:
        item["connectionId"] = channel.connection_id
    return item


def _string_set(values: Iterable[str]) -> set[str] | None:
    # DynamoDB has no empty sets.
    return set(values) or None


def _to_item(session: Session) -> Item:
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
        "broadcastState": msgspec.to_builtins(session.broadcast_state),
        "createdAt": session.created_at,
        "maxListeners": session.max_listeners,
        "restricted": session.interpreters is not None,
        "interpreters": _string_set(session.interpreters or ()),
        "listenerCount": session.listener_count,
        "languageCounts": dict(session.language_counts),
        "languagesSeen": {session.source_language, *session.languages_seen},
        "channels": {lang: _channel_item(item) for lang, item in session.channels.items()},
    }


def _from_item(item: Item) -> Session:
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
        status=SessionStatus(item["status"]),
        broadcast_state=msgspec.convert(item.get("broadcastState", {}), BroadcastState),
        interpreters=frozenset(item.get("interpreters", ())) if item["restricted"] else None,
        listener_count=item["listenerCount"],
        language_counts=item["languageCounts"],
        languages_seen=frozenset(item["languagesSeen"]),
        channels={
            language: Channel(channel["epoch"], channel["source"], channel.get("connectionId"))
            for language, channel in item["channels"].items()
        },
    )
