"""CPU time by the role of a process."""

from __future__ import annotations

import pytest

from benchmarks.cpu_time import CpuReading, RoleTime, role_of


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("/venv/bin/python -m local --ready-json --port=0", "gateway"),
        ("/venv/bin/python -m awslambdaric lambda.broadcast.handler.lambda_handler", "functions"),
        ("/venv/node /repo/local/services/dynalite.mjs /tmp/tables 8000", "database"),
        ("python -m benchmarks.crowd", "clients"),
        ("python -m benchmarks.bare_gateway", "gateway"),
        ("python -m benchmarks.bare_sender http://127.0.0.1:1/ 10 200 0", "functions"),
        ("python -m benchmarks.live --listeners 5", "others"),
        ("", "others"),
    ],
)
def test_a_command_line_tells_the_role(command: str, role: str) -> None:
    assert role_of(command) == role


def test_time_is_spent_between_two_readings() -> None:
    before = CpuReading({1: RoleTime("gateway", 5.0), 2: RoleTime("functions", 1.0)}, 100.0, 50.0)
    after = CpuReading({1: RoleTime("gateway", 7.0), 3: RoleTime("functions", 0.5)}, 105.0, 54.0)
    spent = after.spent_since(before)
    assert spent["gateway"] == 2.0
    assert spent["functions"] == 0.5
    assert spent["clients"] == 0.0
    assert after.cores_elsewhere_since(before) == 0.62
