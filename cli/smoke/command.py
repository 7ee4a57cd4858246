"""The `smoke` command."""

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
from cli.smoke.report import as_json, print_report
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
        float, typer.Option(min=0.6, max=60, help="Seconds of sound to compare.")
    ] = _DEFAULT.seconds,
    chunk_ms: ChunkOption = _DEFAULT.chunk_ms,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds allowed for the whole test.")
    ] = _DEFAULT.timeout_seconds,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Test a running stack, local or deployed: one speaker, two listeners, a few seconds of sound.

    Reports for each step whether it worked, how long it took and, if it failed, what to do. Exits
    with 0 if all steps work, otherwise with 1. A deployed stack requires a token of a user in the
    group `speakers` (docs/operations.md).

    Examples:

    * `python -m cli smoke`
    * `LINGOCAST_TOKEN=… python -m cli smoke --url wss://HOST/STAGE`
    """
    connector = Connector(
        url,
        token,
        token_url,
        user,
        ("speakers",),
        token_command=token_command,
        token_file=token_file,
    )
    plan = Plan(seconds=seconds, chunk_ms=chunk_ms, timeout_seconds=timeout)
    report = asyncio.run(smoke(connector, plan))
    if json_output:
        typer.echo(as_json(report))
    else:
        print_report(report, Console(highlight=False, soft_wrap=True))
    raise typer.Exit(0 if report.ok else 1)
