"""Reads the roles of a template; unsupported elements are errors, since they might deny."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.template.model import Role, Statement
from local.template.policy import is_resource
from local.template.resources import Resource, Resources

_LAMBDA = "lambda.amazonaws.com"


class RoleReader:
    """Reads the roles of functions: inline policies and attached AWS::IAM::Policy resources.

    Ignores roles that other services assume.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._roles = {
            resources.attribute(resource, "Arn"): resource
            for resource in resources.all("IAM::Role")
        }

    def role_of(self, function: Resource) -> Role:
        """Read a function's role. Raises TemplateError for elements that are not enforced."""
        arn = function.text("Role")
        if arn not in self._roles:
            raise function.error(f"Role {arn} is not a role of this template")
        return self._role(self._roles[arn])

    def _role(self, resource: Resource) -> Role:
        for name in _as_list(resource.get("ManagedPolicyArns", [])):
            raise resource.error(
                f"managed policy {name} is not supported, since the template does not contain its "
                f"statements; copy them into Policies"
            )
        if resource.get("PermissionsBoundary") is not None:
            raise resource.error("PermissionsBoundary is not supported")
        _expect_lambda(resource)
        name = self._resources.ref(resource)
        inline = [
            statement
            for policy in resource.get("Policies", [])
            for statement in _statements(resource, policy["PolicyDocument"])
        ]
        attached = [
            statement
            for policy in self._resources.all("IAM::Policy")
            if name in _as_list(policy.get("Roles", []))
            for statement in _statements(policy, policy.get("PolicyDocument"))
        ]
        return Role(name, (*inline, *attached))


def _expect_lambda(resource: Resource) -> None:
    """Raise TemplateError for a role that Lambda cannot assume."""
    document = resource.get("AssumeRolePolicyDocument", {})
    for statement in _as_list(document.get("Statement", [])):
        principal = statement.get("Principal", {})
        if isinstance(principal, Mapping) and _LAMBDA in _as_list(principal.get("Service", [])):
            return
    raise resource.error(f"AssumeRolePolicyDocument does not allow {_LAMBDA} to assume the role")


def _statements(resource: Resource, document: Mapping[str, Any]) -> Iterator[Statement]:
    for content in _as_list(document.get("Statement", [])):
        if unknown := content.keys() - {"Sid", "Effect", "Action", "Resource"}:
            raise resource.error(f"{min(unknown)} of a policy statement is not supported")
        if content.get("Effect") != "Allow":
            raise resource.error(f"Effect {content.get('Effect')!r}: only Allow is supported")
        actions = _texts(resource, content, "Action")
        resources = _texts(resource, content, "Resource")
        for action in actions:
            if action != "*" and ":" not in action:
                raise resource.error(f"Action {action!r}: expected the form service:Operation")
        for pattern in resources:
            if not is_resource(pattern) or "${" in pattern:
                raise resource.error(f"Resource {pattern!r}: expected * or an ARN without ${{}}")
        yield Statement(actions, resources)


def _texts(resource: Resource, content: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = _as_list(content.get(name, []))
    if not texts or not all(isinstance(text, str) for text in texts):
        raise resource.error(f"{name} of a policy statement must be a text or a list of texts")
    return tuple(texts)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
