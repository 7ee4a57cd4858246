"""The local stack: starts all parts in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from local.base import loopback, processes
from local.base.loopback import HOST
from local.base.state_dir import StateDir
from local.base.tasks import wait_for_all
from local.endpoints import Endpoints
from local.faults import fault_file
from local.faults.injector import FaultInjector
from local.faults.invocations import FaultyInvoker
from local.faults.plan import FaultPlan
from local.faults.sockets import SocketFaults
from local.gateway.connections import Connections
from local.gateway.http import HttpGateway
from local.gateway.throttles import Throttles
from local.gateway.websocket import Gateway
from local.iam.credentials import LocalCredentials
from local.identity.cognito_issuer import DEFAULT_LIFETIME_SECONDS
from local.overrides import LOCAL_SETTINGS
from local.runtime import live_code
from local.runtime.functions import Functions, build_pools
from local.runtime.invocation import Invoker
from local.runtime.live_code import LiveCode
from local.services.access_control import AccessControl
from local.services.aws_services import AwsServices
from local.services.database import Database
from local.services.dynamodb_client import DynamoDbClient
from local.services.expiry import Expiry
from local.services.queues import MessageQueue, build_queues
from local.template import stack_reader, synthesis
from local.template.model import Stack
from local.triggers.queue_pollers import QueuePollers
from local.triggers.schedules import Schedules
from shared.utils.clock import Clock, SystemClock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one run.

    - `template`: None synthesizes `stage` first.
    - `reload`: follow changes of the code, which is in `source` if there is a `template`.
    - `warm`: warm workers per function; None depends on the function.
    - `settings`: settings of the functions by environment name, used for synthesis; they override
      the local defaults.
    - `endpoints`: endpoints of services that the stack does not have, by the names of boto3's
      variables.
    - `schedule_seconds`: period of all scheduled rules, instead of their own.
    - `token_seconds`: default lifetime of tokens.
    - `throttle_factor`: multiplies API Gateway's limits of the stage and the account; 0 disables
      throttling.
    - `faults`: faults to inject, which can be replaced while the stack runs; None injects none and
      leaves their code out.
    """

    port: int = 0
    stage: str = "dev"
    template: Path | None = None
    reload: bool = True
    source: Path | None = None
    verify_signatures: bool = True
    warm: int | None = None
    state: Path = synthesis.ROOT / ".local"
    settings: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    schedule_seconds: float | None = None
    token_seconds: int = DEFAULT_LIFETIME_SECONDS
    throttle_factor: float = 1.0
    faults: FaultPlan | None = None


class LocalStack:
    """Runs one stack in the current event loop, which must be that of the main thread."""

    def __init__(
        self,
        options: Options,
        *,
        progress: Callable[[str], None] = lambda _line: None,
        report: Callable[[str], None] = lambda _line: None,
        clock: Clock | None = None,
    ) -> None:
        self._options = options
        self._progress = progress
        # Called with one line for each failure and recovery while the stack runs.
        self._report = report
        self._clock = clock or SystemClock()
        self._credentials = LocalCredentials()
        self._cleanup = AsyncExitStack()
        self._database: Database | None = None
        #: Access control of the services; None before `start`.
        self.access: AccessControl | None = None
        self.logs: Path | None = None
        #: Injects faults; None without a plan in the options and before `start`.
        self.faults: FaultInjector | None = None

    async def start(self) -> Endpoints:
        """Start all parts; returns when every function has a warm worker.

        Raises LocalError after stopping the parts that were started.
        """
        processes.require_linux()
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all parts: clients first, then functions, then the services that they call."""
        await self._cleanup.aclose()
        if self.faults is not None:
            for line in self.faults.report():
                self._report(line)
            self.faults = None

    async def failed(self) -> str:
        """Wait for a failure that ends the stack; returns the reason."""
        assert self._database is not None
        return await self._database.failed()

    async def _start(self) -> Endpoints:
        options = self._options
        # First, so that a taken port fails before the slow parts start.
        sockets = loopback.bind(options.port)
        for socket in sockets:
            self._cleanup.callback(socket.close)
        websocket_port = sockets[0].getsockname()[1]
        state = StateDir.acquire(options.state)
        self._cleanup.callback(state.close)
        self.logs = logs = state.fresh_logs()
        loop = asyncio.get_running_loop()
        starting = loop.create_task(self._start_database(state, logs))
        loading = loop.create_task(self._timed("template", self._load(state)))
        await wait_for_all(starting, loading)
        database, stack = starting.result(), loading.result()
        if options.faults is not None:
            fault_file.check(options.faults, stack)
            self.faults = FaultInjector(options.faults, self._clock)
        live = self._live_code(stack, state)
        if live is not None:
            stack = live.stack
        create = database.create_tables(stack.tables, stack.aws.region, self._credentials)
        await self._timed("tables", create)
        self._start_expiry(stack, database)

        connections, functions = Connections(), Functions()
        self.access = access = AccessControl(
            stack, self._clock, verify=options.verify_signatures, report=self._report
        )
        access.check_event_sources()
        queues = build_queues(stack.queues, self._clock)
        throttles = Throttles(stack.websocket, self._clock, options.throttle_factor)
        services = AwsServices(
            stack,
            access,
            self._clock,
            token_seconds=options.token_seconds,
            throttles=throttles,
            faults=self.faults,
        )
        self._cleanup.callback(services.close)
        addresses = await services.start(
            connections,
            functions,
            queues,
            dynamodb_port=database.port,
            token_port=self._port_after(1),
            websocket_port=websocket_port,
        )
        pools = build_pools(
            stack.functions,
            variables={
                name: addresses.localize(stack, function.environment)
                | access.credentials(name).environment()
                for name, function in stack.functions.items()
            },
            shared={
                **addresses.shared_environment(stack),
                **await services.start_proxies(options.endpoints),
            },
            logs=logs,
            warm=options.warm,
            clock=self._clock,
        )
        self._cleanup.push_async_callback(functions.stop)
        await self._timed(f"{len(pools)} functions", functions.start(pools))
        self._start_pollers(stack, queues, functions)
        self._start_schedules(stack, queues, functions)
        if live is not None:
            self._cleanup.callback(live.start_reloading(functions, self._report))

        # Last, so that clients connect only when all parts are ready.
        invoker: Invoker = functions
        if self.faults is not None:
            invoker = FaultyInvoker(functions, self.faults, SocketFaults(connections))
        gateway = Gateway(stack, connections, invoker, self._clock, throttles=throttles)
        self._cleanup.push_async_callback(gateway.stop)
        http_url = await self._serve_http(stack, services, functions)
        await gateway.listen(*sockets)
        return Endpoints(
            websocket_url=f"ws://{HOST}:{websocket_port}/{stack.websocket.stage}",
            management_url=addresses.management_url(stack),
            token_url=addresses.token_url if stack.user_pool else None,
            lambda_url=addresses.lambda_url,
            dynamodb_url=addresses.dynamodb_url,
            http_url=http_url,
            sqs_url=addresses.sqs_url,
            secrets_url=addresses.secrets_url,
        )

    async def _load(self, state: StateDir) -> Stack:
        path = self._options.template
        if path is None:
            path = await synthesis.synthesize(
                state.assembly,
                self._options.stage,
                settings={**LOCAL_SETTINGS, **self._options.settings},
            )
        return stack_reader.read_stack(path)

    def _live_code(self, stack: Stack, state: StateDir) -> LiveCode | None:
        """The code to reload; None if reloading is off or the source is unknown."""
        options = self._options
        if not options.reload:
            return None
        if options.source is not None:
            return live_code.from_folder(stack, options.source, state)
        return live_code.from_repository(stack, state) if options.template is None else None

    async def _start_database(self, state: StateDir, logs: Path) -> Database:
        starting = Database.start(state.fresh_folder("tables"), logs, report=self._report)
        self._database = database = await self._timed("database", starting)
        self._cleanup.push_async_callback(database.stop)
        return database

    def _start_expiry(self, stack: Stack, database: Database) -> None:
        """Start deleting expired rows."""
        client = DynamoDbClient(database.port, stack.aws.region, self._credentials)
        self._cleanup.callback(client.close)
        expiry = Expiry(stack.tables, client, self._clock)
        self._cleanup.push_async_callback(expiry.stop)
        expiry.start()

    def _start_pollers(
        self, stack: Stack, queues: Mapping[str, MessageQueue], functions: Functions
    ) -> None:
        """Start invoking functions with messages; functions start earlier and stop later."""
        sources = QueuePollers(
            stack.event_source_mappings,
            queues,
            functions,
            region=stack.aws.region,
            clock=self._clock,
            report=self._report,
        )
        self._cleanup.push_async_callback(sources.stop)
        sources.start()

    def _start_schedules(
        self, stack: Stack, queues: Mapping[str, MessageQueue], functions: Functions
    ) -> None:
        """Start the scheduled rules."""
        schedules = Schedules(
            stack.schedules,
            functions,
            queues,
            aws=stack.aws,
            clock=self._clock,
            report=self._report,
            period_seconds=self._options.schedule_seconds,
        )
        self._cleanup.push_async_callback(schedules.stop)
        schedules.start()

    async def _serve_http(
        self, stack: Stack, services: AwsServices, functions: Functions
    ) -> str | None:
        """Serve the HTTP API, if there is one; returns its base URL."""
        api = stack.http
        if api is None:
            return None
        gateway = HttpGateway(api, stack.aws, functions, services.verifier, self._clock)
        server = await gateway.listen(self._port_after(2))
        self._cleanup.callback(server.close)
        return f"http://{HOST}:{server.port}{gateway.base_path}"

    def _port_after(self, number: int) -> int:
        """The WebSocket API's port plus `number`, which clients expect; 0 if that is a free one."""
        port = self._options.port
        return port + number if 0 < port <= 65_535 - number else 0

    async def _timed(self, what: str, work: Awaitable[T]) -> T:
        started = time.perf_counter()
        result = await work
        self._progress(f"{what:<12} {time.perf_counter() - started:5.2f} s")
        return result
