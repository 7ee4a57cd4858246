"""The stack: creates every resource and connects them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from infrastructure.api.domain import add_domain
from infrastructure.api.http_api import HttpApi
from infrastructure.api.websocket_api import WebSocketApi
from infrastructure.catalogue.function_table import (
    ANNOUNCEMENTS,
    AUTHORIZER,
    BROADCAST,
    DEVICE_SYNC,
    DISCONNECT,
    FUNCTIONS,
    INTERPRETER,
    SESSION_STATUS,
    TIMEOUT,
)
from infrastructure.catalogue.http_routes import HTTP_ROUTES, HttpRouteSpec
from infrastructure.catalogue.routes import ROUTES
from infrastructure.compute.byte_code import CODE_PATH, compile_folder
from infrastructure.compute.functions import FunctionFactory
from infrastructure.compute.layer import RUNTIME, create_layer
from infrastructure.compute.permissions import Permissions
from infrastructure.monitoring.alarms import Alarms
from infrastructure.monitoring.dashboard import Dashboard
from infrastructure.monitoring.metrics import StageMetrics
from infrastructure.monitoring.notification import create_topic
from infrastructure.resources.delivery import Canary, invoked_name
from infrastructure.resources.identity import Identity
from infrastructure.resources.queues import (
    AnnouncementQueue,
    StatusQueue,
    TimerQueue,
    create_lost_events,
)
from infrastructure.resources.schedules import Schedules
from infrastructure.resources.secrets import Secrets
from infrastructure.resources.tables import Tables
from infrastructure.stage.config import DeliveryMode, StageConfig
from shared.models.timers import RECONCILE, STATUS_TICK
from shared.utils import settings


class LingocastStack(cdk.Stack):
    """All resources of one stage."""

    def __init__(
        self,
        scope: Construct,
        config: StageConfig,
        http_routes: Collection[HttpRouteSpec] = HTTP_ROUTES,
    ) -> None:
        super().__init__(
            scope,
            config.stack_name,
            stack_name=config.stack_name,
            description="Lingocast: live multilingual audio broadcast",
            termination_protection=config.deletion_protection,
            # The CDK's command line checks the bootstrap version itself before deploying.
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        tables = Tables(self, config)
        identity = Identity(self, config)
        api = WebSocketApi(self, config)
        secrets = Secrets(self, config)
        timers = TimerQueue(self, config, TIMEOUT.timeout_seconds)
        statuses = StatusQueue(self, config, SESSION_STATUS.timeout_seconds)
        announcements = AnnouncementQueue(self, config, ANNOUNCEMENTS.timeout_seconds)
        lost_events = create_lost_events(self, config)
        # By name, because the roles that mention these functions are created before them.
        broadcast = invoked_name(config, BROADCAST.name)
        disconnect = invoked_name(config, DISCONNECT.name)
        interpreter = invoked_name(config, INTERPRETER.name)
        self._factory = factory = FunctionFactory(
            self,
            config,
            layer=create_layer(self),
            permissions=Permissions(
                tables,
                api,
                timers,
                statuses,
                announcements,
                lost_events_arn=lost_events.queue_arn,
                sync_secret_arn=secrets.sync_id,
                broadcast_arn=self._function_arn(broadcast),
                disconnect_arn=self._function_arn(disconnect),
                interpreter_arn=self._function_arn(interpreter),
            ),
            lost_events_arn=lost_events.queue_arn,
            # The only place that maps resources to the functions' settings.
            settings={
                settings.SESSIONS_TABLE: tables.sessions.table_name,
                settings.CONNECTIONS_TABLE: tables.connections.table_name,
                settings.ANNOUNCEMENTS_TABLE: tables.announcements.table_name,
                settings.ANNOUNCEMENT_QUEUE_URL: announcements.queue.queue_url,
                settings.DEVICES_TABLE: tables.devices.table_name,
                settings.API_GATEWAY_ENDPOINT: api.endpoint,
                settings.TIMER_QUEUE_URL: timers.queue.queue_url,
                settings.STATUS_QUEUE_URL: statuses.queue.queue_url,
                settings.BROADCAST_FUNCTION: broadcast,
                settings.DISCONNECT_HANDLER_FUNCTION: disconnect,
                settings.INTERPRETER_FUNCTION: interpreter,
                settings.WEBSOCKET_URL: api.url,
                settings.TOKEN_ISSUER: identity.issuer,
                settings.TOKEN_CLIENT_ID: identity.client_id,
                settings.SYNC_SECRET_ID: secrets.sync_id,
            },
        )
        functions = {spec: factory.create(spec) for spec in FUNCTIONS}
        api.serve(ROUTES, functions, AUTHORIZER)
        http = HttpApi(self, config, http_routes, functions, identity) if http_routes else None
        timers.feed(functions[TIMEOUT])
        statuses.feed(functions[SESSION_STATUS])
        announcements.feed(functions[ANNOUNCEMENTS])
        schedules = Schedules(self, lost_events)
        schedules.every_minute(functions[TIMEOUT])
        schedules.every_minute(functions[DEVICE_SYNC])
        schedules.every(5, functions[TIMEOUT], given={"task": RECONCILE})
        # Every half minute: the queue delays its message by 30 s.
        schedules.every(1, functions[SESSION_STATUS], statuses.queue, given={"type": STATUS_TICK})
        topic = create_topic(self, config) if config.alarm_topic else None
        metrics = StageMetrics(config, api_id=api.api_id, http_api_id=http.api_id if http else None)
        alarms = Alarms(self, config, metrics, rules=schedules.names, notify=topic)
        if config.delivery is not DeliveryMode.PLAIN:
            Canary(self, config, alarms.all, functions)
        Dashboard(self, config, metrics, alarms, rules=schedules.names)

        # Everything that clients and sign-in need.
        cdk.CfnOutput(self, "Region", value=self.region)
        url = add_domain(self, config.domain, api) if config.domain else api.url
        cdk.CfnOutput(self, "WebSocketUrl", value=url)
        if http:
            cdk.CfnOutput(self, "HttpUrl", value=http.url)
        cdk.CfnOutput(self, "UserPoolId", value=identity.user_pool_id)
        cdk.CfnOutput(self, "UserPoolClientId", value=identity.client_id)
        if topic:
            cdk.CfnOutput(self, "AlarmTopicArn", value=topic)

    def add_byte_code(self, assembly: Path) -> None:
        """Compile the functions' code in the cloud assembly, if it is for a deployment.

        Raises ByteCodeError.
        """
        if self.bundling_required:
            compile_folder(assembly / self._factory.code_folder, CODE_PATH, RUNTIME.name)

    def _function_arn(self, name: str) -> str:
        return self.format_arn(
            service="lambda",
            resource="function",
            resource_name=name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
