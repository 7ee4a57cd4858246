"""What Ref and Fn::GetAtt of this stack's resources give: names and ids made up for this machine.

Physical names that the template leaves to CloudFormation are derived from the logical ids, so that
they are the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.base.errors import TemplateError
from local.template.model import AwsEnvironment

Resource = Mapping[str, object]

# The property that names a resource, for the types where Ref gives that name.
_NAME_PROPERTIES = {
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Cognito::UserPoolGroup": "GroupName",
    "AWS::Events::Rule": "Name",
}
# Types where Ref gives an id that AWS makes up.
_IDS = frozenset(
    {
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::IntegrationResponse",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::RouteResponse",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::Cognito::UserPoolClient",
        "AWS::Lambda::EventSourceMapping",
    }
)
_ARN_RESOURCES = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
    "AWS::Lambda::Function": ("lambda", "function:"),
    "AWS::Logs::LogGroup": ("logs", "log-group:"),
    "AWS::Events::Rule": ("events", "rule/"),
}
# Ref gives its URL.
_QUEUE = "AWS::SQS::Queue"
# Ref gives its ARN, whose end AWS makes up: six characters after the name.
_SECRET = "AWS::SecretsManager::Secret"
_SECRET_SUFFIX = "-a1b2c3"
# The number of every version (there is one), and the attribute that is the ARN, as Ref is.
_QUALIFIED = {
    "AWS::Lambda::Version": ("1", "FunctionArn"),
    "AWS::Lambda::Alias": ("", "AliasArn"),
}
_WITH_ATTRIBUTES = frozenset(
    {"AWS::ApiGatewayV2::Api", "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient"}
)


class References:
    """Answers Ref and Fn::GetAtt for the resources, parameters and pseudo parameters of a template.

    Names given in the template may hold intrinsics themselves: what is returned is unresolved.
    """

    def __init__(
        self,
        stack_name: str,
        aws: AwsEnvironment,
        resources: Mapping[str, Resource],
        parameters: Mapping[str, Resource],
    ) -> None:
        self._stack_name = stack_name
        self._aws = aws
        self._resources = resources
        self._parameters = parameters
        self._pseudo = {
            "AWS::AccountId": aws.account,
            "AWS::Partition": aws.partition,
            "AWS::Region": aws.region,
            "AWS::StackName": stack_name,
            "AWS::StackId": aws.arn("cloudformation", f"stack/{stack_name}/local"),
            "AWS::URLSuffix": aws.url_suffix,
        }

    def ref(self, name: str) -> object:
        """What `Ref` of `name` gives; a value with intrinsics is returned unresolved."""
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            if "Default" not in self._parameters[name]:
                raise TemplateError(f"parameter {name} has no default value")
            return self._parameters[name]["Default"]
        kind = self._type(name)
        if kind in _NAME_PROPERTIES:
            return self._name(name, _NAME_PROPERTIES[kind])
        if kind == _QUEUE:
            beginning = self._aws.queue_url("")
            return {"Fn::Join": ["", [beginning, self._name(name, "QueueName")]]}
        if kind == _SECRET:
            prefix = self._aws.arn("secretsmanager", "secret:")
            return {"Fn::Join": ["", [prefix, self._name(name, "Name"), _SECRET_SUFFIX]]}
        identifier = re.sub(r"[^a-z0-9]", "", name.lower())
        made_up = {
            "AWS::ApiGatewayV2::Api": identifier[:10],
            "AWS::Cognito::UserPool": f"{self._aws.region}_{identifier}",
            "AWS::Lambda::Version": {"Fn::GetAtt": [name, "FunctionArn"]},
            "AWS::Lambda::Alias": {"Fn::GetAtt": [name, "AliasArn"]},
            "AWS::Lambda::LayerVersion": self._aws.arn("lambda", f"layer:{identifier}:1"),
            **dict.fromkeys(_IDS, identifier),
        }
        if kind not in made_up:
            raise TemplateError(f"Ref of {name} ({kind}) is not supported")
        return made_up[kind]

    def attribute(self, name: str, attribute: str) -> object:
        """What `Fn::GetAtt` gives; its parts may hold intrinsics still."""
        kind = self._type(name)
        if attribute == "Arn" and kind == "AWS::IAM::Role":
            # IAM's ARNs name no region.
            prefix = f"arn:{self._aws.partition}:iam::{self._aws.account}:role/"
            return {"Fn::Join": ["", [prefix, {"Ref": name}]]}
        if attribute == "Arn" and kind in _ARN_RESOURCES:
            service, prefix = _ARN_RESOURCES[kind]
            return {"Fn::Join": ["", [self._aws.arn(service, prefix), {"Ref": name}]]}
        if kind == _QUEUE and attribute in {"Arn", "QueueName"}:
            prefix = self._aws.arn("sqs", "") if attribute == "Arn" else ""
            return {"Fn::Join": ["", [prefix, self._name(name, "QueueName")]]}
        if kind in _QUALIFIED:
            return self._qualified(name, kind, attribute)
        if kind == _SECRET and attribute == "Id":
            return {"Ref": name}
        known = self._attributes(kind, str(self.ref(name))) if kind in _WITH_ATTRIBUTES else {}
        if attribute not in known:
            raise TemplateError(f"Fn::GetAtt of {name}.{attribute} ({kind}) is not supported")
        return known[attribute]

    def _qualified(self, name: str, kind: str, attribute: str) -> object:
        """Of a version or an alias: the function's ARN with what it is called at its end."""
        number, arn = _QUALIFIED[kind]
        end = number or self._property(name, "Name")
        if attribute == "Version" and number:
            return number
        if attribute != arn:
            raise TemplateError(f"Fn::GetAtt of {name}.{attribute} ({kind}) is not supported")
        prefix = self._aws.arn("lambda", "function:")
        return {"Fn::Join": ["", [prefix, self._property(name, "FunctionName"), ":", end]]}

    def _attributes(self, kind: str, reference: str) -> Mapping[str, str]:
        issuer = self._aws.issuer_url(reference)
        endpoint = self._aws.management_url(reference, "").rstrip("/")
        return {
            "AWS::Cognito::UserPool": {
                "Arn": self._aws.arn("cognito-idp", f"userpool/{reference}"),
                "ProviderName": issuer.removeprefix("https://"),
                "ProviderURL": issuer,
                "UserPoolId": reference,
            },
            "AWS::Cognito::UserPoolClient": {"ClientId": reference},
            "AWS::ApiGatewayV2::Api": {
                "ApiId": reference,
                "ApiEndpoint": endpoint.replace("https", "wss", 1),
            },
        }[kind]

    def _type(self, name: str) -> str:
        if name not in self._resources:
            raise TemplateError(f"the template refers to {name}, which it does not define")
        return str(self._resources[name].get("Type"))

    def _name(self, name: str, key: str) -> object:
        return self._property(name, key) or f"{self._stack_name}-{name}"

    def _property(self, name: str, key: str) -> object:
        properties = self._resources[name].get("Properties")
        return properties.get(key) if isinstance(properties, Mapping) else None
