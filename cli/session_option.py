"""The session a command joins: from an argument, the environment or a secret file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from client.protocol.join_code import JoinCode


class SessionAccess(StrEnum):
    """What listeners need to join a session: its ID, or a link with a secret."""

    CODE = "code"
    LINK = "link"


# Longer than any secret. Stops reading if the option names another file by mistake.
_MAX_CHARACTERS = 1024

SessionArgument = Annotated[
    str | None,
    typer.Argument(
        envvar="LINGOCAST_SESSION",
        metavar="SESSION",
        help="The session that `speak` printed: golden-eagle-427, or by link "
        "'golden-eagle-427#SECRET'.",
        show_default=False,
    ),
]
SecretFileOption = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        envvar="LINGOCAST_SECRET_FILE",
        metavar="FILE",
        help="File with the secret of a session by link, or with the whole SESSION#SECRET.",
        show_default=False,
    ),
]
AccessOption = Annotated[
    SessionAccess,
    typer.Option(
        "--access",
        help="code: anyone with the session's ID can listen, and IDs can be guessed. "
        "link: listeners also need a secret, which the printed commands contain.",
    ),
]


def required_session(session: str | None, secret_file: Path | None = None) -> JoinCode:
    """The session to join.

    Raises typer.BadParameter, saying where to find it, if it is missing or incomplete.
    """
    code = JoinCode.parse(session or "")
    if code.secret == "":
        raise typer.BadParameter(
            "the secret after # is missing; copy the whole code that `speak` printed, in quotes",
            param_hint="SESSION",
        )
    if secret_file is not None:
        code = _with_secret_of(code, secret_file)
    if not code.session_id:
        raise typer.BadParameter(
            "no session given; pass the ID that `speak` printed, such as golden-eagle-427, "
            "as the first argument or in LINGOCAST_SESSION",
            param_hint="SESSION",
        )
    return code


def _with_secret_of(code: JoinCode, path: Path) -> JoinCode:
    """Add the file's secret to the code."""
    if code.secret is not None:
        raise typer.BadParameter(
            "SESSION already contains a secret; pass only one", param_hint="--secret-file"
        )
    text = _read(path)
    whole = JoinCode.parse(text)
    if whole.secret is None:
        return JoinCode(code.session_id, text)
    if code.session_id not in {"", whole.session_id}:
        raise typer.BadParameter(
            f"holds the secret of {whole.session_id}, not of {code.session_id}",
            param_hint="--secret-file",
        )
    return whole


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
    except (OSError, UnicodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8"
        raise _unusable(path, f"cannot be read: {reason}") from None
    if len(text) > _MAX_CHARACTERS or not text.strip() or len(text.split()) != 1:
        raise _unusable(path, "expected one line with a secret or SESSION#SECRET")
    return text.strip()


def _unusable(path: Path, reason: str) -> typer.BadParameter:
    return typer.BadParameter(f"{path}: {reason}", param_hint="--secret-file")
