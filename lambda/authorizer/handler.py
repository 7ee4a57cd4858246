"""The REQUEST authorizer of $connect: no token is a listener, a bad one is refused."""

import os
from typing import Any

from shared.models.errors import ValidationError
from shared.utils.lambda_event import Event
from shared.utils.settings import AuthorizerSettings, load
from shared.utils.tokens import InvalidTokenError, TokenVerifier
from shared.utils.validators import validate_client_id

_settings = load(AuthorizerSettings, os.environ)
_verifier = TokenVerifier(_settings.token_issuer, _settings.token_client_id)


def lambda_handler(event: Event, _context: object) -> dict[str, Any]:
    """The policy for this handshake; its context reaches every route as strings."""
    parameters = event.get("queryStringParameters") or {}
    token, client_id = parameters.get("token"), parameters.get("clientId")
    context: dict[str, str] = {}
    principal = "anonymous"
    try:
        if client_id is not None:
            context["clientId"] = validate_client_id(client_id)
        if token is not None:
            identity = _verifier.verify(token)
            principal = identity.user_id
            context |= {"userId": principal, "groups": ",".join(sorted(identity.groups))}
    except (InvalidTokenError, ValidationError):
        # A bad token is never silently anonymous, nor a bad id silently ignored.
        return _policy("refused", "Deny", event, {})
    return _policy(principal, "Allow", event, context)


def _policy(principal: str, effect: str, event: Event, context: dict[str, str]) -> dict[str, Any]:
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": effect,
                    "Resource": event["methodArn"],
                }
            ],
        },
        "context": context,
    }
