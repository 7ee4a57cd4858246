"""The options of whoever announces: operators by `announce`, speakers by `speak --announce`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from shared.protocol.announcement_messages import MessageType


class Weight(StrEnum):
    """How an announcement is to be shown."""

    INFO = "info"
    WARNING = "warning"
    ALERT = "alert"

    @property
    def message_type(self) -> MessageType:
        """As the protocol names it."""
        return self.value


TranslateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--translate",
        metavar="LANG=TEXT",
        help="The announcement for those who listen in LANG; as often as you like.",
    ),
]


def translations(given: list[str] | None) -> dict[str, str] | None:
    """Texts by language code. Raises typer.BadParameter for what is not LANG=TEXT."""
    texts: dict[str, str] = {}
    for item in given or []:
        language, equals, text = item.partition("=")
        code = language.strip().lower()
        if not equals or not code or not text.strip():
            raise typer.BadParameter(
                f'{item!r} is not LANG=TEXT, such as es="Comida a las doce"',
                param_hint="--translate",
            )
        if code in texts:
            raise typer.BadParameter(f"{code} is translated twice", param_hint="--translate")
        texts[code] = text
    return texts or None
