"""Access control of all services: who called, and what their role allows."""

from __future__ import annotations

from local.base.errors import StartError
from local.http.client import Upstream
from local.iam.credentials import LocalCredentials
from local.iam.dynamodb_actions import dynamodb_permissions
from local.iam.error_responses import (
    ConnectionsErrors,
    DynamoDbErrors,
    ErrorResponses,
    LambdaErrors,
    PollyErrors,
    SecretsErrors,
    SqsErrors,
    TranslateErrors,
)
from local.iam.principals import Principals
from local.iam.request_authorizer import (
    PermissionMapper,
    RequestAuthorizer,
    RequestCheck,
    allow_all,
)
from local.iam.required_actions import (
    connections_permissions,
    lambda_permissions,
    polly_permissions,
    secrets_permissions,
    sqs_permissions,
    translate_permissions,
)
from local.iam.role_policies import Report, RolePolicies
from local.iam.signatures import SignatureVerifier
from local.services.proxy import ServiceProxy
from local.template.model import Stack
from local.template.policy import allows
from shared.utils.clock import Clock

# A call to the local database takes a millisecond; a hung database must show soon.
_DATABASE_TIMEOUT_SECONDS = 8.0
# Longer than the timeouts of the callers.
_SPEECH_TIMEOUT_SECONDS = 30.0
# The operations that Lambda's pollers call on a queue.
_POLLING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


class AccessControl:
    """Creates the check of each service; without `verify` every check admits all requests."""

    def __init__(self, stack: Stack, clock: Clock, *, verify: bool, report: Report) -> None:
        self._stack = stack
        self._aws = stack.aws
        self._clock = clock
        #: Whether requests are checked.
        self.verifies = verify
        self._principals = Principals(stack.functions.values(), stack.aws)
        #: The policies of the functions' roles; can be changed while the stack runs.
        self.policies = RolePolicies(stack.functions.values(), report)

    def credentials(self, function: str) -> LocalCredentials:
        """The credentials of a function. Raises KeyError."""
        return self._principals.of_function(function).credentials

    def connections(self) -> RequestCheck:
        """The check for @connections."""
        mapper = connections_permissions(self._aws, self._stack.websocket)
        return self._authorizer("execute-api", mapper, ConnectionsErrors())

    def invocations(self) -> RequestCheck:
        """The check for Lambda's Invoke."""
        return self._authorizer("lambda", lambda_permissions(self._aws), LambdaErrors())

    def database(self, port: int) -> ServiceProxy:
        """A checking proxy for the DynamoDB at a local port."""
        errors = DynamoDbErrors()
        check = self._authorizer("dynamodb", dynamodb_permissions(self._aws), errors)
        upstream = Upstream(port, _DATABASE_TIMEOUT_SECONDS)
        return ServiceProxy(check, upstream, errors.unavailable)

    def queues(self) -> RequestCheck:
        """The check for SQS."""
        return self._authorizer("sqs", sqs_permissions(self._aws), SqsErrors())

    def secrets(self) -> RequestCheck:
        """The check for Secrets Manager."""
        mapper = secrets_permissions(self._aws, self._stack.secrets)
        return self._authorizer("secretsmanager", mapper, SecretsErrors())

    def translate(self, port: int) -> ServiceProxy:
        """A checking proxy for a Translate substitute at a local port."""
        errors = TranslateErrors()
        check = self._authorizer("translate", translate_permissions, errors)
        return ServiceProxy(check, Upstream(port, _SPEECH_TIMEOUT_SECONDS), errors.unavailable)

    def polly(self, port: int) -> ServiceProxy:
        """A checking proxy for a Polly substitute at a local port."""
        errors = PollyErrors()
        check = self._authorizer("polly", polly_permissions, errors)
        return ServiceProxy(check, Upstream(port, _SPEECH_TIMEOUT_SECONDS), errors.unavailable)

    def check_event_sources(self) -> None:
        """Check that each event source mapping's function has permission to poll its queue.

        Raises StartError. Rules:
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html; text of the
        error: https://github.com/anomalyco/sst/issues/5737.
        """
        if not self.verifies:
            return
        arns = {queue.name: queue.arn for queue in self._stack.queues}
        for source in self._stack.event_source_mappings:
            statements = self.policies.statements(source.function)
            for operation in _POLLING:
                if not allows(statements, f"sqs:{operation}", arns[source.queue]):
                    raise StartError(
                        f"event source mapping of {source.queue} to {source.function}: the "
                        f"function execution role does not have permissions to call {operation} "
                        f"on SQS"
                    )

    def _authorizer(
        self, service: str, mapper: PermissionMapper, errors: ErrorResponses
    ) -> RequestCheck:
        if not self.verifies:
            return allow_all
        verify = SignatureVerifier(self._principals, self._aws.region, service, self._clock)
        return RequestAuthorizer(verify, mapper, self.policies, errors)
