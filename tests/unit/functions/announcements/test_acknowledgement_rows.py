"""Lifetime of acknowledgements in the table."""

from __future__ import annotations

import pytest

from shared.models.connection import CONNECTION_LIFETIME_MS
from tests.helpers.database.tables import ANNOUNCEMENTS, dynamodb
from tests.helpers.world import World


@pytest.mark.parametrize(
    ("client_id", "seconds"),
    [(None, CONNECTION_LIFETIME_MS // 1000), ("a-client-of-lena", 30 * 24 * 3600)],
)
def test_an_acknowledgement_lives_as_long_as_its_reader_can_return(
    world: World, client_id: str | None, seconds: int
) -> None:
    operator = world.connect("olga", "operators")
    announced = world.ask(operator, "announce", scope="all", message="Lunch")
    reader = world.connect(client_id=client_id)
    identifier = announced["announcementId"]

    world.ask(reader, "acknowledgeAnnouncement", announcementId=identifier)

    rows = dynamodb().scan(TableName=ANNOUNCEMENTS)["Items"]
    (row,) = [row for row in rows if row["announcementKey"]["S"].startswith("ack#")]
    lasts = int(row["expiresAt"]["N"]) - world.clock.now_ms() // 1000
    assert lasts == seconds
