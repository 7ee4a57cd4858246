"""The DynamoDB tables. Attribute and index names come from `shared.models.schema`."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infrastructure.stage.config import StageConfig
from shared.models import schema


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _number(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)


class Tables:
    """Sessions, connections, announcements and devices, with their indexes.

    Indexes project only keys where queries need no more: each write to a projected attribute is
    billed once more per index.
    """

    def __init__(self, scope: Construct, config: StageConfig) -> None:
        self._scope = scope
        self._config = config

        self.sessions = self._table("Sessions", schema.SESSION_ID)
        # Sparse: a session that ends loses its bucket attribute and leaves the index.
        self.sessions.add_global_secondary_index(
            index_name=schema.ACTIVE_INDEX,
            partition_key=_text(schema.ACTIVE_BUCKET),
            sort_key=_text(schema.SESSION_ID),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )

        self.connections = self._table("Connections", schema.CONNECTION_ID)
        self.connections.add_global_secondary_index(
            index_name=schema.AUDIENCE_INDEX,
            partition_key=_text(schema.SESSION_ID),
            sort_key=_text(schema.SEAT),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.connections.add_global_secondary_index(
            index_name=schema.IDLE_INDEX,
            partition_key=_text(schema.ACTIVITY_BUCKET),
            sort_key=_number(schema.LAST_ACTIVITY_TIME),
            # One more write per join or change of language costs far less than reading every row
            # for an announcement to everyone.
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(schema.PRESENCE),
        )

        self.announcements = self._table("Announcements", schema.ANNOUNCEMENT_KEY)

        self.devices = self._table("Devices", schema.USER_ID, schema.DEVICE_ITEM)
        # Sparse: a disconnected device has no bucket attribute.
        self.devices.add_global_secondary_index(
            index_name=schema.ONLINE_INDEX,
            partition_key=_text(schema.ONLINE_BUCKET),
            sort_key=_text(schema.USER_ID),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )

    def _table(self, construct_id: str, key: str, sort_key: str | None = None) -> dynamodb.Table:
        return dynamodb.Table(
            self._scope,
            construct_id,
            table_name=self._config.resource_name(construct_id.lower()),
            partition_key=_text(key),
            sort_key=_text(sort_key) if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True,
                recovery_period_in_days=self._config.recovery_days,
            ),
            # Encrypted with DynamoDB's own key. A customer key would add KMS requests to the audio
            # path and could be disabled by mistake.
            deletion_protection=self._config.deletion_protection,
            time_to_live_attribute=schema.EXPIRES_AT,
            removal_policy=self._config.removal_policy,
        )
