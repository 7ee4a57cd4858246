"""The tables: dynalite in a process of its own, with what the template defines in it.

What the tables hold is on disk while the stack runs: a process that ends unasked is started again
at the same port, and finds it there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.base.errors import StartError
from local.base.loopback import HOST
from local.iam.credentials import LocalCredentials
from local.services import dynalite
from local.services.dynalite import Dynalite
from local.services.dynamodb_calls import DatabaseError, DynamoDbCalls
from local.template.model import KeyAttribute, Table

_CREATE_TIMEOUT_SECONDS = 30.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Restarts:
    """When a process that ended is started again (s): never at once, so that an outage shows.

    The delay doubles from `first` to `last` while the process keeps ending within `stable` after
    its start, and that happens `most` times before the stack gives up.
    """

    first: float = 2.0
    last: float = 30.0
    stable: float = 10.0
    most: int = 10

    def delay(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return min(self.last, self.first * 2.0**failures)


class Database:
    """A dynalite that is kept running, at one port for the whole run."""

    def __init__(
        self, process: Dynalite, reserved: socket.socket, restarts: Restarts, report: Report
    ) -> None:
        self.port: int = reserved.getsockname()[1]
        self._process = process
        # Bound but not listening: while dynalite is away nobody else gets its port, and whoever
        # calls is refused at once.
        self._reserved = reserved
        self._restarts = restarts
        self._report = report
        self._supervision = asyncio.get_running_loop().create_task(self._supervise())

    @classmethod
    async def start(
        cls, folder: Path, logs: Path, *, report: Report, restarts: Restarts | None = None
    ) -> Database:
        """Start dynalite over an empty folder, with no tables in it. Raises StartError."""
        reserved = socket.socket()
        try:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((HOST, 0))
            process = await dynalite.start(folder, reserved.getsockname()[1], logs)
        except BaseException:
            reserved.close()
            raise
        return cls(process, reserved, restarts or Restarts(), report)

    async def create(
        self, tables: Sequence[Table], region: str, credentials: LocalCredentials
    ) -> None:
        """Create the tables with their indexes. Raises StartError."""
        calls = DynamoDbCalls(self.port, region, credentials)
        try:
            async with asyncio.timeout(_CREATE_TIMEOUT_SECONDS):
                for table in tables:
                    await calls.call("CreateTable", create_table_request(table))
        except TimeoutError:
            raise StartError("the local DynamoDB did not create the tables in time") from None
        except DatabaseError as error:
            raise StartError(f"cannot create the table {table.name}: {error}") from error
        finally:
            calls.close()

    async def failed(self) -> str:
        """Wait until it cannot be kept running any more; says why."""
        return await asyncio.shield(self._supervision)

    async def stop(self) -> None:
        """End it."""
        self._supervision.cancel()
        await asyncio.gather(self._supervision, return_exceptions=True)
        await self._process.stop()
        self._reserved.close()

    async def _supervise(self) -> str:
        loop = asyncio.get_running_loop()
        started = loop.time()
        failures = 0
        while True:
            how = await self._process.ended()
            if loop.time() - started >= self._restarts.stable:
                failures = 0
            if failures >= self._restarts.most:
                log = self._process.log_tail()
                return f"the local DynamoDB ended with {how} again, and stays away\n{log}"
            delay = self._restarts.delay(failures)
            self._report(f"the local DynamoDB ended with {how}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            started = loop.time()
            failures += 1
            if await self._restarted():
                self._report("the local DynamoDB is back, with everything that was in it")

    async def _restarted(self) -> bool:
        try:
            self._process = await dynalite.start(
                self._process.folder, self.port, self._process.log.parent
            )
        except StartError:
            # Its `ended` tells at once that it is not there, and the next delay is longer.
            return False
        return True


def create_table_request(table: Table) -> dict[str, Any]:
    """What CreateTable wants to know, which CloudFormation says in the same words."""
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
