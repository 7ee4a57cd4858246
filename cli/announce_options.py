"""Announcement options of `announce` (operators) and `speak --announce` (speakers)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shared.protocol.announcement_messages import MessageType


class AnnouncementType(StrEnum):
    """Type of an announcement, which decides its colour."""

    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"

    @property
    def message_type(self) -> MessageType:
        """The protocol's name of the type."""
        return self.value


TranslateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--translate",
        metavar="LANG=TEXT",
        help="Translation of the announcement for listeners in LANG; can be repeated.",
    ),
]


def parse_translations(options: list[str] | None) -> dict[str, str] | None:
    """Parse LANG=TEXT options to texts by language code. Raises typer.BadParameter."""
    texts: dict[str, str] = {}
    for item in options or []:
        language, equals, text = item.partition("=")
        code = language.strip().lower()
        if not equals or not code or not text.strip():
            raise typer.BadParameter(
                f'{item!r}: expected LANG=TEXT, such as es="Comida a las doce"',
                param_hint="--translate",
            )
        if code in texts:
            raise typer.BadParameter(f"{code} is translated twice", param_hint="--translate")
        texts[code] = text
    return texts or None
