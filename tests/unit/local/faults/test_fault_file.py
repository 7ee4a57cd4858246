"""Fault files: what they may say, and what their errors say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from local.faults import fault_file
from local.faults.fault_file import FaultFileError
from local.faults.plan import (
    DatabaseThrottle,
    Fault,
    FaultPlan,
    FunctionKill,
    MessageDelay,
    PostThrottle,
    SocketBlackHole,
)
from tests.unit.local.stacks import function, stack

TOML = """
seed = 7

[[faults]]
kind = "post-throttle"
connections = 0.1
after_s = 5
until_s = 10.5

[[faults]]
kind = "socket-black-hole"
on = "message"
route = "sendAudio"
nth = 3
seconds = 2
"""
FAULTS = (
    PostThrottle(connections=0.1, after_s=5, until_s=10.5),
    SocketBlackHole(on="message", route="sendAudio", nth=3, seconds=2),
)


def write(folder: Path, text: str, name: str = "faults.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    content = {
        "seed": 7,
        "faults": [
            {"kind": "post-throttle", "connections": 0.1, "after_s": 5, "until_s": 10.5},
            {
                "kind": "socket-black-hole",
                "on": "message",
                "route": "sendAudio",
                "nth": 3,
                "seconds": 2,
            },
        ],
    }
    from_json = fault_file.load(write(tmp_path, json.dumps(content), "faults.json"))
    assert fault_file.load(write(tmp_path, TOML)) == from_json == FaultPlan(7, FAULTS)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("f.yaml", "", "expected a file called *.toml or *.json"),
        ("f.toml", "seed =", "is not TOML"),
        ("f.json", "{", "is not JSON"),
        ("f.json", "[]", "expected an object with seed and faults"),
        ("f.json", '{"fault": []}', "fault: remove; expected only seed and faults"),
        ("f.json", '{"seed": "x"}', "seed: expected a whole number"),
        ("f.json", '{"faults": {}}', "faults: expected a list"),
        ("f.json", '{"faults": [3]}', "faults[0]: expected an object"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path, text, name)
    with pytest.raises(FaultFileError) as refused:
        fault_file.load(path)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultFileError, match=r"f\.toml: cannot be read: No such file"):
        fault_file.load(tmp_path / "f.toml")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, ".kind: expected one of database-answer-loss, "),
        ({"kind": "post-dely"}, ".kind: expected one of database-answer-loss, "),
        ({"kind": ["post-delay"]}, ".kind: expected one of"),
        ({"kind": "post-delay"}, ": object missing required field `ms`"),
        ({"kind": "post-delay", "ms": "3"}, ".ms: expected `float`, got `str`"),
        ({"kind": "post-error", "probability": 2}, ".probability: expected `float` <= 1.0"),
        ({"kind": "post-error", "nth": 0}, ".nth: expected `int` >= 1"),
        (
            {"kind": "post-error", "ms": 3},
            ".ms: unknown; this kind has after_s, connection, connections, kind, limit, nth,",
        ),
        ({"kind": "post-error", "after_s": 3, "until_s": 3}, ": until_s: expected more than"),
        ({"kind": "post-error", "nth": 3, "probability": 0.5}, ": nth: remove probability"),
        ({"kind": "socket-reset", "route": "sendAudio"}, ': route: add on = "message"'),
        (
            {"kind": "database-error", "operation": "Put"},
            ".operation: expected one of BatchGetItem, ",
        ),
    ],
)
def test_an_error_names_the_field_and_the_remedy(entry: object, message: str) -> None:
    with pytest.raises(FaultFileError) as refused:
        fault_file.parse({"faults": [{"kind": "post-error"}, entry]}, "f.toml")
    assert str(refused.value).startswith(f"f.toml: faults[1]{message}")


def test_names_must_exist_in_the_stack() -> None:
    one = replace(
        stack({"sendAudio": False}),
        functions={"app-dev-audio-processor": function("app-dev-audio-processor")},
    )
    fault_file.check(FaultPlan(0, (FunctionKill(function="audio-processor"),)), one)
    fault_file.check(FaultPlan(0, (MessageDelay(ms=1, route="sendAudio"),)), one)
    for fault, message in (
        (FunctionKill(function="processor-2"), "faults[0].function: the stack has no function"),
        (MessageDelay(ms=1, route="sendAudoi"), "faults[0].route: the stack has no route"),
        (DatabaseThrottle(table="rows"), "faults[0].table: the stack has no table"),
    ):
        with pytest.raises(FaultFileError) as refused:
            fault_file.check(FaultPlan(0, (fault,)), one)
        assert str(refused.value).startswith(message)


def test_every_kind_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs/faults.md").read_text()
    kinds = {each.__struct_config__.tag for each in get_args(Fault)}
    assert {kind for kind in kinds if f"| `{kind}` |" not in page} == set()
