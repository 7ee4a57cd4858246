"""IAM permissions that a request requires, for each service but DynamoDB.

Actions and resources: https://docs.aws.amazon.com/service-authorization/latest/reference/
(list_awslambda.html, list_amazonapigateway.html, list_amazonpolly.html, list_amazonsqs.html,
list_amazontranslate.html, list_awssecretsmanager.html).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar
from urllib.parse import unquote

import msgspec

from local.http.messages import Request, Response
from local.iam.request_authorizer import MalformedRequestError, PermissionMapper, RequiredPermission
from local.template.model import AwsEnvironment, Secret, WebSocketApi

INVOKE_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_TARGET = b"x-amz-target"
# https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
_UNREADABLE = Response(
    400,
    b'{"__type":"com.amazon.coral.service#SerializationException"}',
    [("Content-Type", "application/x-amz-json-1.0")],
)

_T = TypeVar("_T")


def function_name(path_part: str) -> str:
    """Return `name` or `name:alias` from the function name or ARN in the path of an Invoke."""
    reference = unquote(path_part)
    _, is_arn, name = reference.rpartition("function:")
    if is_arn or reference.count(":") <= 1:
        return name
    return reference.rpartition(":")[2]


def lambda_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """Require lambda:InvokeFunction on the function's ARN."""

    def required(request: Request) -> Sequence[RequiredPermission]:
        path = INVOKE_PATH.fullmatch(request.path)
        if path is None:
            return ()
        arn = aws.arn("lambda", f"function:{function_name(path[1])}")
        return (RequiredPermission("lambda:InvokeFunction", arn),)

    return required


def connections_permissions(aws: AwsEnvironment, api: WebSocketApi) -> PermissionMapper:
    """Require execute-api:ManageConnections; the ARN contains the HTTP method.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    base = aws.arn("execute-api", api.api_id)

    def required(request: Request) -> Sequence[RequiredPermission]:
        stage, _, path = unquote(request.path).removeprefix("/").partition("/")
        if not path.startswith("@connections/"):
            return ()  # an unknown route is a 404, whatever the caller's permissions
        resource = f"{base}/{stage}/{request.method}/{path}"
        return (RequiredPermission("execute-api:ManageConnections", resource),)

    return required


class _QueueCall(msgspec.Struct):
    """The fields of an SQS request that name the queue."""

    queue_url: str | None = msgspec.field(default=None, name="QueueUrl")
    queue_name: str | None = msgspec.field(default=None, name="QueueName")


def sqs_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """Require sqs:<operation> on the queue's ARN; a batch requires the single message's action.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    decoder = msgspec.json.Decoder(_QueueCall)

    def required(request: Request) -> Sequence[RequiredPermission]:
        operation = operation_of(request).removesuffix("Batch")
        call = decode_body(decoder, request)
        name = call.queue_name or (call.queue_url or "").rstrip("/").rpartition("/")[2]
        return (RequiredPermission(f"sqs:{operation}", aws.arn("sqs", name) if name else "*"),)

    return required


class _SecretCall(msgspec.Struct):
    """The field of a Secrets Manager request that names the secret."""

    secret_id: str | None = msgspec.field(default=None, name="SecretId")


def secrets_permissions(aws: AwsEnvironment, secrets: Sequence[Secret]) -> PermissionMapper:
    """Require secretsmanager:<operation> on the secret's ARN.

    The random suffix of an ARN is known only for the stack's own secrets.
    """
    decoder = msgspec.json.Decoder(_SecretCall)
    arns = {name: secret.arn for secret in secrets for name in (secret.name, secret.arn)}

    def required(request: Request) -> Sequence[RequiredPermission]:
        action = f"secretsmanager:{operation_of(request)}"
        secret_id = decode_body(decoder, request).secret_id
        if not secret_id:
            return (RequiredPermission(action, "*"),)
        is_arn = secret_id.startswith("arn:")
        unknown = secret_id if is_arn else aws.arn("secretsmanager", f"secret:{secret_id}")
        return (RequiredPermission(action, arns.get(secret_id, unknown)),)

    return required


# Polly's REST protocol identifies operations by method and path.
_POLLY_OPERATIONS = {("POST", "/v1/speech"): "SynthesizeSpeech"}


def polly_permissions(request: Request) -> Sequence[RequiredPermission]:
    """Require polly:<operation> on `*`; only lexicons would be resources."""
    operation = _POLLY_OPERATIONS.get((request.method, request.path), "Unknown")
    return (RequiredPermission(f"polly:{operation}", "*"),)


def translate_permissions(request: Request) -> Sequence[RequiredPermission]:
    """Require translate:<operation> on `*`; only terminologies would be resources."""
    return (RequiredPermission(f"translate:{operation_of(request)}", "*"),)


def decode_body(decoder: msgspec.json.Decoder[_T], request: Request) -> _T:
    """Decode a JSON body. Raises MalformedRequestError."""
    try:
        return decoder.decode(request.body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedRequestError(_UNREADABLE) from error


def operation_of(request: Request) -> str:
    """The operation in the JSON protocols' X-Amz-Target header, or an empty string."""
    for name, value in request.raw_headers:
        if name == _TARGET:
            return value.decode("latin-1").rpartition(".")[2]
    return ""
