"""Stacks for `benchmarks.shards`: real functions that post to a server responding at once.

The rest is unchanged: AWS's runtime client, Invoke, the session and the roster.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from websockets.sync.client import connect

from benchmarks.cpu_time import children, command_line, cpu_seconds, descendants
from benchmarks.instant_server import plain_server
from benchmarks.speaker import speaker_token
from local.endpoints import Endpoints
from local.gateway.websocket_events import new_id
from local.iam.credentials import LocalCredentials
from local.launch import UNTHROTTLED, launch
from shared.data_access.connections_repository import ConnectionsRepository
from shared.data_access.sessions_repository import SessionsRepository
from shared.data_access.table import Table
from shared.models import schema
from shared.models.connection import Connection, Membership, Seat

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

REGION = "eu-central-1"
STAGE = "dev"
SESSIONS_TABLE = f"lingocast-{STAGE}-sessions"
CONNECTIONS_TABLE = f"lingocast-{STAGE}-connections"
AUDIO_PROCESSOR = f"lingocast-{STAGE}-audio-processor"
CHUNK_MS = 200
AUDIO = base64.b64encode(bytes(range(256)) * 25).decode()  # 200 ms of 16 kHz PCM
#: Part of the command line that identifies a function's process.
KINDS = {"audio_processor": "lambda.audio_processor", "broadcast": "lambda.broadcast"}


class Chunk(NamedTuple):
    """Duration of a chunk, and whether all posts were sent before its deadline of 400 ms."""

    taken_ms: float
    complete: bool


@dataclass
class Stack:
    """A running stack with a session, and the sink that receives its posts."""

    pid: int
    sink_url: str
    sink_pid: int
    functions: LambdaClient
    connections: ConnectionsRepository
    session_id: str
    speaker_id: str
    seq: int = 0
    listeners: int = 0

    def seat_listeners(self, count: int) -> None:
        """Add rows to the connections table until the session has `count` listeners."""
        now = int(time.time() * 1_000)
        membership = Membership(self.session_id, Seat("listener", "en"))

        def seat(_: int) -> None:
            connection_id = new_id()
            self.connections.register(Connection(connection_id, None, now, now))
            self.connections.take_seat(connection_id, membership, now_ms=now)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(seat, range(count - self.listeners)))
        self.listeners = count

    def send_chunk(self) -> Chunk:
        """Invoke the audio processor with a chunk. Raises RuntimeError if it fails."""
        event = json.dumps(self._event()).encode()
        posts, started_at = self._posts(), time.perf_counter()
        response = self.functions.invoke(FunctionName=AUDIO_PROCESSOR, Payload=event)
        taken_ms = (time.perf_counter() - started_at) * 1_000
        if response.get("FunctionError"):
            raise RuntimeError(response["Payload"].read().decode())
        complete = self._posts() - posts == self.listeners
        # Keep real time, like a speaker.
        time.sleep(max(0.0, (CHUNK_MS - taken_ms) / 1_000))
        return Chunk(taken_ms, complete)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by kind of process."""
        spent = dict.fromkeys(KINDS, 0.0)
        for pid in descendants(self.pid):
            command = command_line(pid)
            for kind, part in KINDS.items():
                if part in command:
                    spent[kind] += cpu_seconds(pid)
        others = cpu_seconds(self.pid) - sum(spent.values())
        return {**spent, "rest of the stack": others, "sink": cpu_seconds(self.sink_pid)}

    def _event(self) -> dict[str, Any]:
        now = int(time.time() * 1_000)
        self.seq += 1
        body = {"action": "sendAudio", "seq": self.seq, "timestamp": now, "audio": AUDIO}
        context = {
            "routeKey": "sendAudio",
            "connectionId": self.speaker_id,
            "connectedAt": now,
            "requestTimeEpoch": now,
            "authorizer": {"userId": "bench", "groups": "speakers"},
        }
        return {"requestContext": context, "body": json.dumps(body), "isBase64Encoded": False}

    def _posts(self) -> int:
        with urllib.request.urlopen(self.sink_url, timeout=5) as answer:
            return int(answer.read())


@contextmanager
def running(template: Path, shard_size: int) -> Iterator[Stack]:
    """Run a stack that posts to its own sink, with a session without listeners."""
    with plain_server() as (sink_url, sink_pid):
        changed = template.with_name(template.name.replace("dev", f"dev{shard_size}", 1))
        assets = template.name.replace(".template.", ".assets.")
        (template.parent / assets.replace("dev", f"dev{shard_size}", 1)).write_text(
            (template.parent / assets).read_text()
        )
        changed.write_text(json.dumps(_with_sink(template, sink_url, shard_size)))
        before = children(os.getpid())
        with launch(
            verify_signatures=False, extra_args=(f"--template={changed}", *UNTHROTTLED)
        ) as endpoints:
            (pid,) = children(os.getpid()) - before
            url = f"{endpoints.websocket_url}?token={speaker_token(endpoints)}"
            # Keep the speaker connected: without it the session would end.
            with connect(url, compression=None) as speaker:
                speaker.send(json.dumps({"action": "createSession", "sourceLanguage": "en"}))
                session_id = json.loads(speaker.recv(30))["sessionId"]
                yield _with_session(endpoints, pid, sink_url, sink_pid, session_id)


def _with_sink(template: Path, sink_url: str, shard_size: int) -> dict[str, Any]:
    """The template with the sink and shard size in the settings of the sending functions."""
    content: dict[str, Any] = json.loads(template.read_text())
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            if "BROADCAST_FUNCTION" in variables:
                variables |= {"API_GATEWAY_ENDPOINT": sink_url, "SHARD_SIZE": str(shard_size)}
    return content


def _with_session(
    endpoints: Endpoints, pid: int, sink_url: str, sink_pid: int, session_id: str
) -> Stack:
    credentials = LocalCredentials()
    keys: dict[str, Any] = {
        "region_name": REGION,
        "aws_access_key_id": credentials.access_key,
        "aws_secret_access_key": credentials.secret_key,
        "aws_session_token": credentials.token,
    }
    database = boto3.client("dynamodb", endpoint_url=endpoints.dynamodb_url, **keys)
    sessions = SessionsRepository(Table(database, SESSIONS_TABLE, schema.SESSION_ID))
    session = sessions.get(session_id)
    assert session is not None
    return Stack(
        pid=pid,
        sink_url=sink_url,
        sink_pid=sink_pid,
        functions=boto3.client(
            "lambda",
            endpoint_url=endpoints.lambda_url,
            config=Config(retries={"total_max_attempts": 1}),
            **keys,
        ),
        connections=ConnectionsRepository(Table(database, CONNECTIONS_TABLE, schema.CONNECTION_ID)),
        session_id=session_id,
        speaker_id=session.speaker_connection_id,
    )
