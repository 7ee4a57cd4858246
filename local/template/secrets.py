"""Reads the secrets of a template, with values that are the same in every run.

The value of a generated secret is `local-<name>-secret`; the name omits the stack's prefix.
"""

from __future__ import annotations

from local.template.model import Secret
from local.template.resources import Resource, Resources


class SecretReader:
    """Reads the secrets of a template."""

    def __init__(self, resources: Resources, stack_name: str) -> None:
        self._resources = resources
        self._stack_name = stack_name

    def read(self) -> tuple[Secret, ...]:
        """Read the secrets. Raises TemplateError for unsupported ones."""
        return tuple(map(self._secret, self._resources.all("SecretsManager::Secret")))

    def _secret(self, resource: Resource) -> Secret:
        generated = resource.get("GenerateSecretString")
        if not isinstance(generated, dict):
            raise resource.error("only a secret with GenerateSecretString is supported")
        if template := {"SecretStringTemplate", "GenerateStringKey"} & generated.keys():
            raise resource.error(f"GenerateSecretString.{min(template)} is not supported")
        name = resource.text("Name", f"{self._stack_name}-{resource.id}")
        short_name = name.removeprefix(f"{self._stack_name}-")
        return Secret(name, self._resources.ref(resource), f"local-{short_name}-secret")
