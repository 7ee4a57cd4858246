"""Error responses of each service to unauthorized calls."""

from __future__ import annotations

import json

import pytest

from local.iam.error_responses import (
    ConnectionsErrors,
    DynamoDbErrors,
    ErrorResponses,
    LambdaErrors,
    SecretsErrors,
    SqsErrors,
)
from local.iam.signatures import FaultKind, SignatureFault

TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/notes"
USER = "arn:aws:sts::000000000000:assumed-role/role/f"


def text(action: str, resource: str) -> str:
    return (
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} because no "
        f"identity-based policy allows the {action} action"
    )


@pytest.mark.parametrize(
    ("errors", "status", "header", "body"),
    [
        (
            DynamoDbErrors(),
            400,
            b"Content-Type: application/x-amz-json-1.0",
            {
                "__type": "com.amazon.coral.service#AccessDeniedException",
                "Message": text("x:GetItem", TABLE),
            },
        ),
        (
            SqsErrors(),
            403,
            b"x-amzn-query-error: AccessDenied;Sender",
            {
                "__type": "com.amazon.coral.service#AccessDeniedException",
                # Only SQS writes actions in lower case.
                "Message": text("x:getitem", TABLE),
            },
        ),
        (
            SecretsErrors(),
            400,
            b"Content-Type: application/x-amz-json-1.0",
            {"__type": "AccessDeniedException", "Message": text("x:GetItem", TABLE)},
        ),
        (
            LambdaErrors(),
            403,
            b"x-amzn-ErrorType: AccessDeniedException",
            {"Message": text("x:GetItem", TABLE)},
        ),
    ],
)
def test_a_denial_has_the_services_own_format(
    errors: ErrorResponses, status: int, header: bytes, body: dict[str, str]
) -> None:
    response = errors.denied(USER, "x:GetItem", TABLE)
    assert response.status == status
    assert header in response.wire
    assert json.loads(response.body) == body


@pytest.mark.parametrize(
    ("errors", "kind", "status", "expected"),
    [
        (DynamoDbErrors(), FaultKind.MISSING, 400, b"#MissingAuthenticationTokenException"),
        (DynamoDbErrors(), FaultKind.WRONG, 400, b"#InvalidSignatureException"),
        (SqsErrors(), FaultKind.MISSING, 403, b"x-amzn-query-error: AccessDenied;Sender"),
        (SqsErrors(), FaultKind.UNKNOWN_CALLER, 403, b"InvalidClientTokenId;Sender"),
        (SqsErrors(), FaultKind.INCOMPLETE, 400, b"IncompleteSignature;Sender"),
        (SecretsErrors(), FaultKind.WRONG, 400, b'"__type":"InvalidSignatureException"'),
        (LambdaErrors(), FaultKind.WRONG, 403, b"x-amzn-ErrorType: InvalidSignatureException"),
        (ConnectionsErrors(), FaultKind.MISSING, 403, b"MissingAuthenticationTokenException"),
    ],
)
def test_a_signature_fault_has_the_services_own_format(
    errors: ErrorResponses, kind: FaultKind, status: int, expected: bytes
) -> None:
    response = errors.unauthenticated(SignatureFault(kind, "words"))
    assert response.status == status
    assert expected in response.wire
