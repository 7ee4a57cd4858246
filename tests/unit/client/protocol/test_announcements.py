"""What a client shows of announcements, in whatever order and however often it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.protocol.announcements import ShownAnnouncements, announced
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
def test_whatever_comes_is_told_once_newer_after_older_and_never_after_its_end(
    messages: list[ServerMessage | str],
) -> None:
    board, over = ShownAnnouncements(), set[str]()
    told: dict[Scope, list[tuple[int, str]]] = {"all": [], "session": []}
    for message in messages:
        if isinstance(message, str):
            board.lost()
            assert not board.shown
            continue
        news = board.take(message)
        if isinstance(message, Announcement | ActiveAnnouncement):
            it = announced(message)
            assert it is not None
            if news:
                assert it.announcement_id not in over
                assert board.shown[it.scope] == it
                told[it.scope].append((it.created_at, it.announcement_id))
        elif isinstance(message, AnnouncementCleared | AnnouncementAcknowledged):
            assert message.announcement_id is not None
            over.add(message.announcement_id)
        for scope, shown in board.shown.items():
            assert shown.announcement_id not in over
            assert (shown.created_at, shown.announcement_id) == told[scope][-1]
    for keys in told.values():
        assert keys == sorted(set(keys))


@given(st.permutations([announcement(number) for number in range(5)]), st.data())
def test_in_any_order_with_repetitions_the_newest_is_shown(
    order: list[Announcement], data: st.DataObject
) -> None:
    board = ShownAnnouncements()
    for it in order + data.draw(st.lists(st.sampled_from(order))):
        board.take(it)
    assert board.shown == {"all": announcement(4)}
    assert board.take(cleared(announcement(4)))
    assert board.shown == {}


def test_a_clear_that_overtakes_its_announcement_holds() -> None:
    board = ShownAnnouncements()
    assert not board.take(cleared(announcement(1)))
    assert not board.take(announcement(1))
    assert board.shown == {}
    assert board.take(announcement(2))


def test_a_clear_ends_what_was_replaced_before_it_as_well() -> None:
    board = ShownAnnouncements()
    board.take(announcement(1))
    assert board.take(cleared(announcement(3)))
    assert board.shown == {}
    assert not board.take(announcement(2))
    assert board.take(announcement(4))
    assert not board.take(cleared(announcement(3)))
    assert board.shown == {"all": announcement(4)}


def test_a_clear_in_another_session_ends_nothing_here() -> None:
    board = ShownAnnouncements()
    board.take(announcement(1, scope="session"))
    elsewhere = AnnouncementCleared(
        announcement_id="b", scope="session", session_id="calm-otter-404", created_at=9
    )
    assert not board.take(elsewhere)
    assert board.shown == {"session": announcement(1, scope="session")}


def test_what_was_replaced_while_away_does_not_come_back_and_what_held_is_no_news() -> None:
    board = ShownAnnouncements()
    board.take(announcement(1))
    board.take(announcement(2))
    board.lost()
    assert not board.take(active(announcement(2)))
    assert not board.take(active(announcement(1)))
    assert board.shown == {"all": announcement(2)}


@pytest.mark.parametrize(
    "end", [SessionEnded(session_id=SESSION, reason="ended"), SessionLeft(session_id=SESSION)]
)
def test_a_sessions_announcement_goes_with_the_session(end: ServerMessage) -> None:
    board = ShownAnnouncements()
    board.take(announcement(1, scope="session"))
    board.take(announcement(2))
    assert board.take(end)
    assert board.shown == {"all": announcement(2)}


def test_another_sessions_announcement_may_be_older() -> None:
    board = ShownAnnouncements()
    board.take(announcement(9, scope="session"))
    board.take(SessionLeft(session_id=SESSION))
    other = Announcement(
        announcement_id="b",
        scope="session",
        message="m",
        message_type="alert",
        created_at=1,
        session_id="calm-otter-404",
    )
    assert board.take(other)


@pytest.mark.parametrize(
    "nothing",
    [
        ActiveAnnouncement(announcement_id=None),
        ActiveAnnouncement(announcement_id="a1", scope="all"),
        AnnouncementCleared(announcement_id=None, scope="all"),
    ],
)
def test_nothing_is_no_news(nothing: ServerMessage) -> None:
    assert not ShownAnnouncements().take(nothing)
