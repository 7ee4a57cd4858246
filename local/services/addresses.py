"""Maps deployed addresses to local ones; the only module that knows both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.base.loopback import HOST
from local.template.model import Stack


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of all services."""

    management_port: int
    token_port: int
    lambda_port: int
    dynamodb_port: int
    # 0 without queues or secrets.
    sqs_port: int = 0
    secrets_port: int = 0
    websocket_port: int = 0

    @property
    def lambda_url(self) -> str:
        """Endpoint of Lambda."""
        return f"http://{HOST}:{self.lambda_port}"

    @property
    def dynamodb_url(self) -> str:
        """Endpoint of DynamoDB."""
        return f"http://{HOST}:{self.dynamodb_port}"

    @property
    def sqs_url(self) -> str | None:
        """Endpoint of SQS, if the stack has queues."""
        return f"http://{HOST}:{self.sqs_port}" if self.sqs_port else None

    @property
    def secrets_url(self) -> str | None:
        """Endpoint of Secrets Manager, if the stack has secrets."""
        return f"http://{HOST}:{self.secrets_port}" if self.secrets_port else None

    @property
    def token_url(self) -> str:
        """URL that issues tokens."""
        return f"http://{HOST}:{self.token_port}/token"

    def websocket_url(self, stack: Stack) -> str:
        """URL to which clients connect, including functions."""
        return f"ws://{HOST}:{self.websocket_port}/{stack.websocket.stage}"

    def management_url(self, stack: Stack) -> str:
        """Endpoint of @connections, with the stage."""
        return f"http://{HOST}:{self.management_port}/{stack.websocket.stage}"

    def shared_environment(self, stack: Stack) -> dict[str, str]:
        """Variables of all functions: the Region and the endpoints of AWS's services."""
        services = {
            "DYNAMODB": self.dynamodb_url,
            "LAMBDA": self.lambda_url,
            "SQS": self.sqs_url,
            "SECRETS_MANAGER": self.secrets_url,
        }
        return {
            "AWS_REGION": stack.aws.region,
            "AWS_DEFAULT_REGION": stack.aws.region,
            **{f"AWS_ENDPOINT_URL_{name}": url for name, url in services.items() if url},
        }

    def localize(self, stack: Stack, environment: Mapping[str, str]) -> dict[str, str]:
        """Replace deployed addresses in the environment of a function with local ones."""
        websocket, aws = stack.websocket, stack.aws
        deployed_api = aws.management_url(websocket.api_id, websocket.stage)
        replacements = {
            deployed_api: self.management_url(stack),
            deployed_api.replace("https:", "wss:", 1): self.websocket_url(stack),
        }
        if stack.user_pool is not None:
            pool_id = stack.user_pool.pool_id
            replacements[aws.issuer_url(pool_id)] = f"http://{HOST}:{self.token_port}/{pool_id}"
        localized = {}
        for key, value in environment.items():
            text = value
            for deployed, local in replacements.items():
                text = text.replace(deployed, local)
            localized[key] = text
        return localized
