"""Settings of a stack with limits that tests reach within seconds."""

from __future__ import annotations

GRACE_SECONDS = 3
RUN_SECONDS = 3
SHARD_SIZE = 10

SETTINGS = {
    "INTERPRETER_RUN_SECONDS": str(RUN_SECONDS),
    "SHARD_SIZE": str(SHARD_SIZE),
    "SPEAKER_GRACE_SECONDS": str(GRACE_SECONDS),
}
