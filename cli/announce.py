"""The command line's `announce`: what an operator tells everyone."""

from __future__ import annotations

import functools
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from cli import notices
from cli.announce_options import TranslateOption, Weight, translations
from cli.client_id import kept_client_id
from cli.console import Display, describe_coverage
from cli.options import (
    DEFAULT_URL,
    Connector,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
)
from cli.running import run
from client.connection.clock_offset import ClockOffset
from client.connection.websocket import Connection
from client.protocol.announcements import to_announcement


class _Scope(StrEnum):
    ALL = "all"
    SESSION = "session"


def announce_command(
    *,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="What to announce: 1 to 280 characters; 120 are read at a glance.",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        Weight, typer.Option("--type", help="How it is shown: blue, yellow or red.")
    ] = Weight.INFO,
    translate: TranslateOption = None,
    scope: Annotated[
        _Scope, typer.Option(help="To everyone connected; a session's speaker has `speak`.")
    ] = _Scope.ALL,
    key: Annotated[
        str | None,
        typer.Option(help="With the same key it is announced once a day, however often you try."),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Take back what is announced to everyone.")
    ] = False,
    active: Annotated[
        bool,
        typer.Option("--active", help="Show what is announced now, and operators how far it got."),
    ] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Announce a text to everyone connected, take it back, or see how far it got.

    It needs a token of the group `operators`; a server on this machine gives you one. It is shown
    until you take it back or announce something else, for 30 days at most, and also to those who
    come later. A speaker announces to the own session with `speak --announce`.

    Examples:

    * `python -m cli announce "Lunch at noon" --translate es="Comida a las doce"`
    * `python -m cli announce "The hall is closing" --type alert`
    * `python -m cli announce --active`
    * `python -m cli announce --clear`
    """
    _check(text, scope, clear=clear, active=active)
    texts = translations(translate)

    async def flow(display: Display) -> None:
        client_id = functools.cache(lambda: kept_client_id(display.print))
        access = Connector(
            url,
            token,
            token_url,
            user,
            ("operators",),
            client_id=client_id,
            token_command=token_command,
            token_file=token_file,
        )
        async with access.open(ClockOffset()) as connection:
            if clear:
                await _clear(display, connection)
            elif text is None:
                await _show_active(display, connection)
            else:
                told = await connection.announce(
                    text,
                    "all",
                    weight.message_type,
                    translations=texts,
                    idempotency_key=key,
                )
                notices.show_announcement(display, told)
                if told.coverage is not None:
                    display.print(f"  {describe_coverage(told.coverage)}")
                display.print("It is shown until you take it back: python -m cli announce --clear")

    run(flow)


def _check(text: str | None, scope: _Scope, *, clear: bool, active: bool) -> None:
    """Raises typer.BadParameter."""
    if scope is _Scope.SESSION:
        raise typer.BadParameter(
            "to a session its speaker announces, as the session opens: "
            'python -m cli speak FILE.wav --announce "Questions at the end"',
            param_hint="--scope",
        )
    if (text is not None) + clear + active != 1:
        raise typer.BadParameter(
            'either a text, such as "Lunch at noon", or --clear, or --active', param_hint="TEXT"
        )


async def _clear(display: Display, connection: Connection) -> None:
    reply = await connection.clear_announcement("all")
    if reply.announcement_id is None:
        display.print("Nothing is announced to everyone, so there is nothing to take back.")
    else:
        display.print("Taken back: it is not shown any more.")


async def _show_active(display: Display, connection: Connection) -> None:
    reply = await connection.get_active_announcement("all")
    announcement = to_announcement(reply)
    if announcement is None:
        display.print("Nothing is announced to everyone.")
        return
    notices.show_announcement(display, announcement)
    since = datetime.fromtimestamp(announcement.created_at / 1000).astimezone()
    display.print(f"  since {since:%Y-%m-%d %H:%M:%S}")
    if announcement.coverage is not None:
        display.print(f"  {describe_coverage(announcement.coverage)}")
