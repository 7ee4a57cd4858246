"""This machine as a device: with its file, over its user's connections, told in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli import notices
from cli.console import Display
from cli.device_file import DeviceFile, account_of, default_path
from cli.device_notices import (
    PASSING,
    Household,
    describe_accepted,
    describe_news,
    describe_progress,
    describe_watchlist,
)
from cli.options import Connector
from cli.running import run
from client.connection.backoff import GRACE_SECONDS
from client.connection.clock_offset import ClockOffset
from client.errors import RequestRefusedError
from client.flows.device_sync import DeviceHooks, DeviceSync
from client.protocol.events import Disconnected, Event, Notification
from client.protocol.replica import DeviceReplica
from client.tokens.development import TokenIdentity
from client.urls import is_local
from shared.protocol.device_messages import Device, SyncMessage
from shared.utils.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who one is, as the options say."""

    token: str | None
    token_url: str | None
    user: str | None
    token_command: str | None
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class DeviceRunner:
    """Where to connect, as whom, and as which device."""

    url: str
    tokens: Tokens
    name: str
    kind: str
    device_file: Path | None
    reconnect_seconds: float = GRACE_SECONDS

    async def device(self, display: Display, hooks: DeviceHooks) -> DeviceSync:
        """The device, with what it knows of before; it is kept from now on. Raises ClientError."""
        who = self.tokens
        access = Connector(
            self.url,
            who.token,
            who.token_url,
            who.user,
            (),
            self.reconnect_seconds,
            token_command=who.token_command,
            token_file=who.token_file,
        )
        bearer = TokenIdentity.of(await access.token_to_use())
        purpose = "command-line" if self.kind == PASSING else "device"
        path = self.device_file or default_path(purpose, self.url, bearer.user)
        # A server on this machine forgets everything when it ends, and signs with another key when
        # it starts again.
        run_of_server = bearer.key_id if is_local(self.url) else ""
        file = DeviceFile(path, account_of(self.url, bearer.user, run_of_server), display.print)
        saved, offset, clock = file.load(), ClockOffset(), SystemClock()
        replica = DeviceReplica(
            saved.device_id, lambda: clock.now_ms() + offset.offset_ms, saved=saved
        )
        hooks.on_change = lambda: file.save(replica)
        return DeviceSync(
            replica,
            access.open,
            name=self.name,
            kind=self.kind,
            grace_seconds=self.reconnect_seconds,
            hooks=hooks,
            offset=offset,
            clock=clock,
        )


def watch(machine: DeviceRunner) -> None:
    """Show what happens among the user's devices until Ctrl-C."""

    async def flow(display: Display) -> None:
        hooks = DeviceHooks()
        device = await machine.device(display, hooks)
        _tell(display, device.replica, hooks)
        await device.run()

    run(flow, interrupted_exit_code=0)


def _tell(display: Display, replica: DeviceReplica, hooks: DeviceHooks) -> None:
    """Let a running device tell what happens."""
    household = Household(replica.device_id)
    known: list[bool] = []  # whether all that there is has been shown

    def devices(listed: list[Device]) -> None:
        if household.know(listed):
            display.print(household.describe())

    def caught_up(news: list[SyncMessage]) -> None:
        if known:
            for message in news:
                display.print(describe_news(message, household))
            return
        known.append(True)
        display.print(describe_watchlist(replica))
        for line in describe_progress(replica):
            display.print(line)
        display.print("What changes is shown until you press Ctrl-C.")

    def away(lost: Disconnected) -> None:
        display.print(f"Lost: {lost.reason}. Trying for {lost.seconds:.0f} s to come back …")

    def other(event: Event) -> None:
        if isinstance(event, Notification):
            notices.show_notice(display, event)

    hooks.on_devices = devices
    hooks.on_caught_up = caught_up
    hooks.on_news = lambda message: display.print(describe_news(message, household))
    hooks.on_accepted = lambda change, reply: display.print(
        describe_accepted(change, reply, household)
    )
    hooks.on_refused = lambda change, refused: display.print(f"Refused: {refused}")
    hooks.on_disconnected = away
    hooks.on_reconnected = lambda seconds: display.print(f"Back after {seconds:.1f} s.")
    hooks.on_event = other


def act(machine: DeviceRunner, do: Callable[[DeviceReplica, Household], object]) -> None:
    """Say one thing to the user's devices, and tell what became of it."""

    async def flow(display: Display) -> None:
        refusals: list[RequestRefusedError] = []
        hooks = DeviceHooks(on_refused=lambda change, refused: refusals.append(refused))
        device = await machine.device(display, hooks)
        household = Household(device.replica.device_id)
        hooks.on_accepted = lambda change, reply: display.print(
            describe_accepted(change, reply, household)
        )

        def said(devices: list[Device]) -> None:
            household.know(devices)
            do(device.replica, household)

        await device.run_once(said)
        if refusals:
            raise refusals[-1]

    run(flow)
