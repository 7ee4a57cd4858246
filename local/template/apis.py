"""The APIs in a template, each with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.model import AwsEnvironment
from local.template.permissions import PermissionReader
from local.template.resources import Resource, Resources

_INVOCATION_URI = re.compile(
    r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(arn:.+)/invocations"
)
# What belongs to one API, and says so.
_PARTS = tuple(
    f"ApiGatewayV2::{kind}"
    for kind in (
        "Stage",
        "Deployment",
        "Route",
        "RouteResponse",
        "Integration",
        "IntegrationResponse",
        "Authorizer",
    )
)


def check_parts(resources: Resources) -> None:
    """Refuse what belongs to no API of the template. Raises TemplateError."""
    known = [resources.ref(api) for api in resources.all("ApiGatewayV2::Api")]
    for part in resources.all(*_PARTS):
        part.expect("ApiId", *known)


def apis(resources: Resources, protocol: str) -> list[Resource]:
    """The APIs of a protocol, HTTP or WEBSOCKET. Raises TemplateError for any other one."""
    found = list(resources.all("ApiGatewayV2::Api"))
    for api in found:
        api.expect("ProtocolType", "HTTP", "WEBSOCKET")
    return [api for api in found if api.text("ProtocolType") == protocol]


class ApiParts:
    """What both kinds of API are read with; `functions` are the names by their ARNs."""

    def __init__(
        self,
        resources: Resources,
        api: Resource,
        aws: AwsEnvironment,
        functions: Mapping[str, str],
        permissions: PermissionReader,
    ) -> None:
        self._resources = resources
        self._api = api
        self._aws = aws
        self._functions = functions
        self._permissions = permissions
        self.api_id = resources.ref(api)

    def all(self, kind: str) -> Iterator[Resource]:
        """The API's parts of a kind: Route, Stage and so on."""
        parts = self._resources.all(f"ApiGatewayV2::{kind}")
        return (part for part in parts if part.text("ApiId") == self.api_id)

    def stage(self) -> str:
        """The name of the one stage that there must be. Raises TemplateError."""
        return self.only_stage().text("StageName")

    def only_stage(self) -> Resource:
        """The one stage that there must be. Raises TemplateError."""
        found = list(self.all("Stage"))
        if len(found) != 1:
            raise self._api.error(f"expected one AWS::ApiGatewayV2::Stage, found {len(found)}")
        return found[0]

    def authorizers(self) -> dict[str, Resource]:
        """The authorizers by id."""
        return {self._resources.ref(item): item for item in self.all("Authorizer")}

    def integration_of(self, route: Resource) -> Resource:
        """Where a route leads. Raises TemplateError."""
        target = route.text("Target")
        for item in self.all("Integration"):
            if target == f"integrations/{self._resources.ref(item)}":
                item.expect("IntegrationType", "AWS_PROXY")
                return item
        raise route.error(f"Target {target} is no integration of this API")

    def invoked(self, resource: Resource, name: str, path: str) -> str:
        """The function whose ARN or invocation URI the property holds, if API Gateway may invoke it
        for `path`, the end of an ARN. Raises TemplateError: without permission it would answer 500.
        """
        text = resource.text(name)
        uri = _INVOCATION_URI.fullmatch(text)
        arn = uri[1] if uri else text
        if arn not in self._functions:
            raise resource.error(f"{name} invokes no function of this stack")
        function = self._functions[arn]
        caller = self._aws.arn("execute-api", f"{self.api_id}/{path}")
        if arn not in self._permissions.of_api(caller):
            raise resource.error(
                f"no AWS::Lambda::Permission lets it invoke {function} for {caller}"
            )
        return function
