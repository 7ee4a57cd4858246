"""The REQUEST authorizer of $connect: no token is a listener, a bad one is refused."""

import os
from typing import Any

from shared.utils.lambda_event import Event
from shared.utils.settings import AuthorizerSettings, load
from shared.utils.tokens import InvalidTokenError, TokenVerifier

_settings = load(AuthorizerSettings, os.environ)
_verifier = TokenVerifier(_settings.token_issuer, _settings.token_client_id)


def lambda_handler(event: Event, _context: object) -> dict[str, Any]:
    """The policy for this handshake; its context reaches every route as strings."""
    token = (event.get("queryStringParameters") or {}).get("token")
    if token is None:
        return _policy("anonymous", "Allow", event)
    try:
        identity = _verifier.verify(token)
    except InvalidTokenError:
        # A bad token is never silently anonymous.
        return _policy("refused", "Deny", event)
    context = {"userId": identity.user_id, "groups": ",".join(sorted(identity.groups))}
    return _policy(identity.user_id, "Allow", event, context)


def _policy(
    principal: str, effect: str, event: Event, context: dict[str, str] | None = None
) -> dict[str, Any]:
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
        "context": context or {},
    }
