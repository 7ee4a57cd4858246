"""Inputs as chunks: from files, pipes, sockets and devices, read no faster than used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.errors import SoundError
from client.sound.inputs import DescriptorInput, MemoryInput, open_path
from client.sound.source import SoundInput, SoundSource
from shared.models.audio_format import AudioFormat
from tests.unit.client.sounds import FLOAT, MU_LAW, chunk, encoded, fmt, riff, s16, speechlike, wav

FORMAT = AudioFormat()
SAMPLES = np.random.default_rng(5).integers(-9_000, 9_000, 20_000)
PCM = s16(SAMPLES)
UNSIZED = riff(fmt(), chunk(b"data", PCM, size=0xFFFFFFFF), size=0xFFFFFFFF)


async def _chunks(sound: SoundInput, audio_format: AudioFormat = FORMAT) -> list[bytes]:
    async with asyncio.timeout(20):
        return [chunk async for chunk in SoundSource(sound, audio_format)]


def _fed(descriptor: int, content: bytes, piece: int = 4_096) -> threading.Thread:
    """Write the content in pieces in a thread, then close."""

    def feed() -> None:
        with contextlib.suppress(OSError), os.fdopen(descriptor, "wb", 0) as pipe:
            for at in range(0, len(content), piece):
                pipe.write(content[at : at + piece])

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def _pipe(content: bytes, piece: int = 4_096) -> Iterator[SoundInput]:
    reading, writing = os.pipe()
    thread = _fed(writing, content, piece)
    source = DescriptorInput(reading, "standard input", owned=True)
    with contextlib.closing(SoundInput(source, "standard input", may_be_raw=True)) as sound:
        yield sound
    thread.join(10)


@contextlib.contextmanager
def _socket(content: bytes) -> Iterator[SoundInput]:
    ours, theirs = socket.socketpair()
    thread = _fed(theirs.detach(), content)
    source = DescriptorInput(ours.detach(), "standard input", owned=True)
    with contextlib.closing(SoundInput(source, "standard input", may_be_raw=True)) as sound:
        yield sound
    thread.join(10)


@contextlib.contextmanager
def _file(path: Path, content: bytes, *, may_be_raw: bool = True) -> Iterator[SoundInput]:
    path.write_bytes(content)
    source = open_path(str(path))
    with contextlib.closing(SoundInput(source, str(path), may_be_raw=may_be_raw)) as sound:
        yield sound


@pytest.mark.parametrize("content", [PCM, wav(PCM), UNSIZED], ids=["raw", "wav", "streamed wav"])
async def test_16_bit_samples_are_read_exactly_from_every_input(
    tmp_path: Path, content: bytes
) -> None:
    expected = [PCM[at : at + 6_400] for at in range(0, len(PCM), 6_400)]
    with _pipe(content) as sound:
        assert (await _chunks(sound), sound.live) == (expected, True)
    with _socket(content) as sound:
        assert (await _chunks(sound), sound.live) == (expected, True)
    with _file(tmp_path / "sound", content) as sound:
        assert (await _chunks(sound), sound.live) == (expected, False)
    os.mkfifo(tmp_path / "fifo")
    source = open_path(str(tmp_path / "fifo"))
    with contextlib.closing(SoundInput(source, "fifo", may_be_raw=True)) as sound:
        _fed(os.open(tmp_path / "fifo", os.O_WRONLY), content)
        assert await _chunks(sound) == expected


async def test_an_open_descriptor_is_read_from_its_current_position(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"header" + PCM[:800])
    with (tmp_path / "raw").open("rb", buffering=0) as file:
        file.seek(6)
        source = DescriptorInput(file.fileno(), "standard input", owned=False)
        with contextlib.closing(SoundInput(source, "standard input", may_be_raw=True)) as sound:
            assert await _chunks(sound) == [PCM[:800]]


async def test_a_short_last_chunk_is_padded() -> None:
    with _pipe(PCM[: 6_400 + 3]) as sound:
        assert [len(chunk) for chunk in await _chunks(sound)] == [6_400, 100]


_LIBRARY = {
    "FLAC": ("FLAC", "PCM_16"),
    "OGG": ("OGG", "VORBIS"),
    "Opus": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
    "AIFF": ("AIFF", "PCM_24"),
    "AU": ("AU", "ULAW"),
    "Wave64": ("W64", "PCM_16"),
}


def _tone(frames: int, rate: int = 16_000) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 440 * np.arange(frames) / rate)


@pytest.mark.parametrize("name", _LIBRARY)
@pytest.mark.parametrize("rate", [16_000, 48_000])
async def test_library_formats_are_read_from_files_and_pipes(
    tmp_path: Path, name: str, rate: int
) -> None:
    kind, subtype = _LIBRARY[name]
    content = encoded(_tone(4 * rate, rate), rate, kind, subtype)
    with _file(tmp_path / "sound", content, may_be_raw=False) as sound:
        from_file = b"".join(await _chunks(sound))
    with _pipe(content, piece=1_000) as sound:
        from_pipe = b"".join(await _chunks(sound))
    heard = np.frombuffer(from_file, "<i2") / 32_768
    assert abs(len(heard) - 4 * 16_000) <= 2_500  # encoders pad
    spectrum = np.abs(np.fft.rfft(heard[16_000:48_000] * np.hanning(32_000)))
    assert spectrum.argmax() == 880  # 440 Hz in 2 s
    assert 0.25 < np.sqrt(np.mean(heard[16_000:48_000] ** 2)) < 0.31
    # The same from a pipe, but for what a decoder does at the end of a stream of unknown length.
    common = min(len(from_file), len(from_pipe)) - 2 * 2_500
    assert from_pipe[:common] == from_file[:common]
    assert abs(len(from_pipe) - len(from_file)) <= 2 * 2_500


async def test_an_mp3_with_a_picture_before_its_sound_comes_from_a_pipe() -> None:
    size = 200_000
    tag = b"ID3\3\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    content = tag + bytes(size) + encoded(_tone(32_000), 16_000, "MP3", "MPEG_LAYER_III")
    with _pipe(content) as sound:
        assert len(await _chunks(sound)) >= 10


@pytest.mark.parametrize("first", [b"\xff\xfb", b"\xff\xe3\x10\x00"])
async def test_raw_samples_that_look_like_the_beginning_of_an_mp3_are_raw(first: bytes) -> None:
    content = first + PCM[: 6_400 - len(first)]
    with _pipe(content) as sound:
        assert await _chunks(sound) == [content]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "standard input: contains no sound; record something first"),
        (wav(b""), "standard input: contains no sound"),
        (riff(fmt(), chunk(b"data", b""), chunk(b"bext", bytes(700))), "contains no sound"),
        (b"\0\0\0\x20ftypM4A and so on", "standard input: MP4 or M4A, which cannot be read"),
        (b"fLaC and then nothing of it", "not a sound file that can be read here from a pipe"),
        (b"RIFF\0\0\0\0AVI ", "RIFF, but not WAVE"),
        (
            wav(b"\0" * 100, tag=2, bits=4, width=1),
            "a compressed WAV, unreadable from a pipe; name the file",
        ),
    ],
    ids=["nothing", "empty wav", "metadata", "m4a", "bad flac", "avi", "adpcm"],
)
async def test_a_pipe_without_sound_gives_a_one_line_error(content: bytes, message: str) -> None:
    with _pipe(content) as sound:
        for _ in range(2):  # also to whoever asks again
            with pytest.raises(SoundError, match=message) as fault:
                sound.prepare()
            assert "\n" not in str(fault.value)
        with pytest.raises(SoundError, match=message):
            await _chunks(sound)


@pytest.mark.parametrize(
    "magic", [b"fLaC", b"OggS", b"ID3\4\0\0\0\0\0\1", b"FORM", b".snd", b"caff", b"RIFX"], ids=repr
)
async def test_a_long_pipe_that_is_only_headed_like_sound_is_left(magic: bytes) -> None:
    # More than any pipe between threads holds: nobody may be left writing into one.
    expected = pytest.raises(SoundError, match="not a sound file that can be read here from a pipe")
    with _pipe(magic + bytes(300_000)) as sound, expected:
        sound.prepare()


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("name", [*_LIBRARY, "WAV"])
async def test_a_truncated_file_is_read_as_far_as_possible_or_gives_a_one_line_error(
    tmp_path: Path, name: str, cut: float
) -> None:
    kind, subtype = _LIBRARY.get(name, ("WAV", "PCM_16"))
    content = encoded(speechlike(160_000), 16_000, kind, subtype)
    got: list[bytes] = []
    with _file(tmp_path / "sound", content[: int(len(content) * cut)], may_be_raw=False) as sound:
        try:
            async for part in SoundSource(sound, FORMAT):
                got.append(part)
        except SoundError as fault:
            assert "\n" not in str(fault)  # noqa: PT017
    assert len(got) >= 50 * cut - 10


@pytest.mark.parametrize(
    ("content", "chunks"),
    [
        (wav(PCM), 7),
        (wav(PCM, channels=2), 4),
        (wav(PCM, rate=48_000), 3),
        (wav(PCM, size=0xFFFFFFFF), 7),
        (wav(PCM)[:10_000], 2),
    ],
)
async def test_the_number_of_chunks_of_a_file_is_known(
    tmp_path: Path, content: bytes, chunks: int
) -> None:
    with _file(tmp_path / "sound", content) as sound:
        sound.prepare()
        source = SoundSource(sound, FORMAT)
        assert source.total == chunks
        assert len([chunk async for chunk in source]) == chunks
    with _pipe(content) as sound:
        sound.prepare()
        assert SoundSource(sound, FORMAT).total is None


async def test_a_thread_that_waits_for_a_recorder_ends_when_the_flow_does() -> None:
    reading, writing = os.pipe()
    os.write(writing, PCM[:7_000])
    source = DescriptorInput(reading, "standard input", owned=True)
    sound = SoundInput(source, "standard input", may_be_raw=True)
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in SoundSource(sound, FORMAT):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sound.close()  # waits for the thread: it has ended, or this test does not
    os.close(writing)


@pytest.mark.parametrize("start", [b"OggS", b"fLaC", b"RIFF\0\0\0\0WAVE", b"\xff\xfb\x90\x00"])
async def test_a_pipe_that_falls_silent_within_a_header_can_be_left(start: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, start)
    source = DescriptorInput(reading, "standard input", owned=True)
    sound = SoundInput(source, "standard input", may_be_raw=True)
    preparing = asyncio.create_task(asyncio.to_thread(sound.prepare))
    await asyncio.sleep(0)
    sound.close()
    with contextlib.suppress(SoundError):
        await preparing
    os.close(writing)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dev/null", "/dev/null is a device without sound"),
        ("/dev/zero", "/dev/zero is a device without sound"),
        ("/dev/urandom", "is a device without sound"),
        ("/tmp", "/tmp is a directory; name a sound file in it"),
        ("/nowhere/at/all.wav", "there is no such file; check the spelling"),
        ("a\0b", "cannot be read"),
        ("x" * 5_000, "cannot be read: File name too long"),
    ],
    ids=["null", "zero", "random", "directory", "missing", "NUL", "long"],
)
def test_an_unusable_input_gives_a_one_line_error(path: str, message: str) -> None:
    with pytest.raises(SoundError, match=message) as fault:
        open_path(path)
    assert "\n" not in str(fault.value)


def test_a_terminal_is_rejected_as_input() -> None:
    ours, theirs = os.openpty()
    with pytest.raises(SoundError, match=r"is a terminal .* pipe sound into it"):
        DescriptorInput(theirs, "standard input", owned=False)
    os.close(ours)
    os.close(theirs)


async def test_a_write_only_descriptor_is_rejected(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        source = DescriptorInput(file.fileno(), "standard input", owned=False)
        sound = SoundInput(source, "standard input", may_be_raw=True)
        with pytest.raises(SoundError, match="standard input is not open for reading"):
            sound.prepare()
        sound.close()


def test_a_closed_descriptor_is_rejected() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(SoundError, match="is not open for reading"):
        DescriptorInput(reading, "standard input", owned=False)


class _Endless(MemoryInput):
    """A recording of `size` bytes that is never in memory; tracks its read-ahead."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(head)
        self._size = size
        self.taken = 0

    def _raw(self, size: int) -> bytes:
        data = super()._raw(size)
        if not data:
            data = bytes(min(size, self._size - self.taken))
            self.taken += len(data)
        return data


_FORTY_MINUTES = 40 * 60 * 48_000 * 2 * 2


def test_forty_minutes_of_48_khz_stereo_take_the_memory_of_a_moment() -> None:
    head = riff(fmt(channels=2, rate=48_000), chunk(b"data", b"", size=_FORTY_MINUTES))
    source = _Endless(head, _FORTY_MINUTES)
    chunks = SoundInput(source, "talk.wav", may_be_raw=False).chunks(FORMAT)
    next(chunks)
    tracemalloc.start()
    try:
        for number in range(2, 152):  # half a minute
            next(chunks)
            ahead = source.taken / 48_000 / 4 - number * 0.2
            assert ahead < 0.5, "seconds read ahead"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


async def test_a_long_flac_takes_the_memory_of_a_moment(tmp_path: Path) -> None:
    content = encoded(speechlike(60 * 16_000), 16_000, "FLAC", "PCM_16")
    for opened in (_file(tmp_path / "talk.flac", content, may_be_raw=False), _pipe(content)):
        with opened as sound:
            sound.prepare()
            chunks = sound.chunks(FORMAT)
            tracemalloc.start()
            try:
                count = sum(1 for _ in chunks)
                _, most = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert count == 300
            assert most < 3_000_000


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=400),
        st.sampled_from(
            [b"fLaC", b"OggS", b"ID3\4\0\0\0\0\0\1", b"RIFF", b"FORM", b"\xff\xfb\x90\0"]
        ).flatmap(lambda magic: st.binary(max_size=400).map(lambda rest: magic + rest)),
        st.sampled_from(
            [wav(PCM), UNSIZED, wav(PCM, tag=MU_LAW, bits=8), wav(PCM, tag=FLOAT, bits=32)]
        ).flatmap(lambda good: st.integers(0, 900).map(lambda size: good[:size])),
    ),
    st.integers(1, 500),
    st.booleans(),
)
def test_arbitrary_bytes_become_chunks_or_a_one_line_error(
    content: bytes, piece: int, may_be_raw: bool
) -> None:
    reading, writing = os.pipe()
    thread = _fed(writing, content, piece)
    source = DescriptorInput(reading, "x", owned=True)
    with contextlib.closing(SoundInput(source, "x", may_be_raw=may_be_raw)) as sound:
        try:
            sound.prepare()
            for chunk_ in sound.chunks(FORMAT):
                assert 100 <= len(chunk_) <= FORMAT.chunk_bytes
        except SoundError as fault:
            assert "\n" not in str(fault)  # noqa: PT017
    thread.join(10)
