"""Authorizes each request to a service: first its signature, then the caller's permissions."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from local.http.messages import Handler, Request, Response
from local.iam.error_responses import ErrorResponses
from local.iam.principals import Principal
from local.iam.role_policies import RolePolicies
from local.iam.signatures import SignatureFault


class RequiredPermission(NamedTuple):
    """An action on a resource that a request requires."""

    action: str
    resource: str


#: Returns None for an allowed request, otherwise the error response.
RequestCheck = Callable[[Request], Response | None]
#: Maps a request to the permissions it requires. Raises MalformedRequestError.
PermissionMapper = Callable[[Request], Sequence[RequiredPermission]]
Verifier = Callable[[Request], Principal | SignatureFault]


class MalformedRequestError(Exception):
    """A request whose body the service cannot parse either; `response` is its error response."""

    def __init__(self, response: Response) -> None:
        super().__init__("malformed request")
        self.response = response


def allow_all(_request: Request) -> None:
    """Skip all checks, for load tests."""


def authorized(check: RequestCheck, handler: Handler) -> Handler:
    """Wrap `handler` so that it gets only requests which pass `check`."""

    def handle(request: Request) -> Response | Coroutine[Any, Any, Response]:
        return check(request) or handler(request)

    return handle


class RequestAuthorizer:
    """Allows requests with a valid signature whose caller's role grants the permissions."""

    def __init__(
        self,
        verify: Verifier,
        required_permissions: PermissionMapper,
        policies: RolePolicies,
        errors: ErrorResponses,
    ) -> None:
        self._verify = verify
        self._required_permissions = required_permissions
        self._policies = policies
        self._errors = errors

    def __call__(self, request: Request) -> Response | None:
        """Return the service's error response, or None if the request is allowed."""
        caller = self._verify(request)
        if isinstance(caller, SignatureFault):
            return self._errors.unauthenticated(caller)
        try:
            required = self._required_permissions(request)
        except MalformedRequestError as error:
            return error.response
        for action, resource in required:
            if not self._policies.allow(caller, action, resource):
                return self._errors.denied(caller.arn, action, resource)
        return None
