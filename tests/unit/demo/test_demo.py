"""The demonstration's scenario, verdict and output, against a service in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from client.playback.capture import Recording
from client.playback.jitter import JitterCounts
from client.playback.latency import LatencySummary
from client.playback.playout import ListenStats
from client.playback.wav import WavWriter
from client.sound.whole import Sound, read_sound, to_pcm
from demo.__main__ import FLOOR, INTERPRETATION
from demo.console import DemoConsole
from demo.scenario import FORMAT, ListenerOutcome, Scenario
from demo.verdict import difference, evaluate
from tests.unit.client.support import FakeService, serving, token_service


@dataclass(frozen=True)
class FakeEndpoints:
    websocket_url: str
    token_url: str


def _tone(hertz: int, samples: int) -> bytes:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / 16_000)
    return to_pcm(Sound(wave.reshape(-1, 1), 16_000), FORMAT)


def _console() -> tuple[DemoConsole, io.StringIO]:
    output = io.StringIO()
    return DemoConsole(Console(file=output, width=120, highlight=False)), output


async def test_each_listener_hears_the_right_channel(tmp_path: Path) -> None:
    console, output = _console()
    with token_service(200, '{"token": "t"}') as (token_url, asked):
        async with serving(FakeService().handle) as url:
            endpoints = FakeEndpoints(url, token_url)
            sounds = _tone(440, 10_000), _tone(880, 7_000)
            # A busy machine must not make a chunk late.
            scenario = Scenario(endpoints, *sounds, tmp_path, playout_delay_ms=5_000)
            result = await scenario.run(console)
    rows = [evaluate(outcome) for outcome in result.listeners]
    console.show_streams(result)
    console.show_table(rows)
    assert [(row.language, row.heard, row.expected, row.delivered) for row in rows] == [
        ("en", "en", 4, 4),
        ("es", "es", 3, 3),
        ("fr", "en", 4, 4),
    ]
    assert all(row.passed for row in rows), output.getvalue()
    assert console.show_verdict(rows)
    assert {"sub": "carlos", "groups": ["interpreters"]} in asked
    for part in ("golden-eagle-427", "Carlos interprets into Spanish.", "sample for sample"):
        assert part in output.getvalue()


def _outcome(tmp_path: Path, heard: bytes, counts: JitterCounts) -> ListenerOutcome:
    said = Recording(b"\1\2" * 12_800, FORMAT)
    with WavWriter(tmp_path / "heard.wav", 16_000) as writer:
        writer.write(heard)
    stats = ListenStats("en", counts, LatencySummary(2, 20, 30, 30, 30))
    return ListenerOutcome("en", said, stats, tmp_path / "heard.wav")


def test_missing_and_late_chunks_are_reported(tmp_path: Path) -> None:
    console, output = _console()
    row = evaluate(_outcome(tmp_path, b"\1\2" * 3_200, JitterCounts(received=3, played=1, late=1)))
    assert (row.expected, row.delivered, row.missing, row.late) == (4, 3, 1, 1)
    assert not console.show_verdict([row])
    for part in (
        "it ends after 0.20 s of 0.80 s",
        "1 of 4 chunks never arrived",
        "1 chunk arrived after 400 ms",
        "did not hear exactly what was said",
    ):
        assert part in output.getvalue()


def test_a_slow_but_complete_delivery_passes_with_a_warning(tmp_path: Path) -> None:
    console, output = _console()
    row = evaluate(_outcome(tmp_path, b"\1\2" * 12_800, JitterCounts(received=4, played=4)))
    assert console.show_verdict([replace(row, p99=700)])
    assert "barely in time" in output.getvalue()


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (b"", "nothing was heard"),
        (b"\1\0\2\0", "it ends after"),
        (b"\1\0\2\0\3\0\4\0", "it goes on for"),
        (b"\1\0\2\0\4\0", "it differs from 0.00 s on"),
    ],
)
def test_differences_are_described(heard: bytes, words: str) -> None:
    assert words in (difference(b"\1\0\2\0\3\0", heard) or "")
    assert difference(heard, heard) is None


def test_the_samples_are_speech_of_a_few_seconds() -> None:
    for path in (FLOOR, INTERPRETATION):
        sound = read_sound(path)
        assert sound.sample_rate == 16_000
        assert 4 <= sound.seconds <= 8
        assert path.stat().st_size < 300_000
