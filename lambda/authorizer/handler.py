"""REQUEST authorizer of $connect.

Connections without a token are listeners. It denies invalid tokens and tickets, and browsers from
other origins if the stage lists its own.
"""

import os
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from shared.entrypoints.websocket_event import LISTEN_ONLY, LISTEN_ONLY_KEY, Event
from shared.models import schema
from shared.models.errors import ValidationError
from shared.utils import hashed_secret
from shared.utils.identity import Identity, InvalidTokenError, Verify
from shared.utils.origins import is_foreign, origins_of
from shared.utils.settings import AuthorizerSettings, TicketSettings, load
from shared.utils.tokens import TokenVerifier
from shared.utils.validators import validate_client_id, validate_session_id

Policy = dict[str, Any]
# Looks up the hash of a session's ticket.
TicketHash = Callable[[str], str | None]

# Tickets are shorter than this; hashing longer texts would be a waste.
_LONGEST_TICKET = 256


class _WrongTicketError(Exception):
    """The ticket is not the session's."""


def build(
    verify: Verify,
    allowed_origins: Collection[str],
    ticket_hash: TicketHash = lambda session_id: None,
) -> Callable[[Event, object], Policy]:
    """Build the handler. Empty `allowed_origins` allow any origin.

    The handler calls `ticket_hash` only for handshakes with a ticket.
    """

    def handler(event: Event, _context: object) -> Policy:
        """Return the policy for a handshake. Its context reaches every route as strings."""
        parameters = event.get("queryStringParameters") or {}
        token, client_id = parameters.get("token"), parameters.get("clientId")
        ticket = parameters.get("ticket")
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
            if ticket is not None:
                _check_ticket(ticket, parameters.get("session", ""), ticket_hash)
        except (InvalidTokenError, ValidationError, _WrongTicketError):
            # Deny: a client with an invalid token, ticket or id must not connect as anonymous.
            return _policy("refused", "Deny", event, {})
        if token is None and ticket is None:
            context[LISTEN_ONLY_KEY] = LISTEN_ONLY
        return _policy(principal, "Allow", event, context)

    return handler


def _described(identity: Identity) -> dict[str, str]:
    return {
        "userId": identity.user_id,
        "groups": ",".join(sorted(identity.groups)),
        "tokenExpiresAt": str(identity.expires_at),
    }


def _check_ticket(ticket: str, session: str, ticket_hash: TicketHash) -> None:
    session_id = validate_session_id(session)
    if len(ticket) > _LONGEST_TICKET or not hashed_secret.matches(ticket, ticket_hash(session_id)):
        raise _WrongTicketError


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


def _ticket_hash(session_id: str) -> str | None:
    return _ticket_hashes()(session_id)


@cache
def _ticket_hashes() -> TicketHash:
    # Importing boto3 takes a third of a second, and few handshakes have a ticket.
    from shared.aws import clients  # noqa: PLC0415
    from shared.data_access.table import Table  # noqa: PLC0415
    from shared.interpretation.ticket_store import TicketStore  # noqa: PLC0415

    sessions_table = load(TicketSettings, os.environ).sessions_table
    return TicketStore(Table(clients.dynamodb_client(), sessions_table, schema.SESSION_ID)).hash_of


_settings = load(AuthorizerSettings, os.environ)
lambda_handler = build(
    TokenVerifier(_settings.token_issuer, _settings.token_client_id).verify,
    _settings.allowed_origins,
    _ticket_hash,
)
