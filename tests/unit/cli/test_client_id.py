"""The client ID of anonymous clients: kept in a file and sent in the handshake."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection

from cli.client_id import load_client_id
from client.connection.websocket import connect
from client.tokens.private_files import config_dir, write_private
from shared.models.errors import ValidationError
from tests.unit.client.support import serving


def test_the_id_is_reused_and_readable_by_its_owner_only(config_home: Path) -> None:
    warnings: list[str] = []
    first = load_client_id(warnings.append)
    assert load_client_id(warnings.append, lambda: "never-paths") == first
    assert warnings == []
    assert stat.S_IMODE((config_home / "client-id").stat().st_mode) == 0o600
    assert [path.name for path in config_home.iterdir()] == ["client-id"]


def test_processes_that_start_together_use_one_id() -> None:
    ids: list[str | None] = []
    ready = threading.Barrier(8)

    def start(number: int) -> None:
        def new_id() -> str:
            ready.wait(30)  # all have found no file
            return f"client-{number}"

        ids.append(load_client_id(lambda line: None, new_id))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 20, b"a" * 10_000])
def test_an_invalid_id_is_replaced(config_home: Path, content: bytes) -> None:
    config_home.mkdir(parents=True)
    (config_home / "client-id").write_bytes(content)
    made = load_client_id(lambda line: None, lambda: "new-client-id")
    assert made == "new-client-id"
    assert (config_home / "client-id").read_text() == "new-client-id"


@pytest.mark.parametrize("hindrance", ["directory is a file", "file is a directory"])
def test_an_id_that_cannot_be_saved_is_reported_once(config_home: Path, hindrance: str) -> None:
    if hindrance == "directory is a file":
        config_home.parent.mkdir()
        config_home.write_text("")
    else:
        (config_home / "client-id").mkdir(parents=True)
    warnings: list[str] = []
    assert load_client_id(warnings.append) is None
    (line,) = warnings
    assert line.startswith("Cannot save a client ID (")


def test_a_relative_config_directory_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    assert config_dir() == tmp_path / ".config" / "lingocast"


def test_a_failed_replacement_leaves_no_files(config_home: Path) -> None:
    (config_home / "target").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_private(config_home / "target", b"content")
    assert [path.name for path in config_home.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("query", "token", "client_id", "sent"),
    [
        ("", None, "client-0001", {"clientId": ["client-0001"]}),
        ("?clientId=x&a=b", None, "client-0001", {"a": ["b"], "clientId": ["client-0001"]}),
        ("", "secret", "client-0001", {"token": ["secret"]}),
        ("?clientId=client-0002", "secret", None, {"token": ["secret"]}),
        ("?token=secret", None, "client-0001", {"token": ["secret"]}),
        ("", None, None, {}),
    ],
)
async def test_the_handshake_sends_the_token_or_the_client_id(
    query: str, token: str | None, client_id: str | None, sent: dict[str, list[str]]
) -> None:
    paths: list[str] = []

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        await connection.wait_closed()

    async with serving(handle) as url, connect(url + query, token=token, client_id=client_id):
        pass
    assert parse_qs(urlsplit(paths[0]).query) == sent


@pytest.mark.parametrize("client_id", ["", "short", "a" * 65, "with space", "ümlaute-sind-keine"])
async def test_an_invalid_id_is_rejected_before_connecting(client_id: str) -> None:
    with pytest.raises(ValidationError, match="clientId"):
        async with connect("ws://127.0.0.1:1", client_id=client_id):
            pass
