"""A small cloud assembly as the CDK writes it: template, assets manifest, one code asset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STACK = "fixture-dev"
STAGE = "dev"
_KEY = "c0de.zip"

Template = dict[str, Any]


def function(handler: str, *, timeout: int = 10, **variables: object) -> dict[str, Any]:
    """A Lambda function resource."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Architectures": ["arm64"],
            "Code": {"S3Bucket": {"Fn::Sub": "assets-${AWS::AccountId}"}, "S3Key": _KEY},
            "Environment": {"Variables": variables},
            "Handler": handler,
            "Layers": [{"Ref": "Layer"}],
            "MemorySize": 256,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Runtime": "python3.13",
            "Timeout": timeout,
        },
    }


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    """A role for functions with one inline policy."""
    assume = {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    policy = {"PolicyName": "grants", "PolicyDocument": {"Statement": list(statements)}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [assume]},
            "Policies": [policy] if statements else [],
        },
    }


def allow(action: str | list[str], resource: object) -> dict[str, Any]:
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def permission(function_id: str) -> dict[str, Any]:
    """API Gateway's permission to invoke a function."""
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Fn::GetAtt": [function_id, "Arn"]},
            "Principal": "apigateway.amazonaws.com",
        },
    }


def invocation_uri(function_id: str) -> dict[str, Any]:
    """What an integration or an authorizer invokes."""
    return {
        "Fn::Join": [
            "",
            [
                "arn:",
                {"Ref": "AWS::Partition"},
                ":apigateway:",
                {"Ref": "AWS::Region"},
                ":lambda:path/2015-03-31/functions/",
                {"Fn::GetAtt": [function_id, "Arn"]},
                "/invocations",
            ],
        ]
    }


def integration(function_id: str) -> dict[str, Any]:
    """A proxy integration."""
    return _of_api(
        "Integration", IntegrationType="AWS_PROXY", IntegrationUri=invocation_uri(function_id)
    )


def route(key: str, integration_id: str, *, replies: bool = False) -> dict[str, Any]:
    """A route; one that replies needs a `route_response`, too."""
    target = {"Fn::Join": ["", ["integrations/", {"Ref": integration_id}]]}
    resource = _of_api("Route", RouteKey=key, Target=target)
    if replies:
        resource["Properties"]["RouteResponseSelectionExpression"] = "$default"
    return resource


def route_response(route_id: str) -> dict[str, Any]:
    """What lets a route reply."""
    return _of_api("RouteResponse", RouteId={"Ref": route_id}, RouteResponseKey="$default")


def _of_api(kind: str, **properties: object) -> dict[str, Any]:
    return {
        "Type": f"AWS::ApiGatewayV2::{kind}",
        "Properties": {"ApiId": {"Ref": "Api"}, **properties},
    }


def base() -> Template:
    """An API with its stage, a user pool and a table; no functions and no routes."""
    return {
        "Description": "fixture",
        "Outputs": {"Url": {"Value": {"Ref": "Api"}}},
        "Resources": {
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {
                    "Name": "fixture",
                    "ProtocolType": "WEBSOCKET",
                    "RouteSelectionExpression": "$request.body.action",
                },
            },
            "Stage": _of_api("Stage", StageName=STAGE, AutoDeploy=True),
            "Role": role(),
            "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": {}}},
            "Pool": {"Type": "AWS::Cognito::UserPool"},
            "Client": {
                "Type": "AWS::Cognito::UserPoolClient",
                "Properties": {"UserPoolId": {"Ref": "Pool"}},
            },
            "Notes": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "AttributeDefinitions": [
                        {"AttributeName": "id", "AttributeType": "S"},
                        {"AttributeName": "when", "AttributeType": "N"},
                    ],
                    "BillingMode": "PAY_PER_REQUEST",
                    "GlobalSecondaryIndexes": [
                        {
                            "IndexName": "recent",
                            "KeySchema": [
                                {"AttributeName": "id", "KeyType": "HASH"},
                                {"AttributeName": "when", "KeyType": "RANGE"},
                            ],
                            "Projection": {"ProjectionType": "KEYS_ONLY"},
                        }
                    ],
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "TableName": "fixture-notes",
                },
                "DeletionPolicy": "Delete",
            },
        },
    }


def with_routes(
    routes: Mapping[str, str], replies: set[str] | None = None, **functions: dict[str, Any]
) -> Template:
    """`base` with functions by logical id, and routes: route key to logical id of a function."""
    template = base()
    resources = template["Resources"]
    for logical_id, resource in functions.items():
        resources[logical_id] = resource
        resources[f"{logical_id}Permission"] = permission(logical_id)
        resources[f"{logical_id}Integration"] = integration(logical_id)
    for number, (key, logical_id) in enumerate(routes.items()):
        answers = key in (replies or set())
        resources[f"Route{number}"] = route(key, f"{logical_id}Integration", replies=answers)
        if answers:
            resources[f"Route{number}Response"] = route_response(f"Route{number}")
    return template


def with_authorizer(template: Template, logical_id: str) -> Template:
    """The template with a function as the authorizer of $connect."""
    resources = template["Resources"]
    resources["Authorizer"] = _of_api(
        "Authorizer",
        AuthorizerType="REQUEST",
        AuthorizerUri=invocation_uri(logical_id),
        IdentitySource=[],
        Name="connect",
    )
    for resource in resources.values():
        if resource.get("Properties", {}).get("RouteKey") == "$connect":
            resource["Properties"] |= {
                "AuthorizationType": "CUSTOM",
                "AuthorizerId": {"Ref": "Authorizer"},
            }
    return template


def with_http(
    template: Template, routes: Mapping[str, str], open_routes: Mapping[str, str] | None = None
) -> Template:
    """The template with an HTTP API: route key to logical id of a function, whose permission is
    added; `open_routes` ask for no token.
    """
    resources = template["Resources"]
    of_http = {"ApiId": {"Ref": "Web"}}
    resources |= {
        "Web": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "HTTP"}},
        "WebStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {**of_http, "StageName": "$default", "AutoDeploy": True},
        },
        "WebAuthorizer": {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                **of_http,
                "AuthorizerType": "JWT",
                "IdentitySource": ["$request.header.Authorization"],
                "JwtConfiguration": {
                    "Audience": [{"Ref": "Client"}],
                    "Issuer": {"Fn::GetAtt": ["Pool", "ProviderURL"]},
                },
            },
        },
    }
    for number, (key, logical_id) in enumerate({**routes, **(open_routes or {})}.items()):
        resources[f"Web{logical_id}"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                **of_http,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": {"Fn::GetAtt": [logical_id, "Arn"]},
                "PayloadFormatVersion": "2.0",
            },
        }
        authorization = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": "WebAuthorizer"}}
        resources[f"WebRoute{number}"] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                **of_http,
                "RouteKey": key,
                "Target": {"Fn::Join": ["", ["integrations/", {"Ref": f"Web{logical_id}"}]]},
                **(authorization if key in routes else {}),
            },
        }
        allowed = permission(logical_id)
        path = key.replace("ANY", "*", 1).replace(" ", "", 1)
        allowed["Properties"]["SourceArn"] = {
            "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
            f"${{Web}}/*/{path}"
        }
        resources[f"WebRoute{number}Permission"] = allowed
    return template


def secret(name: str) -> dict[str, Any]:
    """A generated secret."""
    return {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"Name": name, "GenerateSecretString": {"PasswordLength": 64}},
    }


def with_queue(template: Template, logical_id: str, function_id: str, **more: Any) -> Template:
    """The template with a queue that feeds a function, its policy and its dead letters.

    `more` are properties of the queue.
    """
    dead = f"{logical_id}Dead"
    template["Resources"] |= {
        dead: {
            "Type": "AWS::SQS::Queue",
            "Properties": {"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": True},
        },
        logical_id: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": f"fixture-{logical_id.lower()}",
                "DelaySeconds": 1,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
                    "maxReceiveCount": 3,
                },
                **more,
            },
        },
        f"{logical_id}Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"PolicyDocument": {}, "Queues": [{"Ref": logical_id}]},
        },
        f"{logical_id}Source": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": [logical_id, "Arn"]},
                "FunctionName": {"Ref": function_id},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        },
    }
    return template


def with_rule(
    template: Template, logical_id: str, function_id: str, queue_id: str | None = None, **more: Any
) -> Template:
    """The template with a rule that invokes a function every minute, and sends to a queue if one
    is named. `more` are properties of the rule.
    """
    resources = template["Resources"]
    arns = [{"Fn::GetAtt": [name, "Arn"]} for name in (function_id, queue_id) if name]
    resources[logical_id] = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 minute)",
            "State": "ENABLED",
            "Targets": [{"Id": str(number), "Arn": arn} for number, arn in enumerate(arns)],
            **more,
        },
    }
    source = {"Fn::GetAtt": [logical_id, "Arn"]}
    allowed = permission(function_id)
    allowed["Properties"] |= {"Principal": "events.amazonaws.com", "SourceArn": source}
    resources[f"{logical_id}Permission"] = allowed
    if queue_id:
        resources[f"{logical_id}MaySend"] = {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": queue_id}],
                "PolicyDocument": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": arns[1],
                            "Condition": {"ArnEquals": {"aws:SourceArn": source}},
                        }
                    ]
                },
            },
        }
    return template


def write(folder: Path, template: Template, code: str = "") -> Path:
    """Write the assembly; the code becomes the asset's `functions.py`. Returns the template."""
    asset = folder / "asset.c0de"
    asset.mkdir(parents=True, exist_ok=True)
    (asset / "functions.py").write_text(code)
    manifest = {
        "files": {
            "c0de": {
                "source": {"path": asset.name, "packaging": "zip"},
                "destinations": {"here": {"objectKey": _KEY}},
            }
        }
    }
    (folder / f"{STACK}.assets.json").write_text(json.dumps(manifest))
    path = folder / f"{STACK}.template.json"
    path.write_text(json.dumps(template))
    return path
