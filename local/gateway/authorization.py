"""Evaluates a Lambda authorizer's result for a handshake.

Rules: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from local.runtime.invocation import Outcome

# API Gateway's quota; a larger result is an error of the authorizer.
MAX_RESULT_BYTES = 8 * 1024
_ACTION = "execute-api:invoke"


@dataclass(frozen=True, slots=True)
class AuthorizerDecision:
    """Status of the handshake: 200 with the authorizer's context, or an error status."""

    status: int
    context: Mapping[str, str]

    @property
    def allowed(self) -> bool:
        """Whether the handshake may continue."""
        return self.status == 200


def decide(outcome: Outcome, method_arn: str) -> AuthorizerDecision:
    """Return 401 for the exception "Unauthorized", 500 for other failures, 403 for a denial."""
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
    """As in IAM: an explicit denial wins, and the default is to deny."""
    effects = {
        statement["Effect"]
        for statement in _as_list(statements)
        if any(fnmatchcase(_ACTION, action.lower()) for action in _as_list(statement["Action"]))
        and any(fnmatchcase(method_arn, pattern) for pattern in _as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _string(value: object) -> str:
    """Convert a context value, a string, number or boolean, to the string that routes get."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise TypeError("objects and lists are not allowed in the context")
