"""The options of a speaker who has the session interpreted by machine."""

from __future__ import annotations

from typing import Annotated

import typer

from shared.models.interpretation import (
    MAX_INTERPRETED_LANGUAGES,
    Interpretation,
    RequestedInterpretation,
)

InterpretOption = Annotated[
    str | None,
    typer.Option(
        "--interpret",
        metavar="ENGINE",
        help="Have a machine of the service interpret: aws; on a laptop offline or scripted too.",
    ),
]
IntoOption = Annotated[
    str | None,
    typer.Option(
        "--into",
        metavar="LANG,LANG",
        help="Languages for the machine, say es,ca. Without it, those that are listened to.",
    ),
]


def requested(engine: str | None, into: str | None) -> RequestedInterpretation | None:
    """What to ask the service for. Raises typer.BadParameter for languages without an engine, and
    for too few or too many of them.
    """
    if engine is None:
        if into is not None:
            raise typer.BadParameter("there is no --interpret to do that", param_hint="--into")
        return None
    if into is None:
        return RequestedInterpretation(engine=engine, languages="auto")
    languages = [code.strip().lower() for code in into.split(",") if code.strip()]
    if not 1 <= len(languages) <= MAX_INTERPRETED_LANGUAGES:
        raise typer.BadParameter(
            f"expected 1 to {MAX_INTERPRETED_LANGUAGES} languages, such as es,ca",
            param_hint="--into",
        )
    return RequestedInterpretation(engine=engine, languages=languages)


def described(interpretation: Interpretation) -> str:
    """What the service has agreed to do, in words."""
    languages = interpretation.languages
    into = "what is listened to" if isinstance(languages, str) else ", ".join(languages)
    return f"A machine ({interpretation.engine}) interprets into {into}."
