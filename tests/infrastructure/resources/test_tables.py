"""The tables. Names are written out here because stored data depends on them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infrastructure.assembly import Assembly

every_table = pytest.mark.parametrize(
    "name", ["sessions", "connections", "announcements", "devices"]
)


def key(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return schema + ([{"AttributeName": sort, "KeyType": "RANGE"}] if sort else [])


def index(name: str, partition: str, sort: str, *included: str) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "INCLUDE" if included else "KEYS_ONLY"}
    if included:
        projection["NonKeyAttributes"] = list(included)
    return {"IndexName": name, "KeySchema": key(partition, sort), "Projection": projection}


def attribute_types(table: dict[str, Any]) -> dict[str, str]:
    return {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}


def test_sessions_are_found_by_id_and_while_active(assembly: Assembly) -> None:
    _, table = assembly.table("sessions")

    assert table["KeySchema"] == key("sessionId")
    assert table["GlobalSecondaryIndexes"] == [index("active", "activeBucket", "sessionId")]
    assert attribute_types(table) == {"sessionId": "S", "activeBucket": "S"}


def test_connections_are_found_by_id_seat_and_idleness(assembly: Assembly) -> None:
    _, table = assembly.table("connections")

    assert table["KeySchema"] == key("connectionId")
    assert table["GlobalSecondaryIndexes"] == [
        index("audience", "sessionId", "seat"),
        index(
            "idle",
            "activityBucket",
            "lastActivityTime",
            *("userId", "connectedAt", "sessionId", "seat", "seatedAt", "replacedAt"),
        ),
    ]
    assert attribute_types(table) == {
        "connectionId": "S",
        "sessionId": "S",
        "seat": "S",
        "activityBucket": "S",
        "lastActivityTime": "N",
    }


def test_announcements_are_found_by_key(assembly: Assembly) -> None:
    _, table = assembly.table("announcements")

    assert table["KeySchema"] == key("announcementKey")
    assert attribute_types(table) == {"announcementKey": "S"}


def test_devices_are_found_by_user_and_while_online(assembly: Assembly) -> None:
    _, table = assembly.table("devices")

    assert table["KeySchema"] == key("userId", "item")
    assert table["GlobalSecondaryIndexes"] == [index("online", "onlineBucket", "userId")]
    assert attribute_types(table) == {"userId": "S", "item": "S", "onlineBucket": "S"}


def test_there_are_no_other_tables(assembly: Assembly) -> None:
    assert len(assembly.of_type("AWS::DynamoDB::Table")) == 4


@every_table
def test_each_table_is_on_demand_restorable_and_expires_rows(assembly: Assembly, name: str) -> None:
    _, table = assembly.table(name)

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
