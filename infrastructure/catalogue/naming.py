"""Construct ids from the names in the tables of functions and routes."""

from __future__ import annotations

import re


def construct_id(name: str, kind: str = "") -> str:
    """A construct id: the name in CamelCase, then `kind`.

    Names are `audio_processor`, `$connect` or `joinSession`, for example.
    CloudFormation identifies resources by id. Under another id it creates a new resource and
    deletes the old one with its data.
    """
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[0].upper() + word[1:] for word in words) + kind
