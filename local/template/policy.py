"""Whether statements of IAM policies allow an action on a resource. Pure; nothing is looked up.

Rules, as far as statements that only allow, without conditions, need them:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html (names of
actions are case-insensitive) and .../reference_policies_elements_resource.html (`*` and `?` stand
for characters within a segment of an ARN; the last segment may hold colons itself).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from local.template.model import Statement

# arn:partition:service:region:account:resource
_ARN_SEGMENTS = 6


def allows(statements: Iterable[Statement], action: str, resource: str) -> bool:
    """Whether a statement names both; what none names is denied.

    `resource` is an ARN, or `*` for calls that concern no resource: those need a statement on `*`.
    """
    return any(
        any(_action(pattern).fullmatch(action) for pattern in statement.actions)
        and any(_resource(pattern).fullmatch(resource) for pattern in statement.resources)
        for statement in statements
    )


def resource_matches(pattern: str, resource: str) -> bool:
    """Whether an ARN that may hold `*` and `?` names `resource`."""
    return _resource(pattern).fullmatch(resource) is not None


def is_resource(pattern: str) -> bool:
    """Whether `pattern` is what a statement's Resource may be here: `*`, or a whole ARN."""
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
