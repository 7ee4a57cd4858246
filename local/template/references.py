"""Resolves Ref and Fn::GetAtt to physical names and ids.

Names that the template leaves to CloudFormation are derived from the logical ids, so they are the
same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.base.errors import TemplateError
from local.template.model import AwsEnvironment

Resource = Mapping[str, object]

# The name property of types whose Ref returns the name.
_NAME_PROPERTIES = {
    "AWS::ApiGatewayV2::Stage": "StageName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Cognito::UserPoolGroup": "GroupName",
    "AWS::Events::Rule": "Name",
}
# Types whose Ref returns a generated id.
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
# Ref returns its URL.
_QUEUE = "AWS::SQS::Queue"
# Ref returns its ARN, which ends with six generated characters after the name.
_SECRET = "AWS::SecretsManager::Secret"
_SECRET_SUFFIX = "-a1b2c3"
# The version number (the stack has one version), and the attribute with the ARN, as Ref.
_QUALIFIED = {
    "AWS::Lambda::Version": ("1", "FunctionArn"),
    "AWS::Lambda::Alias": ("", "AliasArn"),
}
_WITH_ATTRIBUTES = frozenset(
    {"AWS::ApiGatewayV2::Api", "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient"}
)


class References:
    """Looks up Ref and Fn::GetAtt for resources, parameters and pseudo parameters.

    Names in the template may contain intrinsic functions; the values are returned unresolved.
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
        """Value of `Ref`, with its own intrinsic functions unresolved."""
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
            prefix = self._aws.queue_url("")
            return {"Fn::Join": ["", [prefix, self._name(name, "QueueName")]]}
        if kind == _SECRET:
            prefix = self._aws.arn("secretsmanager", "secret:")
            return {"Fn::Join": ["", [prefix, self._name(name, "Name"), _SECRET_SUFFIX]]}
        identifier = re.sub(r"[^a-z0-9]", "", name.lower())
        generated = {
            "AWS::ApiGatewayV2::Api": identifier[:10],
            "AWS::Cognito::UserPool": f"{self._aws.region}_{identifier}",
            "AWS::Lambda::Version": {"Fn::GetAtt": [name, "FunctionArn"]},
            "AWS::Lambda::Alias": {"Fn::GetAtt": [name, "AliasArn"]},
            "AWS::Lambda::LayerVersion": self._aws.arn("lambda", f"layer:{identifier}:1"),
            **dict.fromkeys(_IDS, identifier),
        }
        if kind not in generated:
            raise TemplateError(f"Ref of {name} ({kind}) is not supported")
        return generated[kind]

    def attribute(self, name: str, attribute: str) -> object:
        """Value of `Fn::GetAtt`, with its own intrinsic functions unresolved."""
        kind = self._type(name)
        if attribute == "Arn" and kind == "AWS::IAM::Role":
            # IAM ARNs contain no Region.
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
        """Attribute of a version or alias, whose ARN ends with the version or alias name."""
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
            raise TemplateError(f"the template refers to the undefined resource {name}")
        return str(self._resources[name].get("Type"))

    def _name(self, name: str, key: str) -> object:
        return self._property(name, key) or f"{self._stack_name}-{name}"

    def _property(self, name: str, key: str) -> object:
        properties = self._resources[name].get("Properties")
        return properties.get(key) if isinstance(properties, Mapping) else None
