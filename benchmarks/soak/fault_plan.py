"""The faults of a soak test: all kinds, each rare enough that the session goes on."""

from __future__ import annotations

# The stack starts and the session is created without faults.
_AFTER_SECONDS = 20.0

Fault = dict[str, object]


def fault_plan(seed: int, seconds: float) -> dict[str, object]:
    """The content of a fault file, for a run of so many seconds.

    Killed workers are replaced, so kills stop halfway: their successors live long enough to be
    judged.
    """

    def all_along(kind: str, probability: float, **more: object) -> Fault:
        window = {"after_s": _AFTER_SECONDS, "until_s": seconds}
        return {"kind": kind, "probability": probability, **window, **more}

    def first_half(kind: str, probability: float, **more: object) -> Fault:
        return all_along(kind, probability, **more) | {"until_s": seconds / 2}

    return {
        "seed": seed,
        "faults": [
            all_along("post-delay", 0.002, ms=50),
            all_along("post-throttle", 0.001),
            all_along("post-error", 0.0005),
            all_along("post-reset", 0.0002),
            all_along("post-reset", 0.0002, delivered=True),
            all_along("socket-reset", 0.00002),
            all_along("socket-reset", 0.0003, on="message", route="sendAudio"),
            all_along("socket-black-hole", 0.00001),
            all_along("socket-black-hole", 0.00001, seconds=20),
            first_half("function-kill", 0.000005, function="broadcast"),
            first_half("function-kill", 0.000002, function="audio-processor"),
            first_half("function-kill", 0.0003, function="control", on="database"),
            first_half("function-kill", 0.0003, function="disconnect", on="database"),
            all_along("message-delay", 0.005, ms=150),
            all_along("message-duplicate", 0.01),
            all_along("message-reorder", 0.002, ms=300),
            all_along("disconnect-loss", 0.1),
            all_along("database-delay", 0.01, ms=50),
            all_along("database-throttle", 0.002),
            all_along("database-error", 0.002),
            all_along("database-reset", 0.002),
            all_along("database-answer-loss", 0.002),
        ],
    }
