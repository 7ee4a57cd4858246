"""Runs this machine as a device: loads its file, connects, and prints changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cli import notices
from cli.console import Display
from cli.device_file import DeviceFile, account_of, default_path
from cli.device_notices import (
    COMMAND_LINE_KIND,
    DeviceDirectory,
    describe_change,
    describe_progress,
    describe_result,
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
class Credentials:
    """The options that identify the user."""

    token: str | None
    token_url: str | None
    user: str | None
    token_command: str | None
    token_file: Path | None


@dataclass(frozen=True, slots=True)
class DeviceRunner:
    """Connects to a service as a device of a user."""

    url: str
    credentials: Credentials
    name: str
    kind: str
    device_file: Path | None
    reconnect_seconds: float = GRACE_SECONDS

    async def create_device(self, display: Display, hooks: DeviceHooks) -> DeviceSync:
        """The device with its saved replica, which it saves at every change.

        Raises ClientError.
        """
        credentials = self.credentials
        connector = Connector(
            self.url,
            credentials.token,
            credentials.token_url,
            credentials.user,
            (),
            self.reconnect_seconds,
            token_command=credentials.token_command,
            token_file=credentials.token_file,
        )
        identity = TokenIdentity.of(await connector.token_to_use())
        purpose = "command-line" if self.kind == COMMAND_LINE_KIND else "device"
        path = self.device_file or default_path(purpose, self.url, identity.user)
        # A local server loses its state when it stops, and signs with a new key at the next start.
        server_key = identity.key_id if is_local(self.url) else ""
        file = DeviceFile(path, account_of(self.url, identity.user, server_key), display.print)
        saved, offset, clock = file.load(), ClockOffset(), SystemClock()
        replica = DeviceReplica(
            saved.device_id, lambda: clock.now_ms() + offset.offset_ms, saved=saved
        )
        hooks.on_change = lambda: file.save(replica)
        return DeviceSync(
            replica,
            connector.open,
            name=self.name,
            kind=self.kind,
            grace_seconds=self.reconnect_seconds,
            hooks=hooks,
            offset=offset,
            clock=clock,
        )


def watch(runner: DeviceRunner) -> None:
    """Run the device and print changes until Ctrl-C."""

    async def flow(display: Display) -> None:
        hooks = DeviceHooks()
        device = await runner.create_device(display, hooks)
        _print_changes(display, device.replica, hooks)
        await device.run()

    run(flow, interrupted_exit_code=0)


def _print_changes(display: Display, replica: DeviceReplica, hooks: DeviceHooks) -> None:
    """Set hooks that print the initial state and all changes."""
    directory = DeviceDirectory(replica.device_id)
    state_shown = False

    def on_devices(devices: list[Device]) -> None:
        if directory.update(devices):
            display.print(directory.describe())

    def on_caught_up(missed: list[SyncMessage]) -> None:
        nonlocal state_shown
        if state_shown:
            for message in missed:
                display.print(describe_change(message, directory))
            return
        state_shown = True
        display.print(describe_watchlist(replica))
        for line in describe_progress(replica):
            display.print(line)
        display.print("Showing changes until you press Ctrl-C.")

    def on_disconnected(lost: Disconnected) -> None:
        display.print(f"Disconnected: {lost.reason}. Reconnecting for up to {lost.seconds:.0f} s …")

    def on_event(event: Event) -> None:
        if isinstance(event, Notification):
            notices.show_notice(display, event)

    hooks.on_devices = on_devices
    hooks.on_caught_up = on_caught_up
    hooks.on_news = lambda message: display.print(describe_change(message, directory))
    hooks.on_accepted = lambda sync, reply: display.print(describe_result(sync, reply, directory))
    hooks.on_refused = lambda change, refused: display.print(f"Refused: {refused}")
    hooks.on_disconnected = on_disconnected
    hooks.on_reconnected = lambda seconds: display.print(f"Reconnected after {seconds:.1f} s.")
    hooks.on_event = on_event


def send_change(
    runner: DeviceRunner, change: Callable[[DeviceReplica, DeviceDirectory], object]
) -> None:
    """Connect, send one change to the user's devices, and print its result."""

    async def flow(display: Display) -> None:
        refusals: list[RequestRefusedError] = []
        hooks = DeviceHooks(on_refused=lambda sync, refused: refusals.append(refused))
        device = await runner.create_device(display, hooks)
        directory = DeviceDirectory(device.replica.device_id)
        hooks.on_accepted = lambda sync, reply: display.print(
            describe_result(sync, reply, directory)
        )

        def on_devices(devices: list[Device]) -> None:
            directory.update(devices)
            change(device.replica, directory)

        await device.run_once(on_devices)
        if refusals:
            raise refusals[-1]

    run(flow)
