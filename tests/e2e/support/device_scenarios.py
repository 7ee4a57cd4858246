"""Scenarios for the grants of device sync, each with an effect that devices or the bus see."""

from __future__ import annotations

import uuid

from infrastructure.catalogue.function_spec import Resource
from local.gateway.websocket_events import new_id
from tests.e2e.support import message_bus
from tests.e2e.support.devices import (
    Device,
    check_presence,
    device,
    new_user,
    now_ms,
    put_device,
    registered,
)
from tests.e2e.support.grant_scenarios import (
    BATCH_GET,
    DELETE,
    GET,
    INVOKE,
    MANAGE,
    PUT,
    QUERY,
    UPDATE,
    RunningStack,
    Scenario,
    eventually,
)
from tests.helpers.bus import watchlist

MOST_DEVICES = 50
SECRET_VALUE = "secretsmanager:GetSecretValue"


async def sync_message_reaches_the_other_device(stack: RunningStack) -> None:
    user = new_user()
    async with device(stack.clients, user) as one, device(stack.clients, user) as two:
        assert (await one.watch("film"))["applied"] is True
        assert (await two.next_sync_message())["contentId"] == "film"


async def outdated_update_gets_the_current_state(stack: RunningStack) -> None:
    """The reply to an outdated update contains the current state."""
    async with device(stack.clients, new_user()) as one:
        hlc = one.clock()
        await one.watch("film", 5)
        reply = await one.watch("film", 1, hlc=hlc)
        assert reply["type"] == "syncAccepted", reply
        assert reply["current"]["positionSeconds"] == 5


async def connection_becomes_another_device(stack: RunningStack) -> None:
    async with device(stack.clients, new_user()) as one:
        again = await registered(one.wire)
        assert _online(again) == {one.device_id: False, again.device_id: True}


async def newer_connection_wins(stack: RunningStack) -> None:
    user, shared = new_user(), str(uuid.uuid4())
    async with device(stack.clients, user, shared) as old, device(stack.clients, user, shared):
        assert await old.wire.closed() == 1000


async def oldest_device_is_removed_at_the_limit(stack: RunningStack) -> None:
    user = new_user()
    for _ in range(MOST_DEVICES):
        await put_device(stack.operator, user, online=False)
    async with device(stack.clients, user) as one:
        assert len(_online(one)) == MOST_DEVICES


async def presence_check_finds_a_ghost(stack: RunningStack) -> None:
    user = new_user()
    async with device(stack.clients, user) as one:
        ghost = await put_device(stack.operator, user)
        await check_presence(stack.operator)
        await one.wait_for_presence(ghost, online=False)


async def ghost_connection_is_removed(stack: RunningStack) -> None:
    operator, user, connection_id = stack.operator, new_user(), new_id()
    await operator.put_connection(_connection(connection_id, now_ms()))
    async with device(stack.clients, user) as one:
        await put_device(operator, user, connection_id)
        await one.watch("film")

        async def found() -> bool:
            return connection_id not in await operator.connection_ids()

        await eventually(found)


async def request_renews_the_activity(stack: RunningStack) -> None:
    """A request renews the activity of a connection that is older than the renewal interval."""
    operator, now, connection_id = stack.operator, now_ms(), new_id()
    await operator.put_connection(_connection(connection_id, now - 100_000))
    context = {
        "connectionId": connection_id,
        "connectedAt": now - 100_000,
        "requestTimeEpoch": now,
        "authorizer": {"userId": new_user()},
    }
    body = '{"action": "getSyncSnapshot"}'
    await operator.invoke("device_sync", {"requestContext": context, "body": body})
    assert (await operator.connection(connection_id))["lastActivityTime"] == now


async def device_disconnects(stack: RunningStack) -> None:
    user = new_user()
    async with device(stack.clients, user) as one:
        async with device(stack.clients, user) as leaving:
            await one.wait_for_presence(leaving.device_id, online=True)
        await one.wait_for_presence(leaving.device_id, online=False)


async def bus_message_reaches_a_device(stack: RunningStack) -> None:
    user = new_user()
    async with device(stack.clients, user) as one:
        envelope = watchlist(user, str(uuid.uuid4()), now_ms())
        status, _ = await message_bus.send(stack.clients.endpoints, envelope)
        assert status == 200
        assert (await one.next_sync_message())["operation"] == "add"


def _online(registration: Device) -> dict[str, bool]:
    return {item["deviceId"]: item["online"] for item in registration.registered["devices"]}


def _connection(connection_id: str, last_active_at: int) -> dict[str, object]:
    return {
        "connectionId": connection_id,
        "connectedAt": last_active_at,
        "lastActivityTime": last_active_at,
        "activityBucket": "0",
        "expiresAt": last_active_at // 1000 + 3_600,
    }


DEVICE_SCENARIOS: dict[tuple[str, Resource, str], Scenario] = {
    ("disconnect", Resource.DEVICES, QUERY): device_disconnects,
    ("disconnect", Resource.DEVICES, UPDATE): device_disconnects,
    ("device_sync", Resource.DEVICES, BATCH_GET): presence_check_finds_a_ghost,
    ("device_sync", Resource.DEVICES, DELETE): oldest_device_is_removed_at_the_limit,
    ("device_sync", Resource.DEVICES, GET): outdated_update_gets_the_current_state,
    ("device_sync", Resource.DEVICES, PUT): sync_message_reaches_the_other_device,
    ("device_sync", Resource.DEVICES, QUERY): sync_message_reaches_the_other_device,
    ("device_sync", Resource.DEVICES, UPDATE): connection_becomes_another_device,
    ("device_sync", Resource.ONLINE_INDEX, QUERY): presence_check_finds_a_ghost,
    ("device_sync", Resource.CONNECTIONS, BATCH_GET): presence_check_finds_a_ghost,
    ("device_sync", Resource.CONNECTIONS, GET): sync_message_reaches_the_other_device,
    ("device_sync", Resource.CONNECTIONS, UPDATE): request_renews_the_activity,
    ("device_sync", Resource.POST_TO_CONNECTION, MANAGE): sync_message_reaches_the_other_device,
    ("device_sync", Resource.CLOSE_CONNECTION, MANAGE): newer_connection_wins,
    ("device_sync", Resource.DISCONNECT_FUNCTION, INVOKE): ghost_connection_is_removed,
    ("device_sync", Resource.SYNC_SECRET, SECRET_VALUE): bus_message_reaches_a_device,
}
