"""The APIs in a template and their child resources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local.template.model import AwsEnvironment
from local.template.permissions import PermissionReader
from local.template.resources import Resource, Resources

_INVOCATION_URI = re.compile(
    r"arn:[^:]+:apigateway:[^:]+:lambda:path/2015-03-31/functions/(arn:.+)/invocations"
)
# Child resources of an API, which refer to it by ApiId.
_CHILDREN = tuple(
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


def check_children(resources: Resources) -> None:
    """Raise TemplateError for a child resource of an API outside the template."""
    known = [resources.ref(api) for api in resources.all("ApiGatewayV2::Api")]
    for child in resources.all(*_CHILDREN):
        child.expect("ApiId", *known)


def apis_of_protocol(resources: Resources, protocol: str) -> list[Resource]:
    """The APIs of `protocol`, HTTP or WEBSOCKET. Raises TemplateError for another protocol."""
    found = list(resources.all("ApiGatewayV2::Api"))
    for api in found:
        api.expect("ProtocolType", "HTTP", "WEBSOCKET")
    return [api for api in found if api.text("ProtocolType") == protocol]


class ApiResources:
    """The child resources of one API; `functions` maps ARNs to function names."""

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
        """The API's child resources of a kind: Route, Stage and so on."""
        children = self._resources.all(f"ApiGatewayV2::{kind}")
        return (child for child in children if child.text("ApiId") == self.api_id)

    def stage_name(self) -> str:
        """Name of the API's only stage. Raises TemplateError."""
        return self.stage().text("StageName")

    def stage(self) -> Resource:
        """The API's only stage. Raises TemplateError if it has none or several."""
        found = list(self.all("Stage"))
        if len(found) != 1:
            raise self._api.error(f"expected one AWS::ApiGatewayV2::Stage, found {len(found)}")
        return found[0]

    def authorizers(self) -> dict[str, Resource]:
        """The API's authorizers by id."""
        return {self._resources.ref(item): item for item in self.all("Authorizer")}

    def integration_of(self, route: Resource) -> Resource:
        """The Lambda proxy integration of a route. Raises TemplateError."""
        target = route.text("Target")
        for item in self.all("Integration"):
            if target == f"integrations/{self._resources.ref(item)}":
                item.expect("IntegrationType", "AWS_PROXY")
                return item
        raise route.error(f"Target {target} is not an integration of this API")

    def invoked_function(self, resource: Resource, name: str, path: str) -> str:
        """The function whose ARN or invocation URI is the value of property `name`.

        Raises TemplateError if API Gateway may not invoke it for `path`, the end of the caller's
        ARN: the deployed API would answer 500.
        """
        text = resource.text(name)
        uri = _INVOCATION_URI.fullmatch(text)
        arn = uri[1] if uri else text
        if arn not in self._functions:
            raise resource.error(f"{name} {text} is not a function of this stack")
        function = self._functions[arn]
        caller = self._aws.arn("execute-api", f"{self.api_id}/{path}")
        if arn not in self._permissions.invocable_by_api(caller):
            raise resource.error(f"no AWS::Lambda::Permission allows {caller} to invoke {function}")
        return function
