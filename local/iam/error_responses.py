"""Error responses of each AWS service to unauthorized calls: status, headers and body.

The text of a denial is from
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html. Details that AWS
does not document follow responses that others recorded:

- DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
  and https://github.com/architect/dynalite (`index.js`, and `test/helpers.js`: `Message` of an
  AccessDeniedException in upper case, `message` of the others not).
- SQS: https://github.com/aws/serverless-application-model/issues/3633 (the action in lower case),
  the status 403 and the header of
  https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#x-amzn-query-error.
- Lambda: https://github.com/slackapi/bolt-python/issues/632 and
  https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html.
- @connections: https://github.com/aws-solutions/innovation-sandbox-on-aws/pull/59 (hides most
  digits of the account and the connection id).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Protocol

from local.http.messages import Response
from local.iam.signatures import FaultKind, SignatureFault

_CORAL = "com.amazon.coral.service#"
_JSON = "application/x-amz-json-1.0"
_EXCEPTIONS: Mapping[FaultKind, str] = {
    FaultKind.MISSING: "MissingAuthenticationTokenException",
    FaultKind.INCOMPLETE: "IncompleteSignatureException",
    FaultKind.UNKNOWN_CALLER: "UnrecognizedClientException",
    FaultKind.WRONG: "InvalidSignatureException",
}
_ACCESS_DENIED = "AccessDeniedException"


class ErrorResponses(Protocol):
    """Error responses of a service."""

    def unauthenticated(self, fault: SignatureFault) -> Response:
        """Response to a missing or invalid signature."""

    def denied(self, caller: str, action: str, resource: str) -> Response:
        """Response to a caller, identified by ARN, whose role does not allow the action."""


def _denial(caller: str, action: str, resource: str) -> str:
    return (
        f"User: {caller} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def _typed_body(status: int, kind: str, *headers: tuple[str, str], **text: str) -> Response:
    """An error of the JSON protocols: the type is in the body."""
    body = json.dumps({"__type": kind, **text}, separators=(",", ":")).encode()
    request_id = ("x-amzn-RequestId", str(uuid.uuid4()))
    return Response(status, body, [("Content-Type", _JSON), request_id, *headers])


def _typed_header(status: int, kind: str, **text: str) -> Response:
    """An error of the REST protocols: the type is in a header."""
    request_id = ("x-amzn-RequestId", str(uuid.uuid4()))
    return Response.json(status, text, [("x-amzn-ErrorType", kind), request_id])


class DynamoDbErrors:
    """DynamoDB's errors: always status 400."""

    def unauthenticated(self, fault: SignatureFault) -> Response:
        message = fault.message
        if fault.kind is FaultKind.MISSING:
            message = "Request is missing Authentication Token"
        return _typed_body(400, _CORAL + _EXCEPTIONS[fault.kind], message=message)

    def denied(self, caller: str, action: str, resource: str) -> Response:
        return _typed_body(400, _CORAL + _ACCESS_DENIED, Message=_denial(caller, action, resource))

    def unavailable(self) -> Response:
        """Response when the database does not answer; SDKs retry."""
        return _typed_body(
            503,
            _CORAL + "ServiceUnavailableException",
            message="DynamoDB is currently unavailable. Try your request again.",
        )


class SqsErrors:
    """SQS's errors: mostly status 403, with the query protocol's error code in a header."""

    _CODES: Mapping[FaultKind, tuple[int, str, str]] = {
        FaultKind.MISSING: (403, _ACCESS_DENIED, "AccessDenied"),
        FaultKind.INCOMPLETE: (400, "IncompleteSignatureException", "IncompleteSignature"),
        FaultKind.UNKNOWN_CALLER: (403, "UnrecognizedClientException", "InvalidClientTokenId"),
        FaultKind.WRONG: (403, "InvalidSignatureException", "SignatureDoesNotMatch"),
    }

    def unauthenticated(self, fault: SignatureFault) -> Response:
        status, kind, code = self._CODES[fault.kind]
        return _typed_body(status, _CORAL + kind, _query_error(code), message=fault.message)

    def denied(self, caller: str, action: str, resource: str) -> Response:
        service, _, name = action.partition(":")
        text = _denial(caller, f"{service}:{name.lower()}", resource)
        return _typed_body(403, _CORAL + _ACCESS_DENIED, _query_error("AccessDenied"), Message=text)


def _query_error(code: str) -> tuple[str, str]:
    return ("x-amzn-query-error", f"{code};Sender")


class SecretsErrors:
    """Secrets Manager's errors: always status 400; the types have no namespace."""

    def unauthenticated(self, fault: SignatureFault) -> Response:
        return _typed_body(400, _EXCEPTIONS[fault.kind], message=fault.message)

    def denied(self, caller: str, action: str, resource: str) -> Response:
        return _typed_body(400, _ACCESS_DENIED, Message=_denial(caller, action, resource))


class TranslateErrors(SecretsErrors):
    """Translate's errors, in the same protocol."""

    def unavailable(self) -> Response:
        """Response when the local substitute does not answer; SDKs retry."""
        return _typed_body(503, "ServiceUnavailableException", message="nothing answers")


class LambdaErrors:
    """Lambda's errors: always status 403."""

    def unauthenticated(self, fault: SignatureFault) -> Response:
        return _typed_header(403, _EXCEPTIONS[fault.kind], message=fault.message)

    def denied(self, caller: str, action: str, resource: str) -> Response:
        return _typed_header(403, _ACCESS_DENIED, Message=_denial(caller, action, resource))


class PollyErrors(LambdaErrors):
    """Polly's errors, in the same protocol."""

    def unavailable(self) -> Response:
        """Response when the local substitute does not answer; SDKs retry."""
        return _typed_header(503, "ServiceFailureException", message="nothing answers")


class ConnectionsErrors(LambdaErrors):
    """API Gateway's errors for @connections: as Lambda's, but they hide parts of the resource."""

    _ACCOUNT = re.compile(r"(?<=:)\d{8}(?=\d{4}:)")

    def denied(self, caller: str, action: str, resource: str) -> Response:
        shown = self._ACCOUNT.sub("*" * 8, resource)
        path, _, _ = shown.partition("/@connections/")
        return super().denied(caller, action, f"{path}/@connections/{{connectionId}}")
