"""Token renewal in time, and failures that cost nothing while the token lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from client.connection.token_renewal import TokenRenewal
from client.errors import (
    ClientError,
    ConnectionLostError,
    RequestRefusedError,
    RequestTimeoutError,
    TokenError,
)
from client.tokens.cache import TokenCache
from client.tokens.times import HeldToken
from shared.protocol.authentication_messages import Authenticated
from tests.helpers.virtual_time import T0, VirtualTime
from tests.unit.client.jwts import jwt_saying

LIFE = 3_600.0
LEAD = 600.0


@dataclass
class Source:
    """Issues tokens by its own clock; raises `faults` first, repeats the last token if `same`."""

    time: VirtualTime
    life: float = LIFE
    faults: list[Exception] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    asked: int = 0
    same: bool = False
    age: float = 0.0

    async def fetch(self) -> str:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        if not (self.same and self.issued):
            now = T0 // 1000 + self.time.monotonic() - self.age
            self.issued.append(jwt_saying(iat=now, exp=now + self.life))
        return self.issued[-1]


@dataclass
class Wire:
    """A connection whose service accepts every token after `faults`."""

    time: VirtualTime
    wrong_ms: float = 0.0  # how far this machine's idea of the server's clock is off
    faults: list[ClientError] = field(default_factory=list)
    sent: list[tuple[float, str]] = field(default_factory=list)
    refusal: asyncio.Event = field(default_factory=asyncio.Event)

    def now_ms(self) -> float:
        return self.time.now_ms() + self.wrong_ms

    async def authenticate(self, token: str) -> Authenticated:
        self.sent.append((self.time.monotonic(), token))
        if self.faults:
            raise self.faults.pop(0)
        return Authenticated(expires_at=0, timestamp=0)

    async def wait_token_refused(self) -> None:
        await self.refusal.wait()
        self.refusal.clear()

    @property
    def times(self) -> list[float]:
        return [round(at, 3) for at, _ in self.sent]


@asynccontextmanager
async def keeping(
    source: Source, wire: Wire, tokens: TokenCache | None = None
) -> AsyncIterator[TokenRenewal]:
    """A running renewal on a connection with the first token."""
    time = source.time
    tokens = tokens or TokenCache(source, None, time)
    await tokens.current(wire.now_ms())
    held = tokens.held
    assert held is not None
    authenticator = TokenRenewal(wire, tokens, held, clock=time, sleep=time.sleep)
    running = asyncio.create_task(authenticator.run())
    try:
        yield authenticator
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def refused(code: str, *, retryable: bool = False) -> RequestRefusedError:
    return RequestRefusedError(code, 400, "no", retryable=retryable)


async def test_each_token_is_renewed_ahead_of_its_end() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        await time.advance(3 * LIFE)

    assert wire.times == [3_000, 6_000, 9_000]
    assert [token for _, token in wire.sent] == source.issued[1:]


@pytest.mark.parametrize("wrong_ms", [-(10**8), -3_600_000, -1_000, 1_000, 3_600_000, 10**8])
async def test_no_wrong_clock_lets_a_token_run_out_or_renews_without_pause(wrong_ms: float) -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time, wrong_ms)
    async with keeping(source, wire):
        await time.advance(2.5 * LIFE)

    gaps = [later - earlier for earlier, later in zip([0, *wire.times], wire.times, strict=False)]
    assert all(gap <= LIFE - LEAD + 1 for gap in gaps), "each before the former one expired"
    assert len(wire.sent) <= 4


async def test_a_wrong_sample_of_the_servers_clock_does_no_harm() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        for wrong_ms in (10**9, -(10**9), 3_500_000, 0):
            wire.wrong_ms = wrong_ms
            await time.advance(300)
        await time.advance(2 * LIFE)

    gaps = [later - earlier for earlier, later in zip([0, *wire.times], wire.times, strict=False)]
    assert max(gaps) <= LIFE - LEAD + 1
    assert len(wire.sent) <= 10


async def test_a_token_that_was_half_over_is_renewed_by_the_clock() -> None:
    time = VirtualTime()
    source, wire = Source(time, age=LIFE / 2), Wire(time)
    async with keeping(source, wire):
        await time.advance(1_300)

    assert wire.times == [1_200]


async def test_failures_are_retried_with_backoff_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = VirtualTime()
    source, wire = Source(time, life=9), Wire(time)
    async with keeping(source, wire):
        source.faults = [TokenError("the issuer is out of reach")] * 3
        with caplog.at_level(logging.WARNING, "lingocast.client"):
            await time.advance(8.9)

    assert wire.times == [round(6 + 0.375 + 0.75 + 1.5, 3)], "before the old one has expired"
    assert caplog.messages == [
        "the token could not be renewed: the issuer is out of reach; trying again in 0.4 s",
        "the token is renewed",
    ]


async def test_an_unexpected_exception_is_logged_and_renewal_goes_on_with_backoff(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        source.faults = [ZeroDivisionError("a bug in a token source")] * 3
        with caplog.at_level(logging.WARNING, "lingocast.client"):
            await time.advance(3_000 + 60 + 60 + 60 + 1)

    assert wire.times == [3_180], "after three pauses of at most 60 s"
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert caplog.messages[0].startswith("unexpected ZeroDivisionError in token renewal")
    assert caplog.records[0].exc_info, "with its traceback"


async def test_an_endless_unexpected_exception_is_retried_once_a_minute_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        bug = ZeroDivisionError("a bug in a token source")
        source.faults = [TokenError("down"), *([bug] * 10_000)]
        with caplog.at_level(logging.WARNING, "lingocast.client"):
            await time.advance(2 * LIFE)

    assert 60 <= source.asked <= 75
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


async def test_a_dead_source_is_asked_at_least_each_minute_and_not_much_more() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        source.faults = [TokenError("down")] * 10_000
        await time.advance(2 * LIFE)

    assert wire.sent == []
    assert 60 <= source.asked <= 75


async def test_a_lost_answer_is_asked_for_again_with_the_same_token() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time, faults=[RequestTimeoutError("no reply")])
    async with keeping(source, wire):
        await time.advance(LIFE)

    assert [token for _, token in wire.sent] == [source.issued[1]] * 2
    assert source.asked == 2


async def test_a_token_that_the_service_refuses_is_not_sent_again() -> None:
    time = VirtualTime()
    source = Source(time)
    wire = Wire(time, faults=[refused("AUTHENTICATION_REQUIRED"), refused("TOKEN_EXPIRED")])
    async with keeping(source, wire):
        await time.advance(LIFE)

    assert [token for _, token in wire.sent] == source.issued[1:4]


async def test_a_source_that_repeats_itself_is_asked_again_before_the_end() -> None:
    time = VirtualTime()
    source, wire = Source(time, life=9), Wire(time)
    async with keeping(source, wire):
        source.same = True
        await time.advance(7)
        source.same = False
        await time.advance(1.9)

    assert len(wire.sent) == 1
    assert wire.times[0] < 9


@pytest.mark.parametrize("code", ["CONNECTION_NOT_FOUND", "UNKNOWN_ACTION"])
async def test_renewal_stops_when_it_is_pointless(
    code: str, caplog: pytest.LogCaptureFixture
) -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time, faults=[refused(code)])
    async with keeping(source, wire):
        await time.advance(5 * LIFE)

    assert len(wire.sent) == 1
    assert not caplog.messages


async def test_a_connection_that_is_lost_needs_no_token() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time, faults=[ConnectionLostError("gone")])
    async with keeping(source, wire):
        await time.advance(5 * LIFE)

    assert len(wire.sent) == 1


async def test_a_refusal_renews_at_once_and_those_on_the_way_do_not() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire):
        await time.advance(100)
        wire.refusal.set()
        await time.advance(0)
        for _ in range(10):
            await time.advance(0.2)
            wire.refusal.set()
        await time.advance(60)

    assert wire.times[0] == 100
    assert len(wire.sent) <= 2


async def test_concurrent_refusals_renew_once() -> None:
    time = VirtualTime()
    source, wire = Source(time), Wire(time)
    async with keeping(source, wire) as authenticator:
        await asyncio.gather(*(authenticator.renew() for _ in range(20)))

    assert len(wire.sent) == 1


async def test_two_connections_share_a_renewal() -> None:
    time = VirtualTime()
    source, first, second = Source(time), Wire(time), Wire(time)
    tokens = TokenCache(source, None, time)
    async with keeping(source, first, tokens), keeping(source, second, tokens):
        await time.advance(2 * LIFE)

    assert [token for _, token in first.sent] == [token for _, token in second.sent]
    assert source.asked == 3


async def test_an_expiring_token_without_source_is_logged_in_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = VirtualTime()
    wire = Wire(time)
    given = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + LIFE)
    tokens = TokenCache(None, given, time)
    with caplog.at_level(logging.WARNING, "lingocast.client"):
        async with keeping(Source(time), wire, tokens):
            await time.advance(LIFE - LEAD - 1)
            assert not caplog.messages
            await time.advance(2 * LIFE)

    (line,) = caplog.messages
    assert line.startswith("the token expires in 600 s")
    assert given not in line


async def test_a_handshake_takes_the_token_while_it_lives_and_a_newer_one_then() -> None:
    time = VirtualTime()
    source = Source(time)
    tokens = TokenCache(source, None, time)

    first = await tokens.current(time.now_ms())
    await time.advance(LIFE - 31)
    assert await tokens.current(time.now_ms()) == first
    await time.advance(2)
    assert await tokens.current(time.now_ms()) == source.issued[1] != first


async def test_a_handshake_does_not_wait_for_a_renewal_that_can_follow_it() -> None:
    """After a network loss a token command may hang, and each second of it is silence."""
    time = VirtualTime()
    source = Source(time)
    tokens = TokenCache(source, None, time)
    first = await tokens.current(time.now_ms())
    await time.advance(LIFE - LEAD + 1)
    tokens_asked = source.asked

    assert await tokens.current(time.now_ms()) == first
    assert source.asked == tokens_asked
    assert tokens.seconds_until_due(time.now_ms()) == 0  # the connection's authenticator sees to it


async def test_a_handshake_takes_the_old_token_if_there_is_no_newer_one() -> None:
    time = VirtualTime()
    source = Source(time)
    tokens = TokenCache(source, None, time)
    first = await tokens.current(time.now_ms())
    source.faults = [TokenError("down")]
    await time.advance(LIFE)

    assert await tokens.current(time.now_ms()) == first


async def test_without_any_token_the_error_is_raised() -> None:
    time = VirtualTime()
    with pytest.raises(TokenError, match="down"):
        await TokenCache(Source(time, faults=[TokenError("down")]), None, time).current(T0)
    assert await TokenCache(None, None, time).current(T0) is None


async def test_a_given_token_comes_first_and_is_renewed_by_the_source() -> None:
    time = VirtualTime()
    source = Source(time)
    given = jwt_saying(iat=T0 // 1000, exp=T0 // 1000 + LIFE)
    tokens = TokenCache(source, given, time)

    assert await tokens.current(T0) == given
    await time.advance(LIFE)
    assert await tokens.current(time.now_ms()) == source.issued[0]


def test_a_token_is_never_shown() -> None:
    assert "secret" not in repr(HeldToken.of("secret.secret.secret", 0.0))
