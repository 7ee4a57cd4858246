"""Checks that arguments and environment variables are UTF-8.

Python passes other bytes as lone surrogates, which JSON, URLs and terminals cannot encode.
"""

from __future__ import annotations

import argparse

NOT_UTF8 = "holds bytes that are not UTF-8; give the text in UTF-8"


def is_text(value: str) -> bool:
    """Whether the value has no lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_text_arguments(parser: argparse.ArgumentParser) -> None:
    """Make the parser reject other bytes in all untyped options and arguments."""
    parser.register("type", None, _text)


def _text(value: str) -> str:
    if not is_text(value):
        raise argparse.ArgumentTypeError(NOT_UTF8)
    return value
