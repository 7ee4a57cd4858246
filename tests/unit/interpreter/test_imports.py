"""Imports of the machine: none beyond the functions' layer."""

from __future__ import annotations

import subprocess
import sys

_PRINT_IMPORTS = """
import sys
import interpreter.machine.machine, interpreter.engines, client.connection.reconnecting
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_machine_imports_only_packages_of_the_functions_layer() -> None:
    printed = subprocess.run(
        [sys.executable, "-c", _PRINT_IMPORTS],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    loaded = set(printed.stdout.split())

    assert {"msgspec", "websockets"} <= loaded
    assert loaded.isdisjoint(
        {"numpy", "soxr", "soundfile", "rich", "typer", "boto3", "pocketsphinx"}
    )
