"""Audio on the running stack: who hears which source as participants come and go."""

from __future__ import annotations

import asyncio
import base64
import json

import boto3
from botocore.config import Config

from local.iam.credentials import LocalCredentials
from local.template.model import AwsEnvironment
from tests.e2e.support.clients import CHUNKS_FOR_BURSTS, StackClients, but_statuses, joined
from tests.helpers.wire import CHUNK, Wire


async def seqs(connection: Wire, count: int) -> list[tuple[str, int]]:
    """The languages and numbers of the next chunks, by number."""
    messages = [await connection.expect("audio") for _ in range(count)]
    return sorted((message["language"], message["seq"]) for message in messages)


async def test_floor_channel_and_fallback(clients: StackClients) -> None:
    async with (
        clients.session(audioFormat=CHUNKS_FOR_BURSTS) as (speaker, session_id),
        clients.interpreter(session_id, "es") as interpreter,
        clients.listener(session_id, "en") as english,
        clients.listener(session_id, "es") as spanish,
        clients.listener(session_id, "fr") as french,
        clients.session(sourceLanguage="de") as (_, other_id),
        clients.listener(other_id, "en") as stranger,
    ):
        for seq in range(5):
            await speaker.send_audio(seq)
            await interpreter.send_audio(100 + seq)
            await asyncio.sleep(0.05)

        floor = [("en", seq) for seq in range(5)]
        assert await seqs(english, 5) == floor
        assert await seqs(french, 5) == floor
        assert await seqs(interpreter, 5) == floor
        assert await seqs(spanish, 5) == [("es", 100 + seq) for seq in range(5)]
        for connection in (speaker, english, french, interpreter, spanish, stranger):
            assert but_statuses(await connection.drained()) == []


async def test_chunk_arrives_byte_for_byte(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "en") as listener,
    ):
        await speaker.send_audio(3, CHUNK, timestamp=42)

        message = await listener.expect("audio")
        assert base64.b64decode(message.pop("audio")) == CHUNK
        assert message == {
            "type": "audio",
            "sessionId": session_id,
            "language": "en",
            "epoch": 1,
            "seq": 3,
            "timestamp": 42,
        }


async def test_interpreter_comes_and_goes(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.listener(session_id, "es") as listener,
    ):
        async with clients.interpreter(session_id, "es"):
            change = await listener.expect("channelSourceChanged")
            assert (change["from"], change["to"], change["epoch"]) == ("floor", "human", 1)
        # The connection closed without leaveSession: $disconnect releases the channel.
        change = await listener.expect("channelSourceChanged")
        assert (change["from"], change["to"]) == ("human", "floor")
        await speaker.send_audio(0)
        assert await seqs(listener, 1) == [("en", 0)]


async def test_language_is_changed_while_listening(clients: StackClients) -> None:
    async with (
        clients.session() as (speaker, session_id),
        clients.interpreter(session_id, "es") as interpreter,
        clients.listener(session_id, "en") as listener,
    ):
        reply = await listener.ask("changeLanguage", targetLanguage="es")
        assert reply["channelSource"] == "human"

        await speaker.send_audio(0)
        await interpreter.send_audio(0)

        assert await seqs(listener, 1) == [("es", 0)]


async def test_owner_comes_back_on_another_connection(clients: StackClients) -> None:
    async with (
        clients.session() as (old, session_id),
        clients.listener(session_id, "en") as listener,
        clients.connection("alice", "speakers") as new,
    ):
        reply = await joined(new, session_id, "en", role="speaker")
        assert reply["epoch"] == 2
        await old.closed()
        assert (await listener.expect("speakerReconnected"))["epoch"] == 2

        await new.send_audio(0)
        assert (await listener.expect("audio"))["epoch"] == 2


async def test_fifty_listeners_all_hear_everything(clients: StackClients) -> None:
    async with clients.session(audioFormat=CHUNKS_FOR_BURSTS) as (speaker, session_id):
        async with asyncio.TaskGroup() as group:
            done = asyncio.Event()
            ready = asyncio.Semaphore(0)

            async def listen() -> list[tuple[str, int]]:
                async with clients.listener(session_id, "en") as listener:
                    ready.release()
                    heard = await seqs(listener, 5)
                    await done.wait()
                    return heard

            tasks = [group.create_task(listen()) for _ in range(50)]
            for _ in tasks:
                await ready.acquire()
            for seq in range(5):
                await speaker.send_audio(seq)
            done.set()
        assert all(task.result() == [("en", seq) for seq in range(5)] for task in tasks)


async def test_the_broadcast_function_can_be_invoked_with_audio(clients: StackClients) -> None:
    async with (
        clients.session() as (_, session_id),
        clients.listener(session_id, "fr") as listener,
    ):
        credentials = LocalCredentials()
        client = boto3.client(
            "lambda",
            endpoint_url=clients.endpoints.lambda_url,
            region_name=AwsEnvironment().region,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )
        payload = {
            "sessionId": session_id,
            "language": "en",
            "epoch": 1,
            "seq": 9,
            "timestamp": 1,
            "audio": base64.b64encode(CHUNK).decode(),
        }
        answer = await asyncio.to_thread(
            client.invoke,
            FunctionName="lingocast-dev-broadcast",
            Payload=json.dumps(payload).encode(),
        )

        result = json.loads(answer["Payload"].read())["result"]
        assert (result["successCount"], result["error"]) == (1, None)
        assert await seqs(listener, 1) == [("en", 9)]
