"""Hot reload: the next message runs the saved code, and connections stay open."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from infrastructure.compute.code import LITTER
from local.runtime.code_copy import CodeCopy
from local.runtime.code_files import CodeFiles
from local.runtime.functions import Functions
from local.runtime.reload import Reloader
from tests.integration.local.fixture_assembly import CODE, PATIENCE_SECONDS, ask
from tests.integration.local.pool_support import CODE as POOL_CODE
from tests.integration.local.pool_support import Pools, workers
from tests.integration.local.support import eventually

ROOT = Path(__file__).resolve().parents[3]


class Running:
    """A stack with its source, and a client that stays connected."""

    def __init__(self, source: Path, client: ClientConnection, errors: Path) -> None:
        self.source = source
        self.client = client
        self._errors = errors

    def save(self, text: str, path: str = "functions.py") -> None:
        """Save a file as an editor does."""
        (self.source / path).write_text(text)

    def answer(self, action: str = "show") -> dict[str, object]:
        """The answer to the next message."""
        reply: dict[str, object] = ask(self.client, action)
        return reply

    def worker(self) -> str:
        """The address of the worker that answers; each has its own."""
        environment = self.answer()["environment"]
        assert isinstance(environment, dict)
        return str(environment["AWS_LAMBDA_RUNTIME_API"])

    def wait_for_lines(self, text: str, count: int) -> list[str]:
        """Wait for `count` lines that contain `text`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(lines := self.lines_with(text)) < count:
            assert time.monotonic() < deadline, text
            time.sleep(0.01)
        return lines

    def lines_with(self, text: str) -> list[str]:
        """The lines on standard error that contain `text`."""
        return [line for line in self._errors.read_text().splitlines() if text in line]


@contextmanager
def running(template: Path, folder: Path, *options: str) -> Iterator[Running]:
    source, errors = folder / "source", folder / "errors"
    source.mkdir()
    (source / "functions.py").write_text(CODE)
    command = [sys.executable, "-m", "local", "--ready-json", "--port=0", *options]
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--template", str(template), "--source", str(source)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with connect(ready["websocketUrl"], compression=None) as client:
            yield Running(source, client, errors)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def test_the_next_message_on_an_open_connection_runs_the_saved_code(
    fixture_path: Path, tmp_path: Path
) -> None:
    with running(fixture_path, tmp_path) as stack:
        before = stack.answer()
        for text in ("one", "two", "six"):  # as long as each other, within one second
            stack.save(CODE.replace('"action": action', f'"action": "{text}"'))
            assert stack.answer()["action"] == text

        (stack.source / "words").mkdir()
        stack.save("TEXT = 'of a new package'", "words/greeting.py")
        stack.save(
            CODE.replace('"action": action', '"action": greeting.TEXT').replace(
                "import boto3", "import boto3\nfrom words import greeting"
            )
        )
        assert stack.answer()["action"] == "of a new package"
        stack.save("TEXT = 'of a watched package'", "words/greeting.py")
        after = stack.answer()
        assert after["action"] == "of a watched package"
        assert after["me"] == before["me"]


def test_an_import_error_is_reported_with_its_line_until_it_is_fixed(
    fixture_path: Path, tmp_path: Path
) -> None:
    with running(fixture_path, tmp_path) as stack:
        me = stack.answer()["me"]
        line = len(CODE.splitlines()) + 2
        faults = {"x = (": "SyntaxError: ", "import nonsense": "ModuleNotFoundError: "}

        for count, (text, fault) in enumerate(faults.items(), start=1):
            stack.save(f"{CODE}\n{text}\n")
            assert stack.answer()["message"] == "Internal server error"
            lines = stack.wait_for_lines("until this is fixed", count)
            assert f"fail until this is fixed: functions.py:{line}: {fault}" in lines[-1]
            assert stack.answer()["message"] == "Internal server error"
            assert len(stack.lines_with(fault)) == 1
        stack.save(CODE)

        assert stack.answer()["me"] == me


def test_files_that_are_not_code_replace_no_worker(fixture_path: Path, tmp_path: Path) -> None:
    with running(fixture_path, tmp_path) as stack:
        worker = stack.worker()

        (stack.source / "__pycache__").mkdir()
        stack.save("x", "__pycache__/functions.cpython-313.pyc")
        stack.save("x", "functions.pyc")
        stack.save("x", ".functions.py.swp")
        stack.save("x", "functions.py~")
        stack.save("x", "4913")
        (stack.source / "4913").unlink()
        stack.save(CODE)  # saved, but as it was

        assert stack.worker() == worker
        assert stack.lines_with("changed") == []


def test_without_reload_the_code_stays_as_it_was(fixture_path: Path, tmp_path: Path) -> None:
    with running(fixture_path, tmp_path, "--no-reload") as stack:
        worker = stack.worker()
        stack.save("x = (")
        assert stack.worker() == worker


class Followed:
    """A function whose source is watched, and the reported lines."""

    def __init__(self, folder: Path, pools: Pools) -> None:
        self.reported: list[str] = []
        self.source = folder / "source"
        self.synthesized = folder / "synthesized"
        for path in (self.source, self.synthesized, folder / "kept"):
            path.mkdir()
        (self.source / "functions.py").write_text(POOL_CODE)
        self._kept = folder / "kept"
        self._pools = pools
        self.functions = Functions()

    async def start(self) -> Reloader:
        await self.functions.start({"do": self._pools(warm=2)})
        code = CodeCopy(CodeFiles(self.source, LITTER), self._pools.folder)
        other = CodeCopy(CodeFiles(self.synthesized, LITTER), self._kept)
        code.update()
        other.update()
        reloader = Reloader(code, other, self.functions, self.reported.append)
        reloader.start()
        return reloader

    async def invoke(self) -> dict[str, object]:
        outcome = await self.functions.invoke("do", b"{}")
        assert outcome.error is None
        result: dict[str, object] = json.loads(outcome.payload)
        return result


@pytest.fixture
async def followed(tmp_path: Path, pools: Pools) -> AsyncIterator[Followed]:
    folder = tmp_path / "followed"
    folder.mkdir()
    one = Followed(folder, pools)
    reloader = await one.start()
    yield one
    reloader.stop()


async def test_a_burst_of_changes_replaces_the_workers_once(followed: Followed) -> None:
    await followed.invoke()
    old = {worker.pid for worker in workers()}
    for number in range(20):
        (followed.source / f"more{number}.py").write_text("x = 1")
        await asyncio.sleep(0)
    answer = await followed.invoke()

    assert answer["pid"] not in old
    await eventually(lambda: followed.reported)
    assert followed.reported[0].startswith("more0.py and 19 more changed, new workers after")
    assert len(followed.reported) == 1


async def test_an_invocation_during_a_burst_waits_for_its_end(followed: Followed) -> None:
    (followed.source / "functions.py").write_text("import half_of_the_change")
    answer = asyncio.ensure_future(followed.invoke())
    await asyncio.sleep(0)
    (followed.source / "half_of_the_change.py").touch()
    (followed.source / "functions.py").write_text(POOL_CODE.replace('"pid": os.', '"me": os.'))

    assert "me" in await answer


async def test_a_change_that_needs_synthesis_is_reported_and_replaces_no_worker(
    followed: Followed,
) -> None:
    before = {worker.pid for worker in workers()}
    (followed.synthesized / "routes.py").write_text("x = 1")
    await eventually(lambda: followed.reported)

    assert followed.reported == ["routes.py changed: restart the stack for it to take effect"]
    await followed.invoke()
    assert {worker.pid for worker in workers()} == before
