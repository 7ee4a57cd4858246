"""Callers of the local services: the stack's functions and the operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from local.iam.credentials import LocalCredentials
from local.template.model import AwsEnvironment, Function


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller with credentials; AWS's error messages name it by `arn`.

    `function` is None for the operator, who is subject to no policy.
    """

    arn: str
    credentials: LocalCredentials
    function: str | None = None


class Principals:
    """All principals of a run, by access key."""

    def __init__(self, functions: Iterable[Function], aws: AwsEnvironment) -> None:
        # Lambda assumes the role with the function's name as the session name:
        # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
        self._functions = {
            function.name: Principal(
                f"arn:{aws.partition}:sts::{aws.account}:assumed-role/"
                f"{function.role.name}/{function.name}",
                LocalCredentials.of_function(function.name),
                function.name,
            )
            for function in functions
        }
        operator = Principal(f"arn:{aws.partition}:iam::{aws.account}:root", LocalCredentials())
        self._by_access_key = {
            principal.credentials.access_key: principal
            for principal in (*self._functions.values(), operator)
        }

    def of_function(self, name: str) -> Principal:
        """The principal of a function. Raises KeyError."""
        return self._functions[name]

    def find(self, access_key: str) -> Principal | None:
        """The principal with this access key, or None."""
        return self._by_access_key.get(access_key)
