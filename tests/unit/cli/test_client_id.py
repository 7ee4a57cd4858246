"""An anonymous client is known again: by an id in a file, sent in the handshake."""

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


def test_the_same_id_again_for_its_owner_alone(config_home: Path) -> None:
    told: list[str] = []
    first = load_client_id(told.append)
    assert load_client_id(told.append, lambda: "never-asked") == first
    assert told == []
    assert stat.S_IMODE((config_home / "client-id").stat().st_mode) == 0o600
    assert [path.name for path in config_home.iterdir()] == ["client-id"]


def test_programs_that_start_together_agree() -> None:
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
def test_what_is_no_id_is_replaced(config_home: Path, content: bytes) -> None:
    config_home.mkdir(parents=True)
    (config_home / "client-id").write_bytes(content)
    made = load_client_id(lambda line: None, lambda: "new-client-id")
    assert made == "new-client-id"
    assert (config_home / "client-id").read_text() == "new-client-id"


@pytest.mark.parametrize("hindrance", ["directory is a file", "file is a directory"])
def test_without_a_file_there_is_no_id_and_one_line(config_home: Path, hindrance: str) -> None:
    if hindrance == "directory is a file":
        config_home.parent.mkdir()
        config_home.write_text("")
    else:
        (config_home / "client-id").mkdir(parents=True)
    told: list[str] = []
    assert load_client_id(told.append) is None
    (line,) = told
    assert line.startswith("Cannot save a client ID (")


def test_a_relative_directory_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    assert config_dir() == tmp_path / ".config" / "lingocast"


def test_a_file_that_cannot_be_replaced_stays_as_it_was(config_home: Path) -> None:
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
async def test_the_handshake_names_the_user_or_else_the_client(
    query: str, token: str | None, client_id: str | None, sent: dict[str, list[str]]
) -> None:
    asked: list[str] = []

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request.path)
        await connection.wait_closed()

    async with serving(handle) as url, connect(url + query, token=token, client_id=client_id):
        pass
    assert parse_qs(urlsplit(asked[0]).query) == sent


@pytest.mark.parametrize("client_id", ["", "short", "a" * 65, "with space", "ümlaute-sind-keine"])
async def test_what_is_no_id_is_refused_before_anything_is_sent(client_id: str) -> None:
    with pytest.raises(ValidationError, match="clientId"):
        async with connect("ws://127.0.0.1:1", client_id=client_id):
            pass
