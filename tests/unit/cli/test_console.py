"""Terminal output: permanent lines, progress, and descriptions of events."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from cli import notices
from cli.console import (
    Display,
    describe_interpretation,
    describe_playout,
    describe_stream,
    print_playout_summary,
)
from client.flows.streaming import StreamReport
from client.playback.interpretation_latency import InterpretationLatencySummary
from client.playback.jitter import JitterCounts
from client.playback.latency import LatencySummary
from client.playback.playout import ListenStats, NullSink, Playout
from client.protocol.events import Disconnected, Interruption, Notification, Reconnected
from shared.models.audio_format import AudioFormat
from shared.models.broadcast_state import BroadcastState
from shared.protocol.interpretation_messages import Caption
from shared.protocol.messages import (
    ChannelSourceChanged,
    ConnectionTimeout,
    HeartbeatAck,
    SessionCreated,
    SessionEnded,
    SessionJoined,
    SpeakerDisconnected,
    SpeakerReconnected,
)
from tests.unit.client.support import FORMAT, JOINED, FakeClock


def _display(clock: FakeClock, terminal: bool = False) -> tuple[Display, io.StringIO]:
    output = io.StringIO()
    console = Console(
        file=output, force_terminal=terminal, width=100, highlight=False, soft_wrap=True
    )
    return Display(console, clock.monotonic), output


def test_without_a_terminal_progress_is_a_plain_line_every_few_seconds() -> None:
    clock = FakeClock()
    display, output = _display(clock)
    with display:
        for _ in range(100):  # 20 s
            clock.advance(200)
            display.show_sent(StreamReport(200, total=100, captured=1, sent=1))
    lines = output.getvalue().splitlines()
    assert lines == ["speaking: 0.2 s of 20.0 s, 1 chunk sent"] * 4


def test_on_a_terminal_progress_is_one_line_that_is_removed() -> None:
    clock = FakeClock()
    display, output = _display(clock, terminal=True)
    with display:
        display.show_sent(StreamReport(200))
        display.print("Session [golden]-eagle-427")
    assert "Session [golden]-eagle-427" in output.getvalue()
    assert display._status is None


def test_a_stream_reports_dropped_and_refused_chunks() -> None:
    report = StreamReport(200, captured=10, sent=7, dropped=3, refused=1)
    assert describe_stream(report) == (
        "speaking: 2.0 s, 7 chunks sent, 3 dropped (network slow or down), 1 refused"
    )


def test_playback_is_described_with_its_latency() -> None:
    counts = JitterCounts(received=9, played=8, late=1, gaps=1, gap_chunks=2)
    stats = ListenStats("es", counts, LatencySummary(9, 12.4, 30, 41, 50))
    assert describe_playout(stats) == (
        "heard: 8 chunks, 1 gap, 1 late, 2 not played, latency p50 12 ms, p95 30 ms, p99 41 ms"
    )
    assert describe_playout(ListenStats(None, JitterCounts(), None)) == (
        "heard: 0 chunks, 0 gaps, 0 late"
    )


def _caption(text: str, *, final: bool = True, spoken: bool = True) -> Caption:
    return Caption(
        session_id="s",
        language="es",
        text=text,
        final=final,
        epoch=1,
        timestamp=1,
        end_timestamp=2,
        spoken=spoken,
    )


def test_final_captions_are_printed_with_control_characters_escaped() -> None:
    display, output = _display(FakeClock())
    with display:
        display.show_caption(_caption("Buenos", final=False))
        display.show_caption(_caption("Buenos\n[red]días\x1b[2J\u202e."))
        display.show_caption(_caption("Adiós.", spoken=False))
    assert output.getvalue().splitlines() == [
        "[es] Buenos [red]días\\x1b[2J\\u202e.",
        "[es, not spoken] Adiós.",
    ]


def _progress(display: Display, clock: FakeClock) -> str:
    """The current progress line."""
    clock.advance(200)
    display.show_playout(Playout(FORMAT, NullSink()))
    assert display._status is not None
    return str(display._status.status)


def test_partial_captions_follow_the_progress_on_a_terminal() -> None:
    clock = FakeClock()
    display, output = _display(clock, terminal=True)
    with display:
        display.show_caption(_caption("uno\x1b[2J dos", final=False))
        assert "0 late | uno\\x1b[2J dos …" in _progress(display, clock)
        display.show_caption(_caption("0" * 100 + " and the end", final=False))
        shown = _progress(display, clock)
        assert " and the end …" in shown
        assert "0" * 61 not in shown
        display.show_caption(_caption("Fin."))
        assert "[es] Fin." in output.getvalue()
        assert "|" not in _progress(display, clock)
        display.show_caption(_caption("of whom", final=False))
        clock.advance(6_000)
        assert "of whom" not in _progress(display, clock)


def test_without_a_terminal_progress_has_no_partial_captions() -> None:
    clock = FakeClock()
    display, output = _display(clock)
    with display:
        clock.advance(6_000)
        display.show_caption(_caption("uno dos", final=False))
        display.show_playout(Playout(FORMAT, NullSink()))
    assert output.getvalue().splitlines() == ["heard: 0 chunks, 0 gaps, 0 late"]


def test_interpretation_latency_is_described_by_stage() -> None:
    def both(p50: float, p95: float) -> LatencySummary:
        return LatencySummary(11, p50, p95, p95, p95)

    interpretation = InterpretationLatencySummary(
        12, 11, both(620, 900), both(450, 700), both(3, 4), both(25.4, 60), both(40, 130)
    )
    assert describe_interpretation(interpretation, 400) == (
        "interpreted: 12 sentences (1 not measured), latency from end of sentence to first sound "
        "received p50 620 ms (recognise 450, translate 3, speak 25, deliver 40), "
        "p95 900 ms (recognise 700, translate 4, speak 60, deliver 130); "
        "playback up to 400 ms later"
    )


def test_session_events_are_described() -> None:
    display, output = _display(FakeClock())
    change = ChannelSourceChanged(
        session_id="s", language="es", from_source="floor", to_source="human", epoch=1
    )
    for message in (
        change,
        SpeakerDisconnected(session_id="s", grace_seconds=60),
        SpeakerReconnected(session_id="s", epoch=2),
        ConnectionTimeout(idle_seconds=125, timestamp=1),
        HeartbeatAck(timestamp=1),
        SessionEnded(session_id="s", reason="speakerLeft"),
    ):
        notices.show_notice(display, Notification(message))
    assert output.getvalue().splitlines() == [
        "In es you now hear an interpreter.",
        "The speaker lost the connection and has up to 60 s to reconnect.",
        "The speaker is back.",
        "The service is closing this connection: idle for 125 s.",
        "The session is over: the speaker left.",
    ]


def test_disconnections_and_reconnections_are_described() -> None:
    display, output = _display(FakeClock())
    reply = msgspec.convert(JOINED, SessionJoined)
    absent = msgspec.structs.replace(reply, speaker_connected=False)
    for notice in (
        Disconnected("the connection broke off", 60),
        Reconnected(reply, 1.26),
        Reconnected(absent, 2),
    ):
        notices.show_notice(display, notice)
    assert output.getvalue().splitlines() == [
        "Disconnected: the connection broke off. Reconnecting for up to 60 s …",
        "Reconnected to golden-eagle-427 after 1.3 s.",
        "Reconnected to golden-eagle-427 after 2.0 s.",
        "The speaker is not connected at the moment.",
    ]


def test_interruptions_are_described() -> None:
    display, output = _display(FakeClock())
    for interruption in (Interruption(0, 0), Interruption(7, 1_400), Interruption(None, 2_340)):
        notices.show_notice(display, interruption)
    assert output.getvalue().splitlines() == [
        "You missed nothing.",
        "You missed 1.4 s (7 chunks).",
        "You missed up to 2.3 s.",
    ]


def test_the_summary_counts_interruptions() -> None:
    clock = FakeClock()
    display, output = _display(clock)
    playout = Playout(FORMAT, NullSink())
    display.track_playout(playout)
    for recovered in (True, False):
        playout.interruptions.lost(0)
        playout.interruptions.reconnected(0, recovered=recovered)
    playout.interruptions.finish(1_400)
    print_playout_summary(display, None)
    assert output.getvalue().splitlines() == [
        "heard: 0 chunks, 0 gaps, 0 late",
        "2 interruptions, 1 without loss: up to 1.4 s missed",
    ]


def test_join_commands_contain_the_given_urls() -> None:
    display, output = _display(FakeClock())
    created = SessionCreated(
        session_id="golden-eagle-427",
        source_language="en",
        quality_tier="standard",
        audio_format=AudioFormat(),
        broadcast_state=BroadcastState(),
        created_at=0,
        epoch=1,
        connection_expires_at=0,
        resume_token="r",
    )
    notices.show_join_commands(display, created, "ws://x:1/dev", "http://x:2/token")
    assert output.getvalue().splitlines() == [
        "Session golden-eagle-427",
        "  listen:    python -m cli listen golden-eagle-427 --language es --url ws://x:1/dev",
        "  interpret: python -m cli interpret golden-eagle-427 FILE.wav --language es"
        " --url ws://x:1/dev --token-url http://x:2/token",
    ]
