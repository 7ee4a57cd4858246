"""The local DynamoDB: dynalite in a child process, with the tables of the template.

The tables are on disk while the stack runs. A process that ends unexpectedly is restarted at the
same port with the same tables.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from local.base.errors import StartError
from local.base.loopback import HOST
from local.iam.credentials import LocalCredentials
from local.services import dynalite
from local.services.dynalite import Dynalite
from local.services.dynamodb_client import DatabaseError, DynamoDbClient
from local.template.model import KeyAttribute, Table

_CREATE_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.01
#: Delays before consecutive restarts (s); the first is long enough for an outage to show.
RESTART_DELAYS = (2.0, 4.0, 8.0, 16.0, *(30.0,) * 6)
# After a run of this length (s) the delays start again with the first.
_STABLE_SECONDS = 10.0

Report = Callable[[str], None]


class Database:
    """Keeps dynalite running, at one port for the whole run."""

    def __init__(
        self,
        process: Dynalite,
        reserved: socket.socket,
        restart_delays: Sequence[float],
        report: Report,
    ) -> None:
        self.port: int = reserved.getsockname()[1]
        self._process = process
        # Bound but not listening: while dynalite is away, no other process gets its port and
        # connections are refused at once.
        self._reserved = reserved
        self._restart_delays = restart_delays
        self._report = report
        self._supervision = asyncio.get_running_loop().create_task(self._supervise())

    @classmethod
    async def start(
        cls,
        folder: Path,
        logs: Path,
        *,
        report: Report,
        restart_delays: Sequence[float] = RESTART_DELAYS,
    ) -> Database:
        """Start dynalite over an empty folder, without tables. Raises StartError."""
        reserved = socket.socket()
        try:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((HOST, 0))
            process = await dynalite.start(folder, reserved.getsockname()[1], logs)
        except BaseException:
            reserved.close()
            raise
        return cls(process, reserved, restart_delays, report)

    async def create_tables(
        self, tables: Sequence[Table], region: str, credentials: LocalCredentials
    ) -> None:
        """Create the tables and wait until they are active. Raises StartError."""
        client = DynamoDbClient(self.port, region, credentials)
        try:
            async with asyncio.timeout(_CREATE_TIMEOUT_SECONDS):
                for table in tables:
                    await client.call("CreateTable", create_table_request(table))
                for table in tables:
                    while not await _is_active(client, table.name):  # noqa: ASYNC110 - in another process
                        await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise StartError("the local DynamoDB did not create the tables in time") from None
        except DatabaseError as error:
            raise StartError(f"cannot create the table {table.name}: {error}") from error
        finally:
            client.close()

    async def failed(self) -> str:
        """Wait until the restarts are used up; returns the reason."""
        return await asyncio.shield(self._supervision)

    async def stop(self) -> None:
        """Stop dynalite."""
        self._supervision.cancel()
        await asyncio.gather(self._supervision, return_exceptions=True)
        await self._process.stop()
        self._reserved.close()

    async def _supervise(self) -> str:
        loop = asyncio.get_running_loop()
        started = loop.time()
        delays = iter(self._restart_delays)
        while True:
            status = await self._process.ended()
            if loop.time() - started >= _STABLE_SECONDS:
                delays = iter(self._restart_delays)
            delay = next(delays, None)
            if delay is None:
                log = self._process.log_tail()
                return f"the local DynamoDB ended with {status} again; giving up\n{log}"
            self._report(f"the local DynamoDB ended with {status}; restarting it in {delay:g} s")
            await asyncio.sleep(delay)
            started = loop.time()
            if await self._restart():
                self._report("the local DynamoDB is back with all its data")

    async def _restart(self) -> bool:
        try:
            self._process = await dynalite.start(
                self._process.folder, self.port, self._process.log.parent
            )
        except StartError:
            # The old process has ended, so `ended` returns at once and the next delay follows.
            return False
        return True


async def _is_active(client: DynamoDbClient, table: str) -> bool:
    description = await client.call("DescribeTable", {"TableName": table})
    return bool(description["Table"]["TableStatus"] == "ACTIVE")


def create_table_request(table: Table) -> dict[str, Any]:
    """The CreateTable request for a table of the template."""
    request: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema(table.keys),
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in table.attributes.items()
        ],
    }
    if table.indexes:
        request["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index.name,
                "KeySchema": _schema(index.keys),
                "Projection": {"ProjectionType": index.projection}
                | ({"NonKeyAttributes": list(index.non_key)} if index.non_key else {}),
            }
            for index in table.indexes
        ]
    return request


def _schema(keys: Sequence[KeyAttribute]) -> list[dict[str, str]]:
    return [{"AttributeName": key.name, "KeyType": key.kind} for key in keys]
