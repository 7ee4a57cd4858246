"""The local stack as a process: readiness, signals, and failed starts."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil
import pytest
from websockets.sync.client import connect

from local.base.errors import StartError
from local.launch import launch
from tests.integration.local import fixture_assembly, http_assembly
from tests.integration.local.fixture_assembly import PATIENCE_SECONDS, ask
from tests.unit.local import assembly

ROOT = Path(__file__).resolve().parents[3]


def start(fixture_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "local", "--port=0", "--template", str(fixture_path), *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)]
)
def test_no_process_outlives_the_stack(
    fixture_path: Path, number: signal.Signals, status: int
) -> None:
    process = start(fixture_path, "--ready-json")
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready.keys() >= {"websocketUrl", "managementUrl", "tokenUrl", "httpUrl", "webUrl"}
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 5  # four functions and the database
        with connect(ready["websocketUrl"], compression=None) as client:
            ask(client, "show")
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == status
        eventually(lambda: not alive(children), f"children end after {number.name}")
        assert process.stdout.read() == "", "standard output has one line"
    finally:
        process.kill()
        process.communicate()


def test_a_signal_during_the_start_leaves_no_process(fixture_path: Path) -> None:
    process = start(fixture_path, "--ready-json")
    try:
        parent = psutil.Process(process.pid)
        eventually(lambda: parent.children(recursive=True), "something starts")
        children = parent.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        eventually(lambda: not alive(children), "children end")
    finally:
        process.kill()
        process.communicate()


def test_without_ready_json_the_stack_prints_commands_to_try(fixture_path: Path) -> None:
    process = start(fixture_path)
    try:
        assert process.stdout is not None
        assert line_with("python -m cli listen", process.stdout)
        assert line_with("Logs of the functions", process.stdout)
    finally:
        process.terminate()
        _, progress = process.communicate(timeout=PATIENCE_SECONDS)
    assert "4 functions" in progress


def test_the_stack_prints_the_address_of_the_http_api(tmp_path: Path) -> None:
    process = start(assembly.write(tmp_path, http_assembly.template(), http_assembly.CODE))
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)
    assert re.fullmatch(
        r"Lingocast runs at ws://\S+, its HTTP API at http://127\.0\.0\.1:\d+\n", first
    )


def line_with(text: str, stream: IO[str]) -> str:
    """Wait for the next line that contains `text`; the test's timeout bounds the wait."""
    return next(line for line in stream if text in line)


def test_a_killed_database_is_reported_and_restarts(fixture_path: Path) -> None:
    process = start(fixture_path, "--ready-json")
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = json.loads(process.stdout.readline())
        (database,) = [
            child
            for child in psutil.Process(process.pid).children()
            if "dynalite" in " ".join(child.cmdline())
        ]
        with connect(ready["websocketUrl"], compression=None) as client:
            os.kill(database.pid, signal.SIGKILL)
            error = line_with("DynamoDB", process.stderr)
            assert "ended with signal 9; restarting it in 2 s" in error
            line_with("DynamoDB is back", process.stderr)
            client.send(json.dumps({"action": "store", "id": "first"}))
            assert client.recv(PATIENCE_SECONDS) == "first"
    finally:
        process.kill()
        process.communicate()


def failure(*arguments: str) -> str:
    """The error output of a stack that cannot start."""
    with pytest.raises(StartError) as error, launch(extra_args=arguments):
        pass
    return str(error.value)


def test_a_taken_port_is_reported(fixture_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in failure("--port", str(port))


def test_an_unsupported_template_is_reported(tmp_path: Path) -> None:
    template = fixture_assembly.template()
    template["Resources"]["Bucket"] = {"Type": "AWS::S3::Bucket"}
    error = failure("--template", str(assembly.write(tmp_path, template, fixture_assembly.CODE)))
    assert "local: Bucket: resource type AWS::S3::Bucket is not supported" in error
    assert "Traceback" not in error


def test_a_function_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    path = assembly.write(
        tmp_path, fixture_assembly.template(), "raise RuntimeError('no settings')"
    )
    error = failure("--template", str(path))
    assert "cannot start: RuntimeError: no settings" in error
    assert "Traceback" in error, "the function's own, from its log"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--workers", "0"],
        ["--nonsense"],
        ["--set", "NONSENSE=1"],
        ["--set", "MAX_LISTENERS=5", "--template", "some.template.json"],
    ],
)
def test_wrong_arguments_are_reported(arguments: list[str]) -> None:
    assert "usage:" in failure(*arguments)


def test_a_stack_that_is_not_ready_in_time_is_stopped(fixture_path: Path) -> None:
    with (
        pytest.raises(StartError, match="not ready within"),
        launch(extra_args=["--template", str(fixture_path)], ready_timeout_seconds=0.05),
    ):
        pass


def test_faults_of_a_file_happen_and_are_reported(fixture_path: Path, tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text('[[faults]]\nkind = "database-throttle"\noperation = "PutItem"\nlimit = 1\n')
    process = start(fixture_path, "--ready-json", f"--faults={faults}")
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with connect(ready["websocketUrl"], compression=None) as client:
            assert ask(client, "store", id="7") == 7, "boto3 tries again"
    finally:
        process.terminate()
        _, reports = process.communicate(timeout=PATIENCE_SECONDS)
    assert "local: fault database-throttle: 1 of 2 opportunities\n" in reports


def test_faults_that_cannot_happen_are_refused(fixture_path: Path, tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    for content, status, message in (
        ("seed = 'x'", 2, f"--faults: {faults}: seed: expected a whole number"),
        (
            '[[faults]]\nkind = "post-delay"\nms = 1\nroute = "x"\n',
            2,
            f"--faults: {faults}: faults[0].route: unknown",
        ),
        (
            '[[faults]]\nkind = "message-duplicate"\nroute = "x"\n',
            1,
            "local: faults[0].route: the stack has no route 'x'",
        ),
    ):
        faults.write_text(content)
        process = start(fixture_path, f"--faults={faults}")
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, message in errors) == (status, True), errors
