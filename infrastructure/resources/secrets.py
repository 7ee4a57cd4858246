"""Secrets shared with external systems; Secrets Manager generates them."""

from __future__ import annotations

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure.stage.config import StageConfig

_LENGTH = 64


class Secrets:
    """The secrets of a stage."""

    def __init__(self, scope: Construct, config: StageConfig) -> None:
        #: The key with which an external bus signs requests to POST /sync/messages.
        self.sync = secretsmanager.CfnSecret(
            scope,
            "SyncSecret",
            name=config.resource_name("sync"),
            description="Signs messages of the outside bus: docs/operations.md, Secrets",
            # Letters and digits, so that it can be pasted anywhere.
            generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
                password_length=_LENGTH, exclude_punctuation=True
            ),
        )
        # Encrypted with the AWS managed key, like the tables.
        self.sync.apply_removal_policy(config.removal_policy)

    @property
    def sync_id(self) -> str:
        """The secret's ARN, by which functions read it."""
        return self.sync.ref
