"""What the roles in a template allow. What is not understood is refused: it might deny."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.template.model import Role, Statement
from local.template.policy import is_resource
from local.template.resources import Resource, Resources

_LAMBDA = "lambda.amazonaws.com"


class RoleReader:
    """Reads the roles of functions: inline policies, and AWS::IAM::Policy attached to them.

    Roles that something else assumes are without effect here, whatever they say.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._roles = {
            resources.attribute(resource, "Arn"): resource
            for resource in resources.all("IAM::Role")
        }

    def of(self, function: Resource) -> Role:
        """A function's role. Raises TemplateError for what this package does not enforce."""
        arn = function.text("Role")
        if arn not in self._roles:
            raise function.error(f"Role {arn} is no role of this template")
        return self._role(self._roles[arn])

    def _role(self, resource: Resource) -> Role:
        for name in _listed(resource.get("ManagedPolicyArns", [])):
            raise resource.error(
                f"managed policy {name} is not supported: what it allows is not in the template; "
                f"write its statements into Policies"
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
            if name in _listed(policy.get("Roles", []))
            for statement in _statements(policy, policy.get("PolicyDocument"))
        ]
        return Role(name, (*inline, *attached))


def _expect_lambda(resource: Resource) -> None:
    """Refuse a role that Lambda could not assume."""
    document = resource.get("AssumeRolePolicyDocument", {})
    for statement in _listed(document.get("Statement", [])):
        principal = statement.get("Principal", {})
        if isinstance(principal, Mapping) and _LAMBDA in _listed(principal.get("Service", [])):
            return
    raise resource.error(f"AssumeRolePolicyDocument does not let {_LAMBDA} assume it")


def _statements(resource: Resource, document: Mapping[str, Any]) -> Iterator[Statement]:
    for content in _listed(document.get("Statement", [])):
        if unknown := content.keys() - {"Sid", "Effect", "Action", "Resource"}:
            raise resource.error(f"{min(unknown)} of a policy statement is not supported")
        if content.get("Effect") != "Allow":
            raise resource.error(f"Effect {content.get('Effect')!r} is not supported, only Allow")
        actions = _texts(resource, content, "Action")
        resources = _texts(resource, content, "Resource")
        for action in actions:
            if action != "*" and ":" not in action:
                raise resource.error(f"Action {action!r} is not in the form service:Operation")
        for pattern in resources:
            if not is_resource(pattern) or "${" in pattern:
                raise resource.error(f"Resource {pattern!r} is neither * nor an ARN without ${{}}")
        yield Statement(actions, resources)


def _texts(resource: Resource, content: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = _listed(content.get(name, []))
    if not texts or not all(isinstance(text, str) for text in texts):
        raise resource.error(f"{name} of a policy statement must be a text or a list of texts")
    return tuple(texts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
