"""A user's devices in several terminals: they see each other, other users see nothing."""

from __future__ import annotations

from pathlib import Path

from local.endpoints import Endpoints
from tests.e2e.support.terminals import Desk

READY = "Showing changes until you press Ctrl-C."
ALICE, BOB = ("--user", "cli-alice"), ("--user", "cli-bob")


async def test_two_devices_follow_each_other(endpoints: Endpoints, tmp_path: Path) -> None:
    desk = Desk(endpoints, tmp_path / "alice")
    phone_file = ("--device-file", str(tmp_path / "phone.json"))
    async with (
        desk.open("devices", "--name", "laptop", *ALICE) as laptop,
        Desk(endpoints, tmp_path / "bob").open("devices", "--name", "tv", *BOB) as stranger,
    ):
        await laptop.until(READY)
        await stranger.until(READY)
        async with desk.open("devices", "--name", "phone", *phone_file, *ALICE) as phone:
            await phone.until(READY)
            assert phone.lines[0] == "Devices: phone (this one), laptop (online)"
            await laptop.until("Devices: laptop (this one), phone (online)")

            added = await desk.run("devices", "add", "ALIEN", *ALICE)
            assert added.lines == ["ALIEN: added to the watchlist; sent to 2 other devices"]
            await desk.run("devices", "progress", "ALIEN", "120", "3600", *ALICE)
            for terminal in (laptop, phone):
                await terminal.until("ALIEN: added to the watchlist on ")
                await terminal.until("ALIEN: watched 2:00 of 1:00:00 on ")

            outcome = await desk.run("devices", "command", "phone", "seek", "position=12.5", *ALICE)
            assert (outcome.status, outcome.lines) == (0, ["Sent to phone: seek position=12.5"])
            await phone.until("Command from ")
            assert await phone.ctrl_c() == 0
        await laptop.until("Devices: laptop (this one), phone (offline)")

        late = await desk.run("devices", "command", "phone", "play", *ALICE)
        assert late.status == 1
        assert "error: DEVICE_OFFLINE" in late.lines[0]

        assert await laptop.ctrl_c() == 0
        assert not any("Command" in line for line in laptop.lines)
        async with desk.open("devices", "--name", "laptop", *ALICE) as again:
            await again.until(READY)
            assert again.lines == [
                "Devices: laptop (this one), phone (offline)",
                "Watchlist: ALIEN",
                "Progress: ALIEN 2:00 of 1:00:00",
                READY,
            ]
        assert await stranger.ctrl_c() == 0
    assert stranger.lines == ["Devices: tv (this one)", "Watchlist: empty", READY]


async def test_a_second_program_with_the_same_file_replaces_the_first(
    endpoints: Endpoints, tmp_path: Path
) -> None:
    desk = Desk(endpoints, tmp_path)
    carol = ("--user", "cli-carol")
    async with desk.open("devices", *carol) as first:
        await first.until(READY)
        async with desk.open("devices", *carol) as second:
            await second.until(READY)
            error = await first.until("error: ")
            assert error.startswith("error: another program is this device now; continue there")
            assert await second.ctrl_c() == 0
