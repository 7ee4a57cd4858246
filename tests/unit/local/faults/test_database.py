"""Faults of requests to DynamoDB."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from local.faults.database import FaultyDatabase
from local.faults.functions import FunctionFaults
from local.faults.injector import FaultInjector
from local.faults.plan import (
    DatabaseAnswerLoss,
    DatabaseDelay,
    DatabaseError,
    DatabaseReset,
    DatabaseThrottle,
    Fault,
    FaultPlan,
    FunctionKill,
)
from local.http.messages import ConnectionDropped, Request, Response
from tests.helpers.virtual_loop import VirtualLoop, run_virtually


class Service:
    """A database that counts what it has applied."""

    def __init__(self, *faults: Fault, busy: bool = True) -> None:
        self.busy = busy
        #: What has happened, in order.
        self.events: list[str] = []
        #: How many workers have been killed.
        self.kills = 0
        self._faults = faults

    @property
    def applied(self) -> int:
        return self.events.count("applied")

    def kill_busy(self, function: str) -> bool:
        self.events.append(f"killed {function}")
        return self.busy

    async def _apply(self, _request: Request) -> Response:
        self.events.append("applied")
        return Response(200, b"done")

    def call(
        self, operation: str = "UpdateItem", content: Mapping[str, object] | None = None
    ) -> tuple[Response, float]:
        """The answer, and the seconds until it came."""
        body = json.dumps(content or {"TableName": "app-dev-sessions"}).encode()
        headers = [(b"x-amz-target", f"DynamoDB_20120810.{operation}".encode())]
        request = Request("POST", "/", headers if operation else [], body)

        async def main(loop: VirtualLoop) -> tuple[Response, float]:
            faults = FaultInjector(FaultPlan(0, self._faults), loop)
            functions = FunctionFaults(self, ["app-dev-control"])
            database = FaultyDatabase(lambda _: self._apply(request), faults, functions)
            answer = database.handle(request)
            found = answer if isinstance(answer, Response) else await answer
            self.kills = faults.occurrences("function-kill")
            return found, asyncio.get_running_loop().time()

        return run_virtually(main)


@pytest.mark.parametrize("error", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_throttled_request_gets_dynamodbs_error(error: str) -> None:
    service = Service(DatabaseThrottle(error=error))  # type: ignore[arg-type]
    answer, _ = service.call()
    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith(f"#{error}")
    assert service.applied == 0


def test_an_error_has_status_500() -> None:
    service = Service(DatabaseError())
    assert service.call()[0].status == 500
    assert service.applied == 0


def test_a_delayed_request_is_applied_late() -> None:
    service = Service(DatabaseDelay(ms=300))
    answer, seconds = service.call()
    assert (answer.body, seconds, service.applied) == (b"done", 0.3, 1)


@pytest.mark.parametrize(("fault", "applied"), [(DatabaseReset(), 0), (DatabaseAnswerLoss(), 1)])
def test_a_reset_comes_before_or_after_the_request_is_applied(fault: Fault, applied: int) -> None:
    service = Service(fault)
    with pytest.raises(ConnectionDropped):
        service.call()
    assert service.applied == applied


@pytest.mark.parametrize("busy", [True, False])
def test_a_function_dies_once_its_request_has_been_applied(busy: bool) -> None:
    service = Service(FunctionKill(function="control", on="database"), busy=busy)
    assert service.call()[0].body == b"done"
    assert service.events == ["applied", "killed app-dev-control"]
    assert service.kills == int(busy)


def test_tables_are_found_in_batches_too() -> None:
    service = Service(DatabaseError(table="sessions"))
    assert service.call("BatchGetItem", {"RequestItems": {"app-dev-sessions": {}}})[0].status == 500
    assert service.call("GetItem", {"TableName": "app-dev-connections"})[0].status == 200


def test_statistics_are_spared() -> None:
    assert Service(DatabaseError()).call("")[0].body == b"done"
