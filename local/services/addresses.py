"""Where deployed addresses lead on this machine: the only place that knows both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.base.loopback import HOST
from local.template.model import Stack


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of everything that functions or people call."""

    management_port: int
    token_port: int
    lambda_port: int
    dynamodb_port: int
    # 0 without queues, or without secrets.
    sqs_port: int = 0
    secrets_port: int = 0
    websocket_port: int = 0

    @property
    def lambda_url(self) -> str:
        """The Lambda API's endpoint."""
        return f"http://{HOST}:{self.lambda_port}"

    @property
    def dynamodb_url(self) -> str:
        """DynamoDB's endpoint."""
        return f"http://{HOST}:{self.dynamodb_port}"

    @property
    def sqs_url(self) -> str | None:
        """SQS's endpoint, if the stack has queues."""
        return f"http://{HOST}:{self.sqs_port}" if self.sqs_port else None

    @property
    def secrets_url(self) -> str | None:
        """Secrets Manager's endpoint, if the stack has secrets."""
        return f"http://{HOST}:{self.secrets_port}" if self.secrets_port else None

    @property
    def token_url(self) -> str:
        """Where tokens are asked for."""
        return f"http://{HOST}:{self.token_port}/token"

    def websocket_url(self, stack: Stack) -> str:
        """Where clients connect, functions among them."""
        return f"ws://{HOST}:{self.websocket_port}/{stack.websocket.stage}"

    def management_url(self, stack: Stack) -> str:
        """The endpoint of @connections, with the stage."""
        return f"http://{HOST}:{self.management_port}/{stack.websocket.stage}"

    def issuer_url(self, stack: Stack) -> str | None:
        """The issuer of tokens, if the stack has a user pool."""
        if stack.user_pool is None:
            return None
        return f"http://{HOST}:{self.token_port}/{stack.user_pool.pool_id}"

    def shared_environment(self, stack: Stack) -> dict[str, str]:
        """What all functions are told: the Region, and where AWS's services are."""
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
        """The environment of a function, with local addresses in place of deployed ones."""
        websocket, aws = stack.websocket, stack.aws
        deployed_api = aws.management_url(websocket.api_id, websocket.stage)
        replacements = {
            deployed_api: self.management_url(stack),
            deployed_api.replace("https:", "wss:", 1): self.websocket_url(stack),
        }
        if stack.user_pool is not None:
            deployed = aws.issuer_url(stack.user_pool.pool_id)
            replacements[deployed] = f"http://{HOST}:{self.token_port}/{stack.user_pool.pool_id}"
        localized = {}
        for key, value in environment.items():
            text = value
            for deployed, here in replacements.items():
                text = text.replace(deployed, here)
            localized[key] = text
        return localized
