"""What functions and systems outside share: generated here, and seen by nobody who may not."""

from __future__ import annotations

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure.stage.config import StageConfig

_LENGTH = 64


class Secrets:
    """The secrets of a stage."""

    def __init__(self, scope: Construct, config: StageConfig) -> None:
        #: Signs what an outside bus sends to POST /sync/messages.
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
        # Encrypted with AWS's own key for secrets, as the tables are with DynamoDB's.
        self.sync.apply_removal_policy(config.removal_policy)

    @property
    def sync_id(self) -> str:
        """Its ARN, by which functions ask for it."""
        return self.sync.ref
