"""Validation of sync: an invalid request changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.phones import Phone, device_id

WATCHED: dict[str, Any] = {"contentId": "film", "positionSeconds": 1, "durationSeconds": 2}
LISTED = {"contentId": "film", "operation": "add"}
COMMAND = {
    "commandId": device_id(7),
    "targetDeviceId": device_id(2),
    "command": "play",
    "arguments": {},
}


@pytest.mark.parametrize(
    ("kind", "fields", "code", "text"),
    [
        ("dance", LISTED, "INVALID_MESSAGE", "kind: "),
        ("watchlistUpdate", {**LISTED, "contentId": None}, "INVALID_SYNC", "contentId: missing"),
        ("watchlistUpdate", {**LISTED, "contentId": ""}, "INVALID_SYNC", "contentId: 0 "),
        ("watchlistUpdate", {**LISTED, "contentId": "x" * 129}, "INVALID_SYNC", "contentId: 129"),
        ("watchlistUpdate", {"contentId": "x"}, "INVALID_SYNC", "operation: missing"),
        ("watchlistUpdate", {**LISTED, "operation": "has"}, "INVALID_MESSAGE", "operation: "),
        ("progressUpdate", {"contentId": "x"}, "INVALID_SYNC", "positionSeconds: missing"),
        ("progressUpdate", {**WATCHED, "durationSeconds": None}, "INVALID_SYNC", "durationSecond"),
        ("progressUpdate", {**WATCHED, "durationSeconds": -1}, "INVALID_SYNC", "durationSeconds:"),
        ("progressUpdate", {**WATCHED, "positionSeconds": 3}, "INVALID_SYNC", "positionSeconds:"),
        ("progressUpdate", {**WATCHED, "positionSeconds": -1}, "INVALID_SYNC", "positionSeconds:"),
        ("progressUpdate", {**WATCHED, "positionSeconds": "1"}, "INVALID_MESSAGE", "positionSec"),
        ("deviceCommand", {**COMMAND, "commandId": None}, "INVALID_SYNC", "commandId: missing"),
        ("deviceCommand", {**COMMAND, "commandId": "7"}, "INVALID_SYNC", "commandId: not a UUID"),
        ("deviceCommand", {**COMMAND, "targetDeviceId": ""}, "INVALID_SYNC", "targetDeviceId:"),
        ("deviceCommand", {**COMMAND, "command": None}, "INVALID_SYNC", "command: missing"),
        ("deviceCommand", {**COMMAND, "command": "2play"}, "INVALID_SYNC", "command: not"),
        ("deviceCommand", {**COMMAND, "command": "p" * 33}, "INVALID_SYNC", "command: not"),
        ("deviceCommand", {**COMMAND, "command": "play\n"}, "INVALID_SYNC", "command: not"),
        ("deviceCommand", {**COMMAND, "arguments": [1]}, "INVALID_MESSAGE", "arguments: "),
        ("deviceCommand", {**COMMAND, "arguments": {"x": "y" * 4_096}}, "MESSAGE_TOO_LARGE", ""),
        (
            "deviceCommand",
            {**COMMAND, "targetDeviceId": device_id(1)},
            "INVALID_SYNC",
            "targetDeviceId: the sending device",
        ),
        (
            "deviceCommand",
            {**COMMAND, "targetDeviceId": device_id(9)},
            "DEVICE_NOT_FOUND",
            "targetDeviceId: ",
        ),
    ],
)
def test_invalid_fields_change_nothing(
    three: tuple[Phone, Phone, Phone], kind: str, fields: dict[str, Any], code: str, text: str
) -> None:
    one, two, _ = three

    reply = one.sync(kind, **fields)

    assert reply["code"] == code, reply
    assert reply["message"].startswith(text)
    assert (two.received(), two.snapshot()) == ([], [])


@pytest.mark.parametrize(
    "hlc",
    [
        {"wallMs": -1, "counter": 0, "node": "x"},
        {"wallMs": 2**53, "counter": 0, "node": "x"},
        {"wallMs": 1.5, "counter": 0, "node": "x"},
        {"wallMs": 1, "counter": 2**31, "node": "x"},
        {"wallMs": 1, "counter": 0, "node": ""},
        {"wallMs": 1, "counter": 0, "node": "x" * 65},
        {"wallMs": 1, "counter": 0},
        "now",
    ],
)
def test_invalid_clocks_are_refused(three: tuple[Phone, Phone, Phone], hlc: Any) -> None:
    reply = three[0].watch("film", hlc=hlc)

    assert reply["code"] == "INVALID_MESSAGE"
    assert reply["message"].startswith("hlc")


@pytest.mark.parametrize("depth", [33, *range(900, 1000, 7), 1_800])
def test_arguments_nested_too_deep_are_refused(
    three: tuple[Phone, Phone, Phone], depth: int
) -> None:
    """Includes depths that the parser accepts but the encoder, deeper in the stack, does not."""
    one, two, _ = three
    request = {"action": "sync", "kind": "deviceCommand", "hlc": one.clock(), **COMMAND}
    nested = '{"in": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"
    text = json.dumps(request | {"arguments": "HERE"}).replace('"HERE"', nested)

    reply = one.world.ask_text(one.connection, text, "device_sync")

    assert reply["code"] in {"INVALID_SYNC", "INVALID_MESSAGE"}, reply
    assert two.received() == []


def test_arguments_may_be_nested(three: tuple[Phone, Phone, Phone]) -> None:
    one, two, _ = three
    arguments: Any = [1]
    for _ in range(30):
        arguments = [arguments]

    fields: dict[str, Any] = {**COMMAND, "arguments": {"in": arguments}}

    assert one.sync("deviceCommand", **fields)["applied"]
    assert two.received()[0]["arguments"] == {"in": arguments}


def test_fields_of_another_kind_are_not_relayed(three: tuple[Phone, Phone, Phone]) -> None:
    one, two, _ = three

    one.sync("watchlistUpdate", **WATCHED, operation="remove", command="play")

    assert not {"positionSeconds", "command"} & two.received()[0].keys()
