"""What a request asks for in IAM's terms, service by service. DynamoDB has a module of its own.

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

from local.http.server import Request, Response
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
    """The function, `name` or `name:alias`, that Invoke names by that, or by the end of an ARN."""
    named = unquote(path_part)
    _, is_arn, name = named.rpartition("function:")
    if is_arn or named.count(":") <= 1:
        return name
    return named.rpartition(":")[2]


def lambda_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """lambda:InvokeFunction on the function's ARN."""

    def needs(request: Request) -> Sequence[RequiredPermission]:
        path = INVOKE_PATH.fullmatch(request.path)
        if path is None:
            return ()
        arn = aws.arn("lambda", f"function:{function_name(path[1])}")
        return (RequiredPermission("lambda:InvokeFunction", arn),)

    return needs


def connections_permissions(aws: AwsEnvironment, api: WebSocketApi) -> PermissionMapper:
    """execute-api:ManageConnections; the ARN holds the method.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
    """
    base = aws.arn("execute-api", api.api_id)

    def needs(request: Request) -> Sequence[RequiredPermission]:
        stage, _, path = unquote(request.path).removeprefix("/").partition("/")
        if not path.startswith("@connections/"):
            return ()  # there is no such route, which is found out before who may take it
        resource = f"{base}/{stage}/{request.method}/{path}"
        return (RequiredPermission("execute-api:ManageConnections", resource),)

    return needs


class _QueueCall(msgspec.Struct):
    """What requests to SQS name their queue by."""

    queue_url: str | None = msgspec.field(default=None, name="QueueUrl")
    queue_name: str | None = msgspec.field(default=None, name="QueueName")


def sqs_permissions(aws: AwsEnvironment) -> PermissionMapper:
    """sqs:<operation> on the queue's ARN; a batch needs what its single messages need.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    decoder = msgspec.json.Decoder(_QueueCall)

    def needs(request: Request) -> Sequence[RequiredPermission]:
        operation = operation_of(request).removesuffix("Batch")
        call = decoded(decoder, request)
        name = call.queue_name or (call.queue_url or "").rstrip("/").rpartition("/")[2]
        return (RequiredPermission(f"sqs:{operation}", aws.arn("sqs", name) if name else "*"),)

    return needs


class _SecretCall(msgspec.Struct):
    """What requests to Secrets Manager name their secret by."""

    secret_id: str | None = msgspec.field(default=None, name="SecretId")


def secrets_permissions(aws: AwsEnvironment, secrets: Sequence[Secret]) -> PermissionMapper:
    """secretsmanager:<operation> on the secret's ARN, whose end only those know that there are."""
    decoder = msgspec.json.Decoder(_SecretCall)
    arns = {name: secret.arn for secret in secrets for name in (secret.name, secret.arn)}

    def needs(request: Request) -> Sequence[RequiredPermission]:
        action = f"secretsmanager:{operation_of(request)}"
        named = decoded(decoder, request).secret_id
        if not named:
            return (RequiredPermission(action, "*"),)
        is_arn = named.startswith("arn:")
        unknown = named if is_arn else aws.arn("secretsmanager", f"secret:{named}")
        return (RequiredPermission(action, arns.get(named, unknown)),)

    return needs


# Polly's protocol names operations by method and path.
_POLLY = {("POST", "/v1/speech"): "SynthesizeSpeech"}


def polly_permissions(request: Request) -> Sequence[RequiredPermission]:
    """polly:<operation>; without lexicons there is no resource to it."""
    operation = _POLLY.get((request.method, request.path), "Unknown")
    return (RequiredPermission(f"polly:{operation}", "*"),)


def translate_permissions(request: Request) -> Sequence[RequiredPermission]:
    """translate:<operation>; without terminologies there is no resource to it."""
    return (RequiredPermission(f"translate:{operation_of(request)}", "*"),)


def decoded(decoder: msgspec.json.Decoder[_T], request: Request) -> _T:
    """The fields of a JSON body that matter. Raises UnreadableError."""
    try:
        return decoder.decode(request.body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedRequestError(_UNREADABLE) from error


def operation_of(request: Request) -> str:
    """The operation that the JSON protocols name in a header; empty if they name none."""
    for name, value in request.raw_headers:
        if name == _TARGET:
            return value.decode("latin-1").rpartition(".")[2]
    return ""
