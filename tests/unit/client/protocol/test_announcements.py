"""Active announcements, from messages in any order and number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.protocol.announcements import AnnouncementTracker, to_announcement
from shared.protocol.announcement_messages import (
    ActiveAnnouncement,
    Announcement,
    AnnouncementAcknowledged,
    AnnouncementCleared,
    Scope,
)
from shared.protocol.message_base import ServerMessage
from shared.protocol.messages import SessionEnded, SessionLeft
from tests.unit.client.announcing import SESSION, active, announcement, cleared

ANNOUNCEMENTS = st.builds(
    announcement,
    st.integers(0, 5),
    scope=st.sampled_from(("all", "session")),
)
# Ids are of one scope each, as a service gives them out.
MESSAGES = ANNOUNCEMENTS.map(
    lambda it: announcement(
        int(it.announcement_id[1:]) + 10 * (it.scope == "session"), it.created_at // 2, it.scope
    )
).flatmap(
    lambda it: st.sampled_from(
        (it, active(it), cleared(it), AnnouncementAcknowledged(announcement_id=it.announcement_id))
    )
)


@given(st.lists(st.one_of(MESSAGES, st.just("lost")), max_size=40))
def test_each_announcement_is_news_once_in_order_and_never_after_its_end(
    messages: list[ServerMessage | str],
) -> None:
    board, over = AnnouncementTracker(), set[str]()
    told: dict[Scope, list[tuple[int, str]]] = {"all": [], "session": []}
    for message in messages:
        if isinstance(message, str):
            board.connection_lost()
            assert not board.active
            continue
        news = board.apply(message)
        if isinstance(message, Announcement | ActiveAnnouncement):
            it = to_announcement(message)
            assert it is not None
            if news:
                assert it.announcement_id not in over
                assert board.active[it.scope] == it
                told[it.scope].append((it.created_at, it.announcement_id))
        elif isinstance(message, AnnouncementCleared | AnnouncementAcknowledged):
            assert message.announcement_id is not None
            over.add(message.announcement_id)
        for scope, shown in board.active.items():
            assert shown.announcement_id not in over
            assert (shown.created_at, shown.announcement_id) == told[scope][-1]
    for keys in told.values():
        assert keys == sorted(set(keys))


@given(st.permutations([announcement(number) for number in range(5)]), st.data())
def test_in_any_order_with_repetitions_the_newest_is_shown(
    order: list[Announcement], data: st.DataObject
) -> None:
    board = AnnouncementTracker()
    for it in order + data.draw(st.lists(st.sampled_from(order))):
        board.apply(it)
    assert board.active == {"all": announcement(4)}
    assert board.apply(cleared(announcement(4)))
    assert board.active == {}


def test_a_clear_that_overtakes_its_announcement_holds() -> None:
    board = AnnouncementTracker()
    assert not board.apply(cleared(announcement(1)))
    assert not board.apply(announcement(1))
    assert board.active == {}
    assert board.apply(announcement(2))


def test_a_clear_ends_what_was_replaced_before_it_as_well() -> None:
    board = AnnouncementTracker()
    board.apply(announcement(1))
    assert board.apply(cleared(announcement(3)))
    assert board.active == {}
    assert not board.apply(announcement(2))
    assert board.apply(announcement(4))
    assert not board.apply(cleared(announcement(3)))
    assert board.active == {"all": announcement(4)}


def test_a_clear_in_another_session_ends_nothing_here() -> None:
    board = AnnouncementTracker()
    board.apply(announcement(1, scope="session"))
    elsewhere = AnnouncementCleared(
        announcement_id="b", scope="session", session_id="calm-otter-404", created_at=9
    )
    assert not board.apply(elsewhere)
    assert board.active == {"session": announcement(1, scope="session")}


def test_after_reconnecting_replaced_announcements_stay_gone_and_active_ones_are_no_news() -> None:
    board = AnnouncementTracker()
    board.apply(announcement(1))
    board.apply(announcement(2))
    board.connection_lost()
    assert not board.apply(active(announcement(2)))
    assert not board.apply(active(announcement(1)))
    assert board.active == {"all": announcement(2)}


@pytest.mark.parametrize(
    "end", [SessionEnded(session_id=SESSION, reason="ended"), SessionLeft(session_id=SESSION)]
)
def test_a_sessions_announcement_goes_with_the_session(end: ServerMessage) -> None:
    board = AnnouncementTracker()
    board.apply(announcement(1, scope="session"))
    board.apply(announcement(2))
    assert board.apply(end)
    assert board.active == {"all": announcement(2)}


def test_another_sessions_announcement_may_be_older() -> None:
    board = AnnouncementTracker()
    board.apply(announcement(9, scope="session"))
    board.apply(SessionLeft(session_id=SESSION))
    other = Announcement(
        announcement_id="b",
        scope="session",
        message="m",
        message_type="alert",
        created_at=1,
        session_id="calm-otter-404",
    )
    assert board.apply(other)


@pytest.mark.parametrize(
    "nothing",
    [
        ActiveAnnouncement(announcement_id=None),
        ActiveAnnouncement(announcement_id="a1", scope="all"),
        AnnouncementCleared(announcement_id=None, scope="all"),
    ],
)
def test_a_reply_without_announcement_is_no_news(nothing: ServerMessage) -> None:
    assert not AnnouncementTracker().apply(nothing)
