"""Arguments and environment variables as text: bytes that are not UTF-8 are refused.

Python hands such bytes over as lone surrogates, which no JSON, URL or terminal can hold.
"""

from __future__ import annotations

import argparse

NOT_UTF8 = "holds bytes that are not UTF-8; give the text in UTF-8"


def is_text(value: str) -> bool:
    """Whether the value is Unicode text, and so no bytes in disguise."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_text_arguments(parser: argparse.ArgumentParser) -> None:
    """Let the parser refuse such bytes in every option and argument without a type of its own."""
    parser.register("type", None, _text)


def _text(value: str) -> str:
    if not is_text(value):
        raise argparse.ArgumentTypeError(NOT_UTF8)
    return value
