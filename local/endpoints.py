"""The addresses of a running stack, as an object and as the line of `--ready-json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of one run; None for parts that the stack does not have."""

    websocket_url: str
    management_url: str
    token_url: str | None
    lambda_url: str
    dynamodb_url: str
    http_url: str | None = None
    web_url: str | None = None
    sqs_url: str | None = None
    secrets_url: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """The line of `--ready-json`."""
        return {
            "websocketUrl": self.websocket_url,
            "managementUrl": self.management_url,
            "tokenUrl": self.token_url,
            "lambdaUrl": self.lambda_url,
            "dynamodbUrl": self.dynamodb_url,
            "httpUrl": self.http_url,
            "webUrl": self.web_url,
            "sqsUrl": self.sqs_url,
            "secretsUrl": self.secrets_url,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Endpoints:
        """Parse what `as_json` returns."""
        return cls(
            websocket_url=content["websocketUrl"],
            management_url=content["managementUrl"],
            token_url=content["tokenUrl"],
            lambda_url=content["lambdaUrl"],
            dynamodb_url=content["dynamodbUrl"],
            http_url=content["httpUrl"],
            web_url=content["webUrl"],
            sqs_url=content["sqsUrl"],
            secrets_url=content["secretsUrl"],
        )
