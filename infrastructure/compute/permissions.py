"""IAM statements: each Grant is one statement with exact actions on exact resources.

The CDK's own `grant_*` methods allow more: every index, Scan, DescribeTable.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from infrastructure.api.websocket_api import WebSocketApi
from infrastructure.catalogue.function_spec import Grant, Resource
from infrastructure.resources.queues import AnnouncementQueue, StatusQueue, TimerQueue
from infrastructure.resources.tables import Tables
from shared.models import schema

# The resource ARN ends with the HTTP method, so one action covers posting and closing:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
_MANAGE_CONNECTIONS = ("execute-api:ManageConnections",)


class Permissions:
    """Converts grants to IAM policy statements."""

    def __init__(
        self,
        tables: Tables,
        api: WebSocketApi,
        timers: TimerQueue,
        statuses: StatusQueue,
        announcements: AnnouncementQueue,
        *,
        lost_events_arn: str,
        sync_secret_arn: str,
        broadcast_arn: str,
        disconnect_arn: str,
        interpreter_arn: str,
    ) -> None:
        sessions = tables.sessions.table_arn
        connections = tables.connections.table_arn
        devices = tables.devices.table_arn
        self._arns = {
            Resource.SESSIONS: sessions,
            Resource.ACTIVE_INDEX: f"{sessions}/index/{schema.ACTIVE_INDEX}",
            Resource.CONNECTIONS: connections,
            Resource.AUDIENCE_INDEX: f"{connections}/index/{schema.AUDIENCE_INDEX}",
            Resource.IDLE_INDEX: f"{connections}/index/{schema.IDLE_INDEX}",
            Resource.ANNOUNCEMENTS: tables.announcements.table_arn,
            Resource.DEVICES: devices,
            Resource.ONLINE_INDEX: f"{devices}/index/{schema.ONLINE_INDEX}",
            Resource.POST_TO_CONNECTION: api.execute_arn(Resource.POST_TO_CONNECTION.value),
            Resource.CLOSE_CONNECTION: api.execute_arn(Resource.CLOSE_CONNECTION.value),
            Resource.TIMER_QUEUE: timers.queue.queue_arn,
            Resource.STATUS_QUEUE: statuses.queue.queue_arn,
            Resource.ANNOUNCEMENT_QUEUE: announcements.queue.queue_arn,
            Resource.LOST_EVENTS: lost_events_arn,
            Resource.SYNC_SECRET: sync_secret_arn,
            Resource.BROADCAST_FUNCTION: broadcast_arn,
            Resource.DISCONNECT_FUNCTION: disconnect_arn,
            Resource.INTERPRETER_FUNCTION: interpreter_arn,
            Resource.NO_RESOURCE: Resource.NO_RESOURCE.value,
        }

    def of(self, grants: tuple[Grant, ...]) -> list[iam.PolicyStatement]:
        """One statement per grant."""
        return [
            iam.PolicyStatement(
                actions=list(grant.actions or _MANAGE_CONNECTIONS),
                resources=[self._arns[grant.resource]],
            )
            for grant in grants
        ]

    def to_log(self, log_group: logs.LogGroup) -> iam.PolicyStatement:
        """Permission to write to one log group, where each execution environment has a stream.

        CreateLogGroup is omitted: the group exists, and a group made by a function never expires.
        """
        return iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[
                Stack.of(log_group).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=f"{log_group.log_group_name}:log-stream:*",
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
        )
