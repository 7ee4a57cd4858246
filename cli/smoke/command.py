"""The command line's `smoke`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from cli.options import (
    DEFAULT_URL,
    ChunkOption,
    Connector,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
)
from cli.smoke.report import as_json, show
from cli.smoke.run import Plan, smoke

_DEFAULT = Plan()


def smoke_command(
    *,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
    seconds: Annotated[
        float, typer.Option(min=0.6, max=60, help="Seconds of sound that are compared.")
    ] = _DEFAULT.seconds,
    chunk_ms: ChunkOption = _DEFAULT.chunk_ms,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds that all of it may take.")
    ] = _DEFAULT.timeout_seconds,
    machine: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Try a running stack, local or deployed: one speaker, two listeners, a few seconds of sound.

    Tells for each step whether it worked, how long it took, and if not, what to do. The exit
    status is 0 if everything works, else 1. A deployed stack needs a token of a user in the group
    `speakers` (docs/operations.md).

    Examples:

    * `python -m cli smoke`
    * `LINGOCAST_TOKEN=… python -m cli smoke --url wss://HOST/STAGE`
    """
    access = Connector(
        url,
        token,
        token_url,
        user,
        ("speakers",),
        token_command=token_command,
        token_file=token_file,
    )
    plan = Plan(seconds=seconds, chunk_ms=chunk_ms, timeout_seconds=timeout)
    report = asyncio.run(smoke(access, plan))
    if machine:
        typer.echo(as_json(report))
    else:
        show(report, Console(highlight=False, soft_wrap=True))
    raise typer.Exit(0 if report.ok else 1)
