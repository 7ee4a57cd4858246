"""Construct ids from the names in the tables of functions and routes."""

from __future__ import annotations

import re


def construct_id(name: str, kind: str = "") -> str:
    """`audio_processor`, `$connect` or `joinSession` in CamelCase, then what it is an id of.

    CloudFormation knows a resource by its id: another id is another resource, and the old one and
    what it held are deleted.
    """
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[0].upper() + word[1:] for word in words) + kind
