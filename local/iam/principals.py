"""Who calls: the functions of the stack under their roles, and whoever runs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from local.iam.credentials import LocalCredentials
from local.template.model import AwsEnvironment, Function


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody with credentials; `arn` is how AWS's errors name them.

    `function` is None for the operator, whom no policy limits.
    """

    arn: str
    credentials: LocalCredentials
    function: str | None = None


class Principals:
    """All who can sign requests in one run, by their access keys."""

    def __init__(self, functions: Iterable[Function], aws: AwsEnvironment) -> None:
        # A role assumed by Lambda has the function's name as its session's:
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
        """The function as a caller. Raises KeyError."""
        return self._functions[name]

    def find(self, access_key: str) -> Principal | None:
        """Whose access key it is, if anybody's."""
        return self._by_access_key.get(access_key)
