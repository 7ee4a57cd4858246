"""Evaluates IAM policy statements; pure.

Supports only Allow statements without conditions. Rules:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html (action
names are case-insensitive) and .../reference_policies_elements_resource.html (`*` and `?` match
characters within a segment of an ARN; the last segment may contain colons).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from local.template.model import Statement

# arn:partition:service:region:account:resource
_ARN_SEGMENTS = 6


def allows(statements: Iterable[Statement], action: str, resource: str) -> bool:
    """Whether any statement allows the action on the resource; the default is to deny.

    `resource` is an ARN, or `*` for actions without a resource, which require a statement on `*`.
    """
    return any(
        any(_action(pattern).fullmatch(action) for pattern in statement.actions)
        and any(_resource(pattern).fullmatch(resource) for pattern in statement.resources)
        for statement in statements
    )


def resource_matches(pattern: str, resource: str) -> bool:
    """Whether the ARN pattern, with `*` and `?`, matches `resource`."""
    return _resource(pattern).fullmatch(resource) is not None


def is_resource(pattern: str) -> bool:
    """Whether a statement's Resource has a supported format: `*` or a complete ARN."""
    return pattern == "*" or (
        pattern.startswith("arn:") and pattern.count(":") >= _ARN_SEGMENTS - 1
    )


@lru_cache(1_024)
def _action(pattern: str) -> re.Pattern[str]:
    return re.compile(_expression(pattern, "."), re.IGNORECASE | re.DOTALL)


@lru_cache(1_024)
def _resource(pattern: str) -> re.Pattern[str]:
    if pattern == "*":
        return re.compile(".*", re.DOTALL)
    *segments, last = pattern.split(":", _ARN_SEGMENTS - 1)
    parts = [*(_expression(segment, "[^:]") for segment in segments), _expression(last, ".")]
    return re.compile(":".join(parts), re.DOTALL)


def _expression(pattern: str, anything: str) -> str:
    wildcards = {"*": f"{anything}*", "?": anything}
    return "".join(wildcards.get(character) or re.escape(character) for character in pattern)
