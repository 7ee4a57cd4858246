"""The `devices` command: this machine as one of its user's devices."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cli.device_notices import COMMAND_LINE_KIND, DeviceDirectory
from cli.device_runner import Credentials, DeviceRunner, send_change, watch
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
    help="""Run this machine as one of your devices, or change their shared state.

    Without a command, this machine registers as a device and shows your devices, watchlist and
    progress, then every change, until Ctrl-C. Requires a token; a local server issues one
    automatically.

    Examples, the second and third in another terminal:

    * `python -m cli devices --name laptop`
    * `python -m cli devices add ALIEN`
    * `python -m cli devices command laptop seek position=12.5`
    * `python -m cli devices --name phone --device-file phone.json` (a second device)
    """,
)

_HOST = socket.gethostname()[:48]  # leaves room for a suffix in a name of 64 characters

NameOption = Annotated[
    str | None,
    typer.Option(
        help="Name of this device, shown on your other devices.", show_default="this machine's name"
    ),
]
DeviceFileOption = Annotated[
    Path | None,
    typer.Option(
        help="File that keeps this device's ID and state.",
        show_default="in ~/.config/lingocast",
    ),
]
ContentArgument = Annotated[
    str, typer.Argument(metavar="CONTENT", help="Content ID, 1 to 128 characters.")
]


@devices_app.callback()
def devices_command(
    context: typer.Context,
    *,
    name: NameOption = None,
    kind: Annotated[
        str, typer.Option(help="Kind of this device, such as phone or tv.")
    ] = "computer",
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
        credentials = Credentials(token, token_url, user, token_command, token_file)
        watch(DeviceRunner(url, credentials, name or _HOST, kind, device_file, reconnect))
        return
    for option in context.params:
        source = context.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            option_name = f"--{option.replace('_', '-')}"
            raise typer.BadParameter(
                f"must follow the command: python -m cli devices "
                f"{context.invoked_subcommand} … {option_name} …",
                param_hint=option_name,
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
    """Add a content to your watchlist.

    Example: `python -m cli devices add ALIEN`
    """
    credentials = Credentials(token, token_url, user, token_command, token_file)
    runner = _command_line_device(url, credentials, device_file)
    send_change(runner, lambda replica, directory: replica.add(content))


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
    """Remove a content from your watchlist.

    Example: `python -m cli devices remove ALIEN`
    """
    credentials = Credentials(token, token_url, user, token_command, token_file)
    runner = _command_line_device(url, credentials, device_file)
    send_change(runner, lambda replica, directory: replica.remove(content))


@devices_app.command("progress")
def progress_command(
    *,
    content: ContentArgument,
    position: Annotated[
        float, typer.Argument(metavar="POSITION", min=0, help="Seconds watched so far.")
    ],
    duration: Annotated[
        float, typer.Argument(metavar="DURATION", min=0, help="Length in seconds.")
    ],
    device_file: DeviceFileOption = None,
    url: UrlOption = DEFAULT_URL,
    token: TokenOption = None,
    token_command: TokenCommandOption = None,
    token_file: TokenFileOption = None,
    token_url: TokenUrlOption = None,
    user: UserOption = None,
) -> None:
    """Set how far you have watched a content.

    Example, two minutes of an hour: `python -m cli devices progress ALIEN 120 3600`
    """
    credentials = Credentials(token, token_url, user, token_command, token_file)
    runner = _command_line_device(url, credentials, device_file)
    send_change(
        runner, lambda replica, directory: replica.set_progress(content, position, duration)
    )


@devices_app.command("command")
def command_command(
    *,
    device: Annotated[
        str,
        typer.Argument(metavar="DEVICE", help="Name, ID or start of the ID of the device."),
    ],
    command: Annotated[
        str,
        typer.Argument(metavar="COMMAND", help="play, pause, seek, handoff or your own command."),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE…",
            help="Arguments of the command; values are JSON or plain text.",
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
    """Send a command to one of your devices, which must be online.

    Example: `python -m cli devices command laptop seek position=12.5`
    """
    parsed = _parse_arguments(arguments)

    def send(replica: DeviceReplica, directory: DeviceDirectory) -> None:
        replica.command(directory.find(device), command, parsed)

    credentials = Credentials(token, token_url, user, token_command, token_file)
    send_change(_command_line_device(url, credentials, device_file), send)


def _command_line_device(url: str, credentials: Credentials, path: Path | None) -> DeviceRunner:
    """A separate short-lived device, so that it does not replace one that runs on this machine."""
    return DeviceRunner(url, credentials, f"{_HOST} command line", COMMAND_LINE_KIND, path)


def _parse_arguments(arguments: list[str] | None) -> dict[str, Any] | None:
    """Parse KEY=VALUE arguments. Raises typer.BadParameter."""
    parsed: dict[str, Any] = {}
    for item in arguments or []:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise typer.BadParameter(
                f"{item!r}: expected KEY=VALUE, such as position=12.5", param_hint="KEY=VALUE"
            )
        try:
            parsed[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            parsed[name] = value
    return parsed or None
