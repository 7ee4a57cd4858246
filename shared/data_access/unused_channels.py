"""Removal of unused channels, to make room for other languages."""

from __future__ import annotations

from typing import Any

from shared.data_access.listener_counts import ACTIVE
from shared.data_access.pending_notifications import channel_subject
from shared.data_access.session_items import CHANNELS_EPOCH
from shared.data_access.table import Table
from shared.models.session import Session, SessionLifecycle

# Maximum channels removed by one write.
_AT_ONCE = 10


def remove_unused_channels(table: Table, session: Session) -> bool:
    """Remove channels without interpreter, stand-bys and listeners.

    `session` was just read. False if it has no such channel. True also if another request was
    faster; read the session again. The row keeps the highest removed epoch, so that a new channel
    of the same language gets a higher one. Raises StoreUnavailableError.
    """
    unused = _unused(session)[:_AT_ONCE]
    if not unused:
        return False
    names = {
        "#status": "status",
        "#channels": "channels",
        "#counts": "languageCounts",
        "#kept": CHANNELS_EPOCH,
        "#holder": "connectionId",
        "#standbys": "standbys",
        "#epoch": "epoch",
    }
    kept = max(session.channels_epoch, *(session.channels[each].epoch for each in unused))
    values: dict[str, Any] = {":active": SessionLifecycle.ACTIVE.value, ":none": 0, ":kept": kept}
    conditions = [ACTIVE, "(attribute_not_exists(#kept) OR #kept <= :kept)"]
    removed = []
    for number, language in enumerate(unused):
        names[f"#l{number}"] = language
        values[f":e{number}"] = session.channels[language].epoch
        channel, count = f"#channels.#l{number}", f"#counts.#l{number}"
        removed.append(channel)
        conditions += [
            f"attribute_not_exists({channel}.#holder)",
            f"size({channel}.#standbys) = :none",
            f"{channel}.#epoch = :e{number}",
            f"(attribute_not_exists({count}) OR {count} <= :none)",
        ]
    table.update_if(
        session.session_id,
        f"SET #kept = :kept REMOVE {', '.join(removed)}",
        condition=" AND ".join(conditions),
        names=names,
        values=values,
    )
    return True


def _unused(session: Session) -> list[str]:
    return [
        language
        for language, channel in session.channels.items()
        if channel.connection_id is None
        and not channel.standbys
        and session.language_counts.get(language, 0) <= 0
        and channel_subject(language) not in session.pending_notifications
    ]
