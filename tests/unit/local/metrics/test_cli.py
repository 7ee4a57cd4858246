"""`python -m local metrics` over prepared logs, and which stack it shows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.base.state_dir import StateDir, is_running, logs_folder
from local.metrics.cli import main
from shared.utils.telemetry import PowertoolsTelemetry
from tests.helpers.doubles import ManualClock


@pytest.fixture
def emf(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Log lines of a function: one duration, and 3 deliveries."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "audio")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lingocast")
    telemetry = PowertoolsTelemetry()
    telemetry.count("FanoutDelivered", 3)
    telemetry.duration("FanoutDuration", 20)
    telemetry.flush()
    return capsys.readouterr().out


@pytest.fixture
def running(tmp_path: Path) -> Iterator[StateDir]:
    state = StateDir.acquire(tmp_path)
    with contextlib.closing(state):
        state.fresh_logs()
        yield state


def test_json_has_all_series(
    running: StateDir, emf: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_folder(running.path).joinpath("audio.log").write_text(f"START\n{emf}END\n")

    assert main(["--json", "--state", str(running.path)]) == 0

    answer = json.loads(capsys.readouterr().out)
    delivered, duration = answer["metrics"]
    assert (delivered["name"], delivered["overall"]["sum"]) == ("FanoutDelivered", 3)
    assert delivered["dimensions"] == {"service": "audio"}
    assert duration["overall"]["p99"] == pytest.approx(20, rel=0.011)
    assert answer["logs"] == str(logs_folder(running.path))


def test_once_prints_a_table(
    running: StateDir, emf: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_folder(running.path).joinpath("audio.log").write_text(emf)

    assert main(["--once", "--state", str(running.path)]) == 0

    printed = capsys.readouterr().out
    assert "FanoutDelivered" in printed
    assert "20" in printed


def test_without_a_running_stack_the_error_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--once", "--state", str(tmp_path)]) == 1

    assert "python -m local" in capsys.readouterr().err


class Interrupting(ManualClock):
    """A clock that raises Ctrl-C when it is read, which is while the table is drawn."""

    def now_ms(self) -> int:
        signal.raise_signal(signal.SIGINT)
        return super().now_ms()


def test_ctrl_c_ends_it_and_leaves_the_table(
    running: StateDir, emf: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs_folder(running.path).joinpath("audio.log").write_text(emf)

    assert main(["--state", str(running.path)], Interrupting()) == 0

    printed = capsys.readouterr()
    assert "FanoutDelivered" in printed.out
    assert printed.err == ""


def test_it_ends_with_the_stack(running: StateDir, capsys: pytest.CaptureFixture[str]) -> None:
    class Ending(ManualClock):
        """A clock that ends the stack while the first table is drawn."""

        def now_ms(self) -> int:
            running.close()
            return super().now_ms()

    assert main(["--state", str(running.path)], Ending()) == 0

    assert "the stack has ended" in capsys.readouterr().err


def test_a_stack_that_has_ended_does_not_count_as_running(tmp_path: Path) -> None:
    state = StateDir.acquire(tmp_path)
    assert is_running(state.path)
    assert StateDir.newest_running(tmp_path) == state.path

    state.close()

    assert not is_running(state.path)
    assert StateDir.newest_running(tmp_path) is None


def test_the_newest_stack_is_shown(tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        states = [
            opened.enter_context(contextlib.closing(StateDir.acquire(tmp_path))) for _ in range(3)
        ]
        assert StateDir.newest_running(tmp_path) == states[2].path

        states[2].close()
        assert StateDir.newest_running(tmp_path) == states[1].path

        states[0].close()
        again = opened.enter_context(contextlib.closing(StateDir.acquire(tmp_path)))
        assert again.path == tmp_path
        # Both can have started within one tick of the file system's clock.
        os.utime(states[1].path / "lock", (0, 0))
        assert StateDir.newest_running(tmp_path) == tmp_path
