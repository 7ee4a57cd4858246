"""The whole stack in one object: started in order, stopped in reverse."""

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
from local.gateway.connections import Connections
from local.gateway.http import HttpGateway
from local.gateway.throttles import Throttles
from local.gateway.websocket import Gateway
from local.iam.credentials import LocalCredentials
from local.identity.cognito_issuer import DEFAULT_LIFETIME_SECONDS
from local.overrides import LOCAL_SETTINGS
from local.runtime import live_code
from local.runtime.functions import Functions, build_pools
from local.runtime.live_code import LiveCode
from local.services.access import Access
from local.services.aws_services import AwsServices
from local.services.database import Database
from local.services.dynamodb_calls import DynamoDbCalls
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
    """How to run. `template` None synthesizes `stage` first; `warm` None is up to the functions.

    `reload` follows changes of the code, which is in `source` if a template is given.

    `settings` are of the functions, by environment name; they count when it synthesizes, before
    those of every local run. `endpoints` are where services are that this stack has not, by the
    names that boto3 reads them by.

    Rules come round every `schedule_seconds`, whatever their own periods. Tokens last for
    `token_seconds`, unless somebody asks for others. API Gateway's throttling is imitated with
    limits `throttle_factor` times those of the stage and the account; 0 is none.
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


class LocalStack:
    """Runs one stack in the current event loop, which must be the main thread's."""

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
        # One line each about what goes wrong, or right again, while the stack runs.
        self._report = report
        self._clock = clock or SystemClock()
        self._credentials = LocalCredentials()
        self._cleanup = AsyncExitStack()
        self._database: Database | None = None
        #: Who may do what; None before `start`.
        self.access: Access | None = None
        self.logs: Path | None = None

    async def start(self) -> Endpoints:
        """Start everything; returns when every function has a warm worker.

        Raises LocalError, after it has stopped what was started.
        """
        processes.require_linux()
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything: clients first, then functions, then what they call."""
        await self._cleanup.aclose()

    async def failed(self) -> str:
        """Wait for something to end that cannot be had again; says what."""
        assert self._database is not None
        return await self._database.failed()

    async def _start(self) -> Endpoints:
        options = self._options
        # First: a port that is taken shall not be found out after everything else has started.
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
        live = self._live_code(stack, state)
        if live is not None:
            stack = live.stack
        create = database.create(stack.tables, stack.aws.region, self._credentials)
        await self._timed("tables", create)
        self._expire(stack, database)

        connections, functions = Connections(), Functions()
        self.access = access = Access(
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
        )
        self._cleanup.callback(services.close)
        addresses = await services.open(
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
                **await services.guard(options.endpoints),
            },
            logs=logs,
            warm=options.warm,
            clock=self._clock,
        )
        self._cleanup.push_async_callback(functions.stop)
        await self._timed(f"{len(pools)} functions", functions.start(pools))
        self._poll(stack, queues, functions)
        self._schedule(stack, queues, functions)
        if live is not None:
            self._cleanup.callback(live.follow(functions, self._report))

        # Last, so that nobody gets in before everything is ready.
        gateway = Gateway(stack, connections, functions, self._clock, throttles=throttles)
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
        """What follows changes of the code, unless that is off or nobody knows its source."""
        options = self._options
        if not options.reload:
            return None
        if options.source is not None:
            return live_code.of_folder(stack, options.source, state)
        return live_code.of_repository(stack, state) if options.template is None else None

    async def _start_database(self, state: StateDir, logs: Path) -> Database:
        starting = Database.start(state.fresh_folder("tables"), logs, report=self._report)
        self._database = database = await self._timed("database", starting)
        self._cleanup.push_async_callback(database.stop)
        return database

    def _expire(self, stack: Stack, database: Database) -> None:
        """Let rows end whose time to live is over."""
        calls = DynamoDbCalls(database.port, stack.aws.region, self._credentials)
        self._cleanup.callback(calls.close)
        expiry = Expiry(stack.tables, calls, self._clock)
        self._cleanup.push_async_callback(expiry.stop)
        expiry.start()

    def _poll(self, stack: Stack, queues: Mapping[str, MessageQueue], functions: Functions) -> None:
        """Let messages invoke functions, which are there before and after."""
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

    def _schedule(
        self, stack: Stack, queues: Mapping[str, MessageQueue], functions: Functions
    ) -> None:
        """Let rules run by the clock."""
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
        """Open the HTTP API, if there is one; what clients append paths to."""
        api = stack.http
        if api is None:
            return None
        gateway = HttpGateway(api, stack.aws, functions, services.verifier, self._clock)
        server = await gateway.listen(self._port_after(2))
        self._cleanup.callback(server.close)
        return f"http://{HOST}:{server.port}{gateway.base_path}"

    def _port_after(self, number: int) -> int:
        """So many after the WebSocket API's, where clients look for it; or any, like that."""
        port = self._options.port
        return port + number if 0 < port <= 65_535 - number else 0

    async def _timed(self, what: str, work: Awaitable[T]) -> T:
        started = time.perf_counter()
        result = await work
        self._progress(f"{what:<12} {time.perf_counter() - started:5.2f} s")
        return result
