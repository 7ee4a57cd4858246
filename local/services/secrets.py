"""Secrets Manager's GetSecretValue, the only operation that functions call.

See https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html. Errors
have the type that SDKs expect.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from local.http.messages import Request, Response
from local.iam.required_actions import operation_of
from local.template.model import Secret
from shared.utils.clock import Clock

MAX_BODY_BYTES = 64 * 1024
_OPERATION = "GetSecretValue"
_CURRENT = "AWSCURRENT"


class _GetSecretValue(msgspec.Struct):
    secret_id: str = msgspec.field(name="SecretId")
    version_id: str | None = msgspec.field(default=None, name="VersionId")
    version_stage: str | None = msgspec.field(default=None, name="VersionStage")


class SecretsApi:
    """Serves secrets by name or ARN; each has one version, the current one."""

    def __init__(self, secrets: Sequence[Secret], clock: Clock) -> None:
        self._secrets = {name: item for item in secrets for name in (item.name, item.arn)}
        self._created_seconds = clock.now_ms() / 1000
        self._decoder = msgspec.json.Decoder(_GetSecretValue)

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        operation = operation_of(request)
        if operation != _OPERATION:
            message = f"the local stack does not support {operation!r}"
            return _error("UnknownOperationException", message)
        try:
            return self._get_value(self._decoder.decode(request.body))
        except msgspec.ValidationError as error:
            return _error("ValidationException", str(error))
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _error("SerializationException", "the request is not JSON")

    def _get_value(self, request: _GetSecretValue) -> Response:
        secret = self._secrets.get(request.secret_id)
        if secret is None:
            return _not_found("secret")
        version = _version_of(secret)
        if request.version_id not in {None, version}:
            return _not_found(f"secret value for VersionId: {request.version_id}")
        if request.version_stage not in {None, _CURRENT}:
            return _not_found(f"secret value for staging label: {request.version_stage}")
        return _response(
            200,
            {
                "ARN": secret.arn,
                "Name": secret.name,
                "VersionId": version,
                "SecretString": secret.value,
                "VersionStages": [_CURRENT],
                "CreatedDate": self._created_seconds,
            },
        )


def _version_of(secret: Secret) -> str:
    """A UUID that is the same in every run."""
    return str(uuid.UUID(bytes=sha256(secret.arn.encode()).digest()[:16], version=4))


def _not_found(what: str) -> Response:
    return _error("ResourceNotFoundException", f"Secrets Manager can't find the specified {what}.")


def _error(kind: str, message: str) -> Response:
    return _response(400, {"__type": kind, "Message": message})


def _response(status: int, content: dict[str, object]) -> Response:
    headers = [
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("Content-Type", "application/x-amz-json-1.1"),
    ]
    return Response(status, msgspec.json.encode(content), headers)
