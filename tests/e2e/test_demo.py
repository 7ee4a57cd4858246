"""What `make demo` runs: the client library, the command line and the stack together."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

ROOT = Path(__file__).parents[2]
RATE_HZ = 16_000


def recording(path: Path, seconds: float) -> bytes:
    """A rising tone, written to `path`; its samples."""
    samples = b"".join(
        ((number * number // 64) % 20_000 - 10_000).to_bytes(2, "little", signed=True)
        for number in range(int(seconds * RATE_HZ))
    )
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(samples)
    return samples


def test_demo_delivers_a_recording_sample_for_sample(tmp_path: Path) -> None:
    said = recording(tmp_path / "tone.wav", 1.7)

    # Long chunks and patient ears: none is lost because this machine is slow.
    patience = ("--chunk-ms=500", "--playout-delay=3000")
    arguments = [str(tmp_path / "tone.wav"), "--out", str(tmp_path / "out"), *patience]
    done = subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for language in ("en", "fr"):
        with wave.open(str(tmp_path / "out" / f"heard-{language}.wav"), "rb") as sound:
            assert sound.readframes(sound.getnframes()) == said
    with wave.open(str(tmp_path / "out" / "heard-es.wav"), "rb") as sound:
        assert sound.getnframes() > RATE_HZ
        assert sound.readframes(RATE_HZ) != said[: 2 * RATE_HZ]


def test_demo_names_the_recording_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", str(tmp_path / "nothing.wav")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "nothing.wav: there is no such file" in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
