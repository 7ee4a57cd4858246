"""`make demo`: the client library, the command line and the stack together."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

from tests.helpers.programs import require_programs

ROOT = Path(__file__).parents[3]
RATE_HZ = 16_000


def recording(path: Path, seconds: float) -> bytes:
    """Write a rising tone to `path`; returns its samples."""
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


def demo(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration with the recording in `folder`."""
    # Long chunks and a long playout delay: a slow machine loses none.
    patience = ("--chunk-ms=500", "--playout-delay=3000")
    arguments = [str(folder / "tone.wav"), "--out", str(folder / "out"), *patience]
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_demo_delivers_a_recording_sample_for_sample(tmp_path: Path) -> None:
    said = recording(tmp_path / "tone.wav", 1.7)

    # The machine interpreter's programs are not in this PATH.
    done = demo(tmp_path, PATH=str(Path(sys.executable).parent))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "apt-get install espeak-ng apertium" in done.stdout
    for language in ("en", "fr"):
        with wave.open(str(tmp_path / "out" / f"heard-{language}.wav"), "rb") as sound:
            assert sound.readframes(sound.getnframes()) == said
    with wave.open(str(tmp_path / "out" / "heard-es.wav"), "rb") as sound:
        assert sound.getnframes() > RATE_HZ
        assert sound.readframes(RATE_HZ) != said[: 2 * RATE_HZ]


def test_demo_interprets_by_machine_where_the_programs_are_installed(tmp_path: Path) -> None:
    require_programs()
    recording(tmp_path / "tone.wav", 0.5)

    done = demo(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "en  we need more time to finish the work",
        "es  Necesitamos más tiempo para acabar la obra",
        "es  Los niños están tocando en el jardín",
    ):
        assert line in done.stdout
    with wave.open(str(tmp_path / "out" / "heard-es-machine.wav"), "rb") as sound:
        assert sound.getnframes() > 3 * RATE_HZ
        assert any(sound.readframes(sound.getnframes()))


def test_demo_names_a_missing_recording(tmp_path: Path) -> None:
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
