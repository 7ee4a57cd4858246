"""What a Lambda authorizer's answer means for a handshake.

Rules: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.runtime.invocation import Outcome

# Larger answers are errors of the authorizer (API Gateway's quota).
MAX_RESULT_BYTES = 8 * 1024
_ACTION = "execute-api:invoke"


@dataclass(frozen=True, slots=True)
class AuthorizerDecision:
    """200 with the context for the routes, or the status that the handshake is refused with."""

    status: int
    context: Mapping[str, str]

    @property
    def allowed(self) -> bool:
        """Whether the handshake may go on."""
        return self.status == 200


def decide(outcome: Outcome, method_arn: str) -> AuthorizerDecision:
    """401 for an exception that says "Unauthorized", 500 for other failures, 403 for a denial."""
    if outcome.error is not None:
        return AuthorizerDecision(401 if outcome.error_message == "Unauthorized" else 500, {})
    try:
        if len(outcome.payload) > MAX_RESULT_BYTES:
            return AuthorizerDecision(500, {})
        result = json.loads(outcome.payload)
        allowed = _allows(result["policyDocument"]["Statement"], method_arn)
        context = {key: _string(value) for key, value in (result.get("context") or {}).items()}
        context["principalId"] = _string(result["principalId"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return AuthorizerDecision(500, {})
    return AuthorizerDecision(200, context) if allowed else AuthorizerDecision(403, {})


def _allows(statements: list[Mapping[str, Any]], method_arn: str) -> bool:
    """As in IAM: a denial wins, and what nothing allows is denied."""
    effects = {
        statement["Effect"]
        for statement in _listed(statements)
        if any(fnmatchcase(_ACTION, action.lower()) for action in _listed(statement["Action"]))
        and any(fnmatchcase(method_arn, pattern) for pattern in _listed(statement["Resource"]))
    }
    return effects == {"Allow"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _string(value: object) -> str:
    """Context values are strings, numbers or booleans; the routes see strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError("objects and lists are not allowed in the context")
