"""The device file, its account, and the directory of devices by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.device_file import DeviceFile, account_of, default_path
from cli.device_notices import DeviceDirectory
from client.errors import DeviceFileError, UnknownDeviceError
from client.protocol.replica import DeviceReplica, SavedReplica
from client.tokens.development import TokenIdentity
from shared.protocol.device_messages import Device
from tests.unit.client.support import T0
from tests.unit.client.unsigned import jwt

PHONE = "3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b"
TV = "77777777-5a4d-4e6f-9b7a-0c1d2e3f4a5b"


def test_a_file_of_another_user_gives_only_the_device_id(tmp_path: Path) -> None:
    lines: list[str] = []
    path = tmp_path / "device.json"
    alice = DeviceFile(path, account_of("wss://x/dev", "alice", ""), lines.append)
    replica = DeviceReplica(PHONE, lambda: T0)
    replica.add("secret")
    alice.save(replica)
    assert alice.load() == replica.saved()
    bob = DeviceFile(path, account_of("wss://x/dev", "bob", ""), lines.append)
    assert bob.load() == SavedReplica(device_id=PHONE)
    assert lines == []


def test_a_file_with_an_invalid_device_id_is_rejected(tmp_path: Path) -> None:
    file = DeviceFile(tmp_path / "device.json", "account", print)
    file.save(DeviceReplica("no-uuid", lambda: T0))
    with pytest.raises(DeviceFileError, match="is not a device file"):
        file.load()


def test_each_user_of_each_service_has_a_file() -> None:
    paths = {
        default_path(purpose, url, user)
        for purpose in ("device", "command-line")
        for url in ("wss://x/dev", "wss://x/prod")
        for user in ("alice", "bob")
    }
    assert len(paths) == 8
    secret = default_path("device", "wss://x/dev?token=secret", "alice")
    assert secret == default_path("device", "wss://x/dev", "alice")


@pytest.mark.parametrize(
    ("token", "user", "key_id"),
    [
        (jwt("alice", "k1"), "alice", "k1"),
        (jwt("ünï"), "ünï", "k"),
        (None, "", ""),
        ("", "", ""),
        ("secret", "", ""),
        ("a.b.c", "", ""),
        ("W10.W10.x", "", ""),
        ("MQ.eyJzdWIiOjF9.x", "", ""),
    ],
)
def test_the_identity_is_read_from_the_token(token: str | None, user: str, key_id: str) -> None:
    assert TokenIdentity.of(token) == TokenIdentity(user, key_id)


def devices(*named: tuple[str, str]) -> list[Device]:
    return [
        Device(device_id=device_id, name=name, kind="phone", online=True)
        for device_id, name in named
    ]


def test_devices_with_the_same_name_are_distinguished_by_id() -> None:
    directory = DeviceDirectory("own")
    directory.update(devices(("own", "me"), (PHONE, "phone"), (TV, "phone")))
    assert directory.label(PHONE) == "phone (3f2b8c1e)"
    assert directory.find("3f2b") == directory.find("PHONE (3F2B8C1E)") == PHONE
    with pytest.raises(UnknownDeviceError, match=f"several.*{PHONE}, {TV}"):
        directory.find("Phone")
    with pytest.raises(UnknownDeviceError, match="no other device is called me"):
        directory.find("me")


def test_a_device_without_a_name_is_labelled_by_its_id() -> None:
    directory = DeviceDirectory("own")
    directory.update(devices((PHONE, ""), (TV, "")))
    assert directory.label(PHONE) == "device 3f2b8c1e"
    assert directory.label("unknown-to-us") == "device unknown-"
    assert directory.label(None) == "another device"
    assert directory.find("7777") == TV


def test_an_update_reports_whether_visible_devices_changed() -> None:
    directory = DeviceDirectory("own")
    assert directory.update(devices(("own", "me")))
    assert not directory.update(devices(("own", "me")))
    assert directory.update(devices(("own", "me"), (PHONE, "phone")))
