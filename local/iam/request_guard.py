"""The door of one service: whose signature, then what they may, before anything is served."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from local.http.server import Handler, Request, Response
from local.iam.error_responses import ErrorResponses
from local.iam.principals import Principal
from local.iam.role_policies import RolePolicies
from local.iam.signatures import Fault


class RequiredPermission(NamedTuple):
    """An action on a resource that a request asks for."""

    action: str
    resource: str


#: None for a request that may be served, else the answer that refuses it.
Guard = Callable[[Request], Response | None]
#: What a request asks for. Raises UnreadableError if that cannot be told.
Needs = Callable[[Request], Sequence[RequiredPermission]]
Verifier = Callable[[Request], Principal | Fault]


class UnreadableError(Exception):
    """A request that the service would not understand either; `answer` is what it says."""

    def __init__(self, answer: Response) -> None:
        super().__init__("unreadable request")
        self.answer = answer


def admit_all(_request: Request) -> None:
    """A guard for load: requests are signed, but nobody spends time on checking them."""


def guarded(guard: Guard, handler: Handler) -> Handler:
    """`handler`, for requests that `guard` lets in."""

    def handle(request: Request) -> Response | Coroutine[Any, Any, Response]:
        return guard(request) or handler(request)

    return handle


class RequestAuthorizer:
    """Lets in what is rightly signed and allowed by the caller's role."""

    def __init__(
        self, verify: Verifier, needs: Needs, policies: RolePolicies, refusals: ErrorResponses
    ) -> None:
        self._verify = verify
        self._needs = needs
        self._policies = policies
        self._refusals = refusals

    def __call__(self, request: Request) -> Response | None:
        """Why not, in the service's words, or None."""
        caller = self._verify(request)
        if isinstance(caller, Fault):
            return self._refusals.fault(caller)
        try:
            needs = self._needs(request)
        except UnreadableError as error:
            return error.answer
        for action, resource in needs:
            if not self._policies.allow(caller, action, resource):
                return self._refusals.denied(caller.arn, action, resource)
        return None
