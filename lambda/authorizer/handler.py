"""The REQUEST authorizer of $connect: no token is a listener, a bad one is refused, and so is a
browser from a foreign origin where the stage lists its own.
"""

import os
from collections.abc import Callable, Collection
from typing import Any

from shared.models.errors import ValidationError
from shared.utils.identity import Identity, InvalidTokenError, Verify
from shared.utils.lambda_event import Event
from shared.utils.origins import is_foreign, origins_of
from shared.utils.settings import AuthorizerSettings, load
from shared.utils.tokens import TokenVerifier
from shared.utils.validators import validate_client_id

Policy = dict[str, Any]


def build(verify: Verify, allowed_origins: Collection[str]) -> Callable[[Event, object], Policy]:
    """The handler over the given parts; without `allowed_origins` any origin is allowed."""

    def handler(event: Event, _context: object) -> Policy:
        """The policy for this handshake; its context reaches every route as strings."""
        parameters = event.get("queryStringParameters") or {}
        token, client_id = parameters.get("token"), parameters.get("clientId")
        context: dict[str, str] = {}
        principal = "anonymous"
        if allowed_origins and any(is_foreign(each, allowed_origins) for each in origins_of(event)):
            return _policy("refused", "Deny", event, {})
        try:
            if client_id is not None:
                context["clientId"] = validate_client_id(client_id)
            if token is not None:
                identity = verify(token)
                principal = identity.user_id
                context |= _described(identity)
        except (InvalidTokenError, ValidationError):
            # A bad token is never silently anonymous, nor a bad id silently ignored.
            return _policy("refused", "Deny", event, {})
        return _policy(principal, "Allow", event, context)

    return handler


def _described(identity: Identity) -> dict[str, str]:
    return {
        "userId": identity.user_id,
        "groups": ",".join(sorted(identity.groups)),
        "tokenExpiresAt": str(identity.expires_at),
    }


def _policy(principal: str, effect: str, event: Event, context: dict[str, str]) -> Policy:
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


_settings = load(AuthorizerSettings, os.environ)
lambda_handler = build(
    TokenVerifier(_settings.token_issuer, _settings.token_client_id).verify,
    _settings.allowed_origins,
)
