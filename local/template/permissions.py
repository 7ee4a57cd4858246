"""Permissions of API Gateway and EventBridge to invoke the functions of a template."""

from __future__ import annotations

from collections.abc import Mapping, Set

from local.template.policy import resource_matches
from local.template.resources import Resource, Resources

API_GATEWAY = "apigateway.amazonaws.com"
EVENTS = "events.amazonaws.com"


class PermissionReader:
    """Reads AWS::Lambda::Permission; `functions` maps ARNs, including aliases', to names.

    A permission for a function does not apply to its aliases.
    """

    def __init__(self, resources: Resources, functions: Mapping[str, str]) -> None:
        # An ARN ends with the function's name, or with name and alias.
        self._arns = {arn.partition(":function:")[2]: arn for arn in functions}
        self._permissions = list(resources.all("Lambda::Permission"))
        for permission in self._permissions:
            permission.expect("Action", "lambda:InvokeFunction")
            permission.expect("Principal", API_GATEWAY, EVENTS)

    def invocable_by_api(self, arn: str) -> Set[str]:
        """Function ARNs that API Gateway may invoke for the route or authorizer `arn`."""
        return {
            self._function(permission)
            for permission in self._permissions
            if permission.text("Principal") == API_GATEWAY
            and resource_matches(permission.text("SourceArn", arn), arn)
        }

    def invocable_by_rule(self, arn: str) -> Set[str]:
        """Function ARNs that the rule `arn` may invoke."""
        return {
            self._function(permission)
            for permission in self._permissions
            if permission.text("Principal") == EVENTS and permission.text("SourceArn", arn) == arn
        }

    def _function(self, permission: Resource) -> str:
        target = permission.text("FunctionName")
        return self._arns.get(target, target)
