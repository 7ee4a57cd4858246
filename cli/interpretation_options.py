"""Options of `speak` for interpretation by machine."""

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
        help="Have the service interpret by machine: aws, or locally also offline or scripted.",
    ),
]
IntoOption = Annotated[
    str | None,
    typer.Option(
        "--into",
        metavar="LANG,LANG",
        help="Languages to interpret into, such as es,ca. Default: all that have listeners.",
    ),
]


def parse_interpretation(engine: str | None, into: str | None) -> RequestedInterpretation | None:
    """The interpretation to request, or None.

    Raises typer.BadParameter for languages without an engine, or too few or too many of them.
    """
    if engine is None:
        if into is not None:
            raise typer.BadParameter("needs --interpret", param_hint="--into")
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


def describe_interpretation(interpretation: Interpretation) -> str:
    """`A machine (offline) interprets into es, ca.`"""
    languages = interpretation.languages
    into = "all languages with listeners" if isinstance(languages, str) else ", ".join(languages)
    return f"A machine ({interpretation.engine}) interprets into {into}."
