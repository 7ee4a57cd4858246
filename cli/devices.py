"""The command line's `devices`: this machine as one of its user's devices."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cli.device_notices import PASSING, Household
from cli.device_runner import DeviceRunner, Tokens, act, watch
from cli.options import (
    DEFAULT_URL,
    ReconnectOption,
    TokenCommandOption,
    TokenFileOption,
    TokenOption,
    TokenUrlOption,
    UrlOption,
    UserOption,
)
from client.connection.backoff import GRACE_SECONDS
from client.protocol.replica import DeviceReplica

devices_app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="""Be one of your devices: see what the others say, or (below) say something to them.

    Without an action this machine is registered as a device, shows your devices, watchlist and
    progress, and then whatever changes, until Ctrl-C. It needs a token; a server on this machine
    gives you one.

    Examples, the second and third in another terminal:

    * `python -m cli devices --name laptop`
    * `python -m cli devices add ALIEN`
    * `python -m cli devices command laptop seek position=12.5`
    * `python -m cli devices --name phone --device-file phone.json` (a second device)
    """,
)

_HOST = socket.gethostname()[:48]  # with a word or two it is still a name

NameOption = Annotated[
    str | None,
    typer.Option(help="What your devices call this one.", show_default="this machine's name"),
]
DeviceFileOption = Annotated[
    Path | None,
    typer.Option(
        help="Where to keep which device this is, and what it knows.",
        show_default="in ~/.config/lingocast",
    ),
]
ContentArgument = Annotated[
    str, typer.Argument(metavar="CONTENT", help="What is watched: an id of 1 to 128 characters.")
]


@devices_app.callback()
def devices_command(
    context: typer.Context,
    *,
    name: NameOption = None,
    kind: Annotated[str, typer.Option(help="What this device is: phone, tv …")] = "computer",
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
    reconnect: ReconnectOption = GRACE_SECONDS,
) -> None:
    if context.invoked_subcommand is None:
        tokens = Tokens(token, token_url, user, token_command, token_file)
        machine = DeviceRunner(url, tokens, name or _HOST, kind, device_file, reconnect)
        watch(machine)
        return
    for option in context.params:
        source = context.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            shown = option.replace("_", "-")
            raise typer.BadParameter(
                f"comes after the action: python -m cli devices "
                f"{context.invoked_subcommand} … --{shown} …",
                param_hint=f"--{shown}",
            )


@devices_app.command("add")
def add_command(
    *,
    content: ContentArgument,
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Put a content on your watchlist.

    Example: `python -m cli devices add ALIEN`
    """
    machine = _passing(url, Tokens(token, token_url, user, token_command, token_file), device_file)
    act(machine, lambda replica, household: replica.add(content))


@devices_app.command("remove")
def remove_command(
    *,
    content: ContentArgument,
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Take a content from your watchlist.

    Example: `python -m cli devices remove ALIEN`
    """
    machine = _passing(url, Tokens(token, token_url, user, token_command, token_file), device_file)
    act(machine, lambda replica, household: replica.remove(content))


@devices_app.command("progress")
def progress_command(
    *,
    content: ContentArgument,
    position: Annotated[
        float, typer.Argument(metavar="POSITION", min=0, help="Seconds watched so far.")
    ],
    duration: Annotated[
        float, typer.Argument(metavar="DURATION", min=0, help="Seconds that there are in all.")
    ],
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Say how far you have watched something.

    Example, two minutes of an hour: `python -m cli devices progress ALIEN 120 3600`
    """
    machine = _passing(url, Tokens(token, token_url, user, token_command, token_file), device_file)
    act(machine, lambda replica, household: replica.set_progress(content, position, duration))


@devices_app.command("command")
def command_command(
    *,
    device: Annotated[
        str,
        typer.Argument(metavar="DEVICE", help="Which one: its name, its id, or how its id begins."),
    ],
    command: Annotated[
        str, typer.Argument(metavar="COMMAND", help="play, pause, seek, handoff or your own word.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE…",
            help="What the command needs to know; values are JSON, or else text.",
            show_default=False,
        ),
    ] = None,
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Tell one of your devices to do something. It must be online.

    Example: `python -m cli devices command laptop seek position=12.5`
    """
    named = _arguments(arguments)

    def tell(replica: DeviceReplica, household: Household) -> None:
        replica.command(household.find(device), command, named)

    act(_passing(url, Tokens(token, token_url, user, token_command, token_file), device_file), tell)


def _passing(url: str, tokens: Tokens, path: Path | None) -> DeviceRunner:
    """A device of its own for what is said and done: one that runs here meanwhile stays."""
    return DeviceRunner(url, tokens, f"{_HOST} command line", PASSING, path)


def _arguments(given: list[str] | None) -> dict[str, Any] | None:
    """Arguments by name. Raises typer.BadParameter for what is not KEY=VALUE."""
    named: dict[str, Any] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise typer.BadParameter(
                f"{item!r} is not KEY=VALUE, such as position=12.5", param_hint="KEY=VALUE"
            )
        try:
            named[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            named[name] = value
    return named or None
