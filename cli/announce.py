"""The `announce` command: an operator's announcement to everyone."""

from __future__ import annotations

import functools
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from cli import notices
from cli.announce_options import AnnouncementType, TranslateOption, parse_translations
from cli.client_id import load_client_id
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
            help="Text to announce, 1 to 280 characters; up to 120 can be read at a glance.",
            show_default=False,
        ),
    ] = None,
    announcement_type: Annotated[
        AnnouncementType,
        typer.Option("--type", help="Type of the announcement: shown in blue, yellow or red."),
    ] = AnnouncementType.INFO,
    translate: TranslateOption = None,
    scope: Annotated[
        _Scope,
        typer.Option(help="Recipients: all connections. Speakers use `speak --announce`."),
    ] = _Scope.ALL,
    key: Annotated[
        str | None,
        typer.Option(help="Idempotency key: the same key announces only once a day."),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Clear the announcement to everyone.")
    ] = False,
    active: Annotated[
        bool,
        typer.Option("--active", help="Show the active announcement; operators also see delivery."),
    ] = False,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Announce a text to everyone connected, clear it, or show its delivery.

    Requires a token of the group `operators`; a local server issues one automatically. The
    announcement stays until you clear or replace it, for at most 30 days, and also reaches people
    who connect later. Speakers announce to their own session with `speak --announce`.

    Examples:

    * `python -m cli announce "Lunch at noon" --translate es="Comida a las doce"`
    * `python -m cli announce "The hall is closing" --type alert`
    * `python -m cli announce --active`
    * `python -m cli announce --clear`
    """
    _check_options(text, scope, clear=clear, active=active)
    translations = parse_translations(translate)

    async def flow(display: Display) -> None:
        client_id = functools.cache(lambda: load_client_id(display.print))
        connector = Connector(
            url,
            token,
            token_url,
            user,
            ("operators",),
            client_id=client_id,
            token_command=token_command,
            token_file=token_file,
        )
        async with connector.open(ClockOffset()) as connection:
            if clear:
                await _clear(display, connection)
            elif text is None:
                await _show_active(display, connection)
            else:
                announcement = await connection.announce(
                    text,
                    "all",
                    announcement_type.message_type,
                    translations=translations,
                    idempotency_key=key,
                )
                notices.show_announcement(display, announcement)
                if announcement.coverage is not None:
                    display.print(f"  {describe_coverage(announcement.coverage)}")
                display.print("To clear it: python -m cli announce --clear")

    run(flow)


def _check_options(text: str | None, scope: _Scope, *, clear: bool, active: bool) -> None:
    """Check that the options fit together. Raises typer.BadParameter."""
    if scope is _Scope.SESSION:
        raise typer.BadParameter(
            "only its speaker can announce to a session, when opening it: "
            'python -m cli speak FILE.wav --announce "Questions at the end"',
            param_hint="--scope",
        )
    if (text is not None) + clear + active != 1:
        raise typer.BadParameter(
            'pass a text, such as "Lunch at noon", or --clear or --active', param_hint="TEXT"
        )


async def _clear(display: Display, connection: Connection) -> None:
    reply = await connection.clear_announcement("all")
    if reply.announcement_id is None:
        display.print("There is no announcement to clear.")
    else:
        display.print("Announcement cleared.")


async def _show_active(display: Display, connection: Connection) -> None:
    reply = await connection.get_active_announcement("all")
    announcement = to_announcement(reply)
    if announcement is None:
        display.print("There is no active announcement.")
        return
    notices.show_announcement(display, announcement)
    since = datetime.fromtimestamp(announcement.created_at / 1000).astimezone()
    display.print(f"  since {since:%Y-%m-%d %H:%M:%S}")
    if announcement.coverage is not None:
        display.print(f"  {describe_coverage(announcement.coverage)}")
