"""The machine runs where sound files and terminals do not exist."""

from __future__ import annotations

import subprocess
import sys

_TELLS = """
import sys
import interpreter.machine.machine, interpreter.engines, client.connection.reconnecting
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_machine_needs_no_more_than_the_functions_layer_has() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TELLS], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(told.stdout.split())

    assert {"msgspec", "websockets"} <= loaded
    assert loaded.isdisjoint(
        {"numpy", "soxr", "soundfile", "rich", "typer", "boto3", "pocketsphinx"}
    )
