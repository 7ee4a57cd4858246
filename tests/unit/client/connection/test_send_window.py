"""The send window: no more audio in flight than about one second."""

from __future__ import annotations

import asyncio

from client.connection.send_window import SendWindow


class Path:
    """A connection with its own clock; tests answer its pings."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pings: list[asyncio.Future[float]] = []
        self.window = SendWindow(self.ping, lambda: self.now)

    async def ping(self) -> asyncio.Future[float]:
        self.pings.append(asyncio.get_running_loop().create_future())
        return self.pings[-1]

    async def send(self) -> bool:
        """Send a chunk if there is room; 200 ms pass."""
        room = await self.window.has_room()
        if room:
            await self.window.sent()
        self.now += 0.2
        return room


async def test_a_path_that_answers_has_room() -> None:
    path = Path()
    for _ in range(100):
        assert await path.send()
        for ping in path.pings:
            if not ping.done():
                ping.set_result(0.2)
    assert 30 <= len(path.pings) <= 50, "one each half second or so"


async def test_about_a_second_is_under_way_and_no_more() -> None:
    path = Path()
    sent = [await path.send() for _ in range(30)]
    under_way = sent.index(False)
    assert 5 <= under_way <= 6
    assert not any(sent[under_way:])
    assert len(path.pings) == 1


async def test_an_answer_makes_room_again_at_once() -> None:
    path = Path()
    for _ in range(20):
        await path.send()
    path.pings[0].set_result(4.0)
    assert await path.send()
    assert len(path.pings) == 2


async def test_a_path_that_is_always_slow_has_more_time() -> None:
    path = Path()
    await path.send()
    path.pings[0].set_result(2.0)
    sent = [await path.send() for _ in range(30)]
    assert 13 <= sum(sent) <= 18


async def test_an_answer_that_is_there_but_not_read_yet_counts() -> None:
    """After a suspension, the event loop has other work before it reads."""
    path = Path()
    await path.send()
    path.now += 5
    asyncio.get_running_loop().call_soon(path.pings[0].set_result, 5.0)
    assert await path.send()


async def test_a_ping_of_a_connection_that_is_over_is_no_stall() -> None:
    path = Path()
    await path.send()
    path.pings[0].set_exception(ConnectionError())
    path.now += 5
    assert await path.send()
