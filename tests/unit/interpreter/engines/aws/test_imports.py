"""What the deployed function has: boto3, and lambda/requirements.txt."""

from __future__ import annotations

import subprocess
import sys

_TELLS = """
import sys
import interpreter.engines.aws.engine
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_engine_needs_nothing_that_the_layer_lacks() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TELLS], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(told.stdout.split())

    assert {"boto3", "msgspec", "websockets"} <= loaded
    assert loaded.isdisjoint(
        {"numpy", "soxr", "soundfile", "rich", "typer", "pocketsphinx", "uvloop"}
    )
