"""The tables: dynalite in a process of its own, with what the template defines in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import processes
from local.addresses import HOST
from local.credentials import LocalCredentials
from local.errors import StartError
from local.model import KeyAttribute, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SCRIPT = Path(__file__).with_name("dynalite.mjs")
_START_TIMEOUT_SECONDS = 30.0
_CREATE_TIMEOUT_SECONDS = 30.0


class Database:
    """A running dynalite."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.port = port
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, logs: Path) -> Database:
        """Start dynalite with no tables in it. Raises StartError."""
        log = logs / "dynalite.log"
        with log.open("ab") as stderr:
            process = await processes.spawn(
                (processes.node_binary(), str(_SCRIPT)),
                environment={"PATH": os.defpath},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_SECONDS)
            port = int(line)
        except (TimeoutError, ValueError) as error:
            await processes.kill(process)
            raise StartError(
                "the local DynamoDB did not start; `make setup` installs what it needs\n"
                + processes.log_tail(log)
            ) from error
        except BaseException:
            processes.signal_group(process)
            raise
        return cls(process, port, log)

    async def create(
        self, tables: Sequence[Table], region: str, credentials: LocalCredentials
    ) -> None:
        """Create the tables with their indexes. Raises StartError."""
        endpoint = f"http://{HOST}:{self.port}"
        work = asyncio.to_thread(_create, endpoint, tables, region, credentials)
        try:
            await asyncio.wait_for(work, _CREATE_TIMEOUT_SECONDS)
        except TimeoutError:
            raise StartError("the local DynamoDB did not create the tables in time") from None

    async def ended(self) -> str:
        """Wait for the end that should not come before `stop`; says why it came."""
        status = await self._process.wait()
        return f"the local DynamoDB ended with {status}\n{processes.log_tail(self._log)}"

    async def stop(self) -> None:
        """End it; what the tables hold is gone."""
        await processes.kill(self._process)


def _create(
    endpoint: str, tables: Sequence[Table], region: str, credentials: LocalCredentials
) -> None:
    # Imported here: it takes a fifth of a second, and this runs beside other work.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    client: DynamoDBClient = boto3.Session(
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        region_name=region,
    ).client(
        "dynamodb",
        endpoint_url=endpoint,
        config=Config(connect_timeout=5, read_timeout=10, proxies={}, retries={"max_attempts": 1}),
    )
    for table in tables:
        try:
            client.create_table(**create_table_request(table))
        except (BotoCoreError, ClientError) as error:
            raise StartError(f"cannot create the table {table.name}: {error}") from error


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
