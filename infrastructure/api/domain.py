"""A custom domain for the WebSocket API, so that a rebuilt API keeps its address.

WebSocket and HTTP APIs cannot share a domain. Functions keep posting to the API's own endpoint,
which stays open:
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-custom-domain-names.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-mappings.html
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_route53 as route53
from constructs import Construct

from infrastructure.api.websocket_api import WebSocketApi
from infrastructure.stage.config import CustomDomain


def add_domain(scope: Construct, domain: CustomDomain, api: WebSocketApi) -> str:
    """Map the domain to the API and return its URL, which ends with the stage as usual."""
    name = apigateway.CfnDomainName(
        scope,
        "Domain",
        domain_name=domain.name,
        domain_name_configurations=[
            apigateway.CfnDomainName.DomainNameConfigurationProperty(
                certificate_arn=domain.certificate_arn,
                endpoint_type="REGIONAL",
                security_policy="TLS_1_2",
            )
        ],
    )
    mapping = apigateway.CfnApiMapping(
        scope,
        "DomainMapping",
        domain_name=name.ref,
        api_id=api.api_id,
        stage=api.stage_name,
        api_mapping_key=api.stage_name,
    )
    # The mapping names the stage, so CloudFormation cannot infer the dependency.
    mapping.node.add_dependency(scope.node.find_child("Stage"))
    if domain.hosted_zone_id:
        for kind in ("A", "AAAA"):
            route53.CfnRecordSet(
                scope,
                f"DomainRecord{kind}",
                hosted_zone_id=domain.hosted_zone_id,
                name=domain.name,
                type=kind,
                alias_target=route53.CfnRecordSet.AliasTargetProperty(
                    dns_name=name.attr_regional_domain_name,
                    hosted_zone_id=name.attr_regional_hosted_zone_id,
                ),
            )
    else:
        # The target of a CNAME record in a DNS zone hosted elsewhere.
        cdk.CfnOutput(scope, "DomainTarget", value=name.attr_regional_domain_name)
    return f"wss://{domain.name}/{api.stage_name}"
