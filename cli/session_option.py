"""Which session a command is for: an argument, the environment, or a file for its secret."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from client.protocol.join_code import JoinCode


class JoinBy(StrEnum):
    """How listeners get into a session."""

    CODE = "code"
    LINK = "link"


# No secret is as long, and whatever else is named is not read to its end.
_MOST_CHARACTERS = 1024

SessionArgument = Annotated[
    str | None,
    typer.Argument(
        envvar="LINGOCAST_SESSION",
        metavar="SESSION",
        help="The session as `speak` printed it: golden-eagle-427, or by link "
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
        help="Read the secret of a session by link from this file, or the whole SESSION#SECRET.",
        show_default=False,
    ),
]
AccessOption = Annotated[
    JoinBy,
    typer.Option(
        "--access",
        help="code: who knows the session's id may listen, and ids can be guessed. "
        "link: listeners need a secret too, which is part of the commands that are printed.",
    ),
]


def required_session(session: str | None, secret_file: Path | None = None) -> JoinCode:
    """The session to join. Raises typer.BadParameter, saying where to find it, if there is none,
    or only half of its code.
    """
    code = JoinCode.parse(session or "")
    if code.secret == "":
        raise typer.BadParameter(
            "nothing follows the #; copy the whole code that `speak` printed, in quotes",
            param_hint="SESSION",
        )
    if secret_file is not None:
        code = _completed(code, secret_file)
    if not code.session_id:
        raise typer.BadParameter(
            "which session? `speak` prints its id, for example golden-eagle-427; "
            "pass it as the first argument or in LINGOCAST_SESSION",
            param_hint="SESSION",
        )
    return code


def _completed(code: JoinCode, path: Path) -> JoinCode:
    """The code with the secret that the file has."""
    if code.secret is not None:
        raise typer.BadParameter("SESSION has the secret already", param_hint="--secret-file")
    text = _read(path)
    whole = JoinCode.parse(text)
    if whole.secret is None:
        return JoinCode(code.session_id, text)
    if code.session_id not in {"", whole.session_id}:
        raise typer.BadParameter(
            f"the secret of {whole.session_id}, not of {code.session_id}",
            param_hint="--secret-file",
        )
    return whole


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1)
    except (OSError, UnicodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8"
        raise _unusable(path, f"cannot be read: {reason}") from None
    if len(text) > _MOST_CHARACTERS or not text.strip() or len(text.split()) != 1:
        raise _unusable(path, "not one line with a secret or SESSION#SECRET")
    return text.strip()


def _unusable(path: Path, why: str) -> typer.BadParameter:
    return typer.BadParameter(f"{path}: {why}", param_hint="--secret-file")
