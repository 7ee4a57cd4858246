"""What the roles in a template allow. What is not understood is refused: it might deny."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.model import Role, Statement
from local.policy import is_resource
from local.resources import Resource, Resources

_LAMBDA = "lambda.amazonaws.com"
_API_GATEWAY = "apigateway.amazonaws.com"


class RoleReader:
    """Reads the roles with their inline policies, and AWS::IAM::Policy attached to them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def read(self) -> dict[str, Role]:
        """The roles by ARN. Raises TemplateError for what this package does not enforce."""
        attached: dict[str, list[Statement]] = {}
        for policy in self._resources.all("IAM::Policy"):
            statements = list(_statements(policy, policy.get("PolicyDocument")))
            for name in _listed(policy.get("Roles", [])):
                attached.setdefault(name, []).extend(statements)
        return {
            self._resources.attribute(resource, "Arn"): self._role(resource, attached)
            for resource in self._resources.all("IAM::Role")
            if not _is_for_gateway(resource)
        }

    def _role(self, resource: Resource, attached: Mapping[str, list[Statement]]) -> Role:
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
        return Role(name, (*inline, *attached.get(name, [])))


def _is_for_gateway(resource: Resource) -> bool:
    """Whether it is API Gateway's, to write logs with: nobody takes it here."""
    document = resource.get("AssumeRolePolicyDocument", {})
    principals = [item.get("Principal") for item in _listed(document.get("Statement", []))]
    return principals == [{"Service": _API_GATEWAY}]


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
