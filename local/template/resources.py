"""The resources of a template: their properties resolved, found by their type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from local.base.errors import TemplateError
from local.template.intrinsics import NO_VALUE, Resolver


class Resource:
    """A resource with its properties; what is asked for is resolved."""

    def __init__(self, logical_id: str, content: Mapping[str, Any], resolver: Resolver) -> None:
        self.id = logical_id
        self.type: str = content["Type"]
        self._properties: Mapping[str, Any] = content.get("Properties", {})
        self._resolver = resolver

    def get(self, name: str, default: Any = None) -> Any:
        """The property, or the default. JSON values: the template's schema is CloudFormation's."""
        resolved = self._resolver.resolve(self._properties.get(name, default))
        return default if resolved is NO_VALUE else resolved

    def text(self, name: str, default: str | None = None) -> str:
        """The property as text; without a default it must be there."""
        if name not in self._properties:
            if default is None:
                raise self.error(f"{name} is missing")
            return default
        return self._resolver.text(self._properties[name], f"{self.id}.{name}")

    def whole(
        self, name: str, least: int, most: int, default: int, *, part: str | None = None
    ) -> int:
        """The property as a whole number, or that of the object it is, within its range."""
        where = f"{name}.{part}" if part else name
        value = self.get(name, {} if part else default)
        if part:
            if not isinstance(value, dict):
                raise self.error(f"{name}: expected an object")
            value = value.get(part, default)
        try:
            number = int(str(value))
        except ValueError:
            raise self.error(f"{where}: expected a whole number") from None
        if not least <= number <= most:
            raise self.error(f"{where} is {number}; allowed are {least} to {most}")
        return number

    def expect(self, name: str, *expected: str, default: str | None = None) -> None:
        """Refuse any value but the expected ones."""
        value = self.text(name, default)
        if value not in expected:
            raise self.error(f"{name} is {value!r}; supported is {' or '.join(expected)}")

    def error(self, message: str) -> TemplateError:
        return TemplateError(f"{self.id} ({self.type}): {message}")


class Resources:
    """All resources of a template."""

    def __init__(self, resources: Sequence[Resource], resolver: Resolver) -> None:
        self._resources = resources
        self._resolver = resolver

    def all(self, *kinds: str) -> Iterator[Resource]:
        """Those of the given types, named without `AWS::`."""
        names = {f"AWS::{kind}" for kind in kinds}
        return (resource for resource in self._resources if resource.type in names)

    def only(self, kind: str) -> Resource:
        """The one that there must be of a type. Raises TemplateError."""
        found = list(self.all(kind))
        if len(found) != 1:
            raise TemplateError(f"expected one AWS::{kind} in the template, found {len(found)}")
        return found[0]

    def ref(self, resource: Resource) -> str:
        """What `Ref` of it gives."""
        return self._resolver.text({"Ref": resource.id}, resource.id)

    def attribute(self, resource: Resource, name: str) -> str:
        """What `Fn::GetAtt` of it gives."""
        return self._resolver.text({"Fn::GetAtt": [resource.id, name]}, resource.id)

    def text(self, value: object, where: str) -> str:
        """Any text of the template, resolved. Raises TemplateError naming `where`."""
        return self._resolver.text(value, where)
