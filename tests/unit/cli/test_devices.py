"""The `devices` command: what it shows, sends and rejects."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from cli.device_notices import COMMAND_LINE_KIND
from shared.models.hlc import Hlc
from shared.protocol.device_messages import SyncMessage
from tests.unit.cli.command_line import fails, run, server
from tests.unit.client.support import T0
from tests.unit.client.sync_model import SyncService, refusal
from tests.unit.client.unsigned import jwt

PHONE = "3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b"
TV = "77777777-5a4d-4e6f-9b7a-0c1d2e3f4a5b"


ALICE = ("--token", jwt("alice"))


class Home(SyncService):
    """A user with a phone that is online and a television that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.names = {PHONE: ("phone", "phone"), TV: ("tv", "tv")}
        self.present = [PHONE]

    def devices(self) -> list[dict[str, Any]]:
        return [
            {**it, "online": it["online"] or it["deviceId"] in self.present}
            for it in super().devices()
        ]

    async def _sync(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        if request.get("targetDeviceId") in self.present:
            accepted = {"type": "syncAccepted", "kind": request["kind"], "applied": True}
            await self._reply(connection, request, {**accepted, "delivered": 1})
        else:
            await super()._sync(connection, request)

    def last_sync(self) -> dict[str, Any]:
        """The last sync."""
        return [it for it in self.requests if it["action"] == "sync"][-1]


def message(**fields: Any) -> SyncMessage:
    """A message from the phone."""
    hlc = Hlc(T0 + len(str(fields)), 0, PHONE)
    return SyncMessage(hlc=hlc, timestamp=T0, origin_device_id=PHONE, **fields)


class Evening(Home):
    """Sends changes to a device that stays connected, then replaces it."""

    async def _getSyncSnapshot(  # noqa: N802
        self, connection: ServerConnection, request: dict[str, Any]
    ) -> None:
        await super()._getSyncSnapshot(connection, request)
        if request.get("cursor") or self.model.items.keys() == set():
            device_id = next(it for it, there in self.online.items() if there is connection)
            seek = {"position": 12.5, "why": "you\x1bsaid"}
            await self.tell(message(kind="watchlistUpdate", operation="add", content_id="HEAT"))
            await self.tell(
                message(kind="progressUpdate", position_seconds=65.5, duration_seconds=3_600,
                        content_id="HEAT")
            )  # fmt: skip
            await self.tell(
                message(kind="deviceCommand", command_id=TV, target_device_id=device_id,
                        command="seek", arguments=seek)
            )  # fmt: skip
            self.names["passing"] = ("laptop command line", COMMAND_LINE_KIND)
            self.present.append("passing")
            await self._tell_devices(connection)
            self.present.append(TV)
            changed = {"type": "devicesChanged", "devices": self.devices()}
            await connection.send(json.dumps(changed))
            await connection.send(json.dumps({"type": "deviceReplaced", "deviceId": device_id}))


def test_watching_shows_the_state_and_all_changes() -> None:
    with server(Evening()) as url:
        result = run("devices", "--url", url, *ALICE, "--name", "laptop")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "Devices: laptop (this one), phone (online), tv (offline)",
        "Watchlist: empty",
        "Showing changes until you press Ctrl-C.",
        "HEAT: added to the watchlist on phone",
        "HEAT: watched 1:05 of 1:00:00 on phone",
        "Command from phone: seek position=12.5 why=you\\x1bsaid",
        "Devices: laptop (this one), phone (online), tv (online)",
    ]
    assert result.stderr == (
        "error: another program is this device now; "
        "continue there, or run as another device: --device-file other.json\n"
    )


def test_the_replica_and_device_id_are_kept_between_runs(config_home: Path) -> None:
    service = Evening()
    with server(service) as url:
        run("devices", "--url", url, *ALICE)
        again = run("devices", "--url", url, *ALICE)
    assert "Watchlist: HEAT" in again.stdout.splitlines()
    assert "Progress: HEAT 1:05 of 1:00:00" in again.stdout.splitlines()
    assert "Command from" not in again.stdout
    first, second = [it for it in service.requests if it["action"] == "registerDevice"]
    assert first["deviceId"] == second["deviceId"]
    (kept,) = config_home.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "line", "sent"),
    [
        (
            ("add", "ALIEN"),
            "ALIEN: added to the watchlist; sent to 1 other device",
            {"kind": "watchlistUpdate", "operation": "add", "contentId": "ALIEN"},
        ),
        (
            ("remove", "ALIEN"),
            "ALIEN: removed from the watchlist; sent to 1 other device",
            {"kind": "watchlistUpdate", "operation": "remove", "contentId": "ALIEN"},
        ),
        (
            ("progress", "ALIEN", "120", "3600"),
            "ALIEN: watched 2:00 of 1:00:00; sent to 1 other device",
            {
                "kind": "progressUpdate",
                "contentId": "ALIEN",
                "positionSeconds": 120.0,
                "durationSeconds": 3600.0,
            },
        ),
        (
            ("command", "Phone", "seek", "position=12.5", "title=Alien 3", 'list=["a"]'),
            'Sent to phone: seek position=12.5 title=Alien 3 list=["a"]',
            {
                "kind": "deviceCommand",
                "targetDeviceId": PHONE,
                "command": "seek",
                "arguments": {"position": 12.5, "title": "Alien 3", "list": ["a"]},
            },
        ),
    ],
)
def test_a_change_is_sent_and_its_result_printed(
    arguments: tuple[str, ...], line: str, sent: dict[str, Any]
) -> None:
    service = Home()
    with server(service) as url:
        result = run("devices", *arguments, "--url", url, *ALICE)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [line]
    assert sent.items() <= service.last_sync().items()


def test_changes_come_from_a_separate_device() -> None:
    service = Evening()
    with server(service) as url:
        run("devices", "--url", url, *ALICE)
        run("devices", "add", "ALIEN", "--url", url, *ALICE)
        run("devices", "remove", "ALIEN", "--url", url, *ALICE)
    ids = [it["deviceId"] for it in service.requests if it["action"] == "registerDevice"]
    assert ids[0] != ids[1] == ids[2]


def test_a_change_that_loses_is_reported_with_the_newer_one() -> None:
    service = Home()
    newer = message(kind="watchlistUpdate", operation="remove", content_id="ALIEN")

    async def _sync(connection: ServerConnection, request: dict[str, Any]) -> None:
        reply = {"type": "syncAccepted", "kind": request["kind"], "applied": False, "delivered": 0}
        current = {
            "type": "syncMessage",
            "kind": newer.kind,
            "hlc": {"wallMs": T0 + 2**40, "counter": 0, "node": PHONE},
            "timestamp": T0,
            "originDeviceId": PHONE,
            "contentId": "ALIEN",
            "operation": "remove",
        }
        await service._reply(connection, request, {**reply, "current": current})

    service._sync = _sync  # type: ignore[method-assign]
    with server(service) as url:
        result = run("devices", "add", "ALIEN", "--url", url, *ALICE)
    assert result.stdout.splitlines() == [
        "Not applied, a newer change wins: ALIEN: removed from the watchlist on phone"
    ]


def test_an_offline_device_is_reported_with_a_hint() -> None:
    with server(Home()) as url:
        result = run("devices", "command", "tv", "play", "--url", url, *ALICE)
    fails(result, "DEVICE_OFFLINE", "start `python -m cli devices` there")


def test_an_unknown_device_is_reported_with_the_known_ones() -> None:
    service = Home()
    with server(service) as url:
        result = run("devices", "command", "fridge", "open", "--url", url, *ALICE)
    fails(result, "no other device is called fridge; your other devices: phone, tv")
    assert "sync" not in service.actions()


def test_a_refused_change_is_an_error() -> None:
    service = Home()
    service.refusals = [refusal("INVALID_SYNC", 400, "contentId: 200 characters")]
    with server(service) as url:
        result = run("devices", "add", "x" * 200, "--url", url, *ALICE)
    fails(result, "INVALID_SYNC: contentId: 200 characters")


def test_a_missing_token_is_reported() -> None:
    class Strict(SyncService):
        async def _registerDevice(  # noqa: N802
            self, connection: ServerConnection, request: dict[str, Any]
        ) -> None:
            await self._reply(
                connection, request, refusal("AUTHENTICATION_REQUIRED", 401, "needs a token")
            )

    with server(Strict()) as url:
        fails(run("devices", "--url", url), "AUTHENTICATION_REQUIRED", "pass --token")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--user", "bob", "add", "X"), "python -m cli devices add … --user …"),
        (("--device-file", "x.json", "remove", "X"), "devices remove … --device-file …"),
        (("command", "phone", "seek", "12.5"), "'12.5': expected KEY=VALUE"),
        (("command", "phone", "seek", "=12.5"), "expected KEY=VALUE"),
        (("progress", "ALIEN", "-1", "3600"), "-1"),
        (("dance",), "dance"),
    ],
)
def test_invalid_arguments_are_rejected_before_connecting(
    arguments: tuple[str, ...], part: str
) -> None:
    result = run("devices", *arguments)
    assert result.exit_code == 2
    assert part in " ".join(result.stderr.replace("│", "").split())


@pytest.mark.parametrize("command", ["add", "remove", "progress", "command"])
def test_every_subcommand_has_an_example(command: str) -> None:
    result = run("devices", command, "--help")
    assert result.exit_code == 0
    assert f"python -m cli devices {command}" in " ".join(result.output.split())


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(b"RIFF")
    with server(Home()) as url:
        result = run("devices", "add", "X", "--url", url, *ALICE, "--device-file", str(path))
    fails(result, "talk.wav is not a device file", "--device-file")
    assert path.read_bytes() == b"RIFF"


def test_a_device_file_that_cannot_be_saved_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "device.json"
    with server(Home()) as url:
        result = run("devices", "add", "X", "--url", url, *ALICE, "--device-file", str(path))
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert first.startswith("Cannot save ")
    assert "device.json (" in first
    assert second.startswith("X: added")
